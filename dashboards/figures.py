"""Figures as functions of data: no page state, no reading."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards import words
from dashboards.waterfall import Role, Row
from inventory import contract

COLOUR = {
    Role.AGENT: "#5b8def",
    Role.MODEL: "#9b6ee8",
    Role.TOOL: "#1fa99a",
    Role.RETRIEVAL: "#c58a1b",
    Role.OTHER: "#8592a6",
}
ICON = {Role.AGENT: "●", Role.MODEL: "◆", Role.TOOL: "▲", Role.RETRIEVAL: "■", Role.OTHER: "○"}
ERROR = "#e5484d"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "'Source Sans', 'Source Sans 3', system-ui, sans-serif"

ROW_HEIGHT = 24
_NBSP = "\u00a0"
_LABEL_PX = 7.3  # a monospaced character of 12 px
_THINNEST = 0.0025  # of the trace's duration: what is shorter is still seen


def waterfall(
    rows: Sequence[Row], duration: int, selected: str = "", label_width: int = 40, dark: bool = False
) -> go.Figure:
    """One bar per row by its offset, the tree in the labels. `customdata[0]` of a bar is its span's id.

    Numeric y keeps the tree's order; labels are padded since the axis aligns them to the right.
    """
    unit, size = _unit(duration)
    total = max(duration, 1) / size
    labels = [_label(row, label_width) for row in rows]
    width = max((len(label) for label in labels), default=0)
    spans = [row.node.span for row in rows]
    ink, line = ("#e8ebf0", "rgba(232,235,240,.10)") if dark else ("#1f2733", "rgba(31,39,51,.09)")
    bars = go.Bar(
        orientation="h",
        base=[row.node.offset / size for row in rows],
        x=[max(span.duration_ns / size, total * _THINNEST) for span in spans],
        y=list(range(len(rows))),
        width=0.62,
        customdata=[
            [
                span.span_id,
                _plain(words.shorter(span.name, 80)),
                words.duration(span.duration_ns),
                words.duration(row.node.offset),
                f"{ICON[row.node.role]} {row.node.role.value}",
                _plain(words.shorter(span.service, 60)) if span.service else words.UNKNOWN,
                _remarks(row),
            ]
            for row, span in zip(rows, spans, strict=True)
        ],
        text=[_beside(row) for row in rows],
        textposition="outside",
        textfont={"size": 11, "family": SANS},
        cliponaxis=False,
        constraintext="none",
        marker={
            "color": [ERROR if row.node.failed else COLOUR[row.node.role] for row in rows],
            "opacity": [1.0 if row.node.critical or row.node.failed else 0.55 for row in rows],
            "line": {
                "color": [ink if span.span_id == selected else "rgba(0,0,0,0)" for span in spans],
                "width": [2 if span.span_id == selected else 0 for span in spans],
            },
            "pattern": {
                "shape": ["/" if row.node.failed else "" for row in rows],
                "fillmode": "overlay",
                "fgcolor": "rgba(255,255,255,.5)",
                "size": 7,
                "solidity": 0.22,
            },
            "cornerradius": 3,
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 0.55}},
        hovertemplate=(
            "<b>%{customdata[1]}</b><br>%{customdata[4]} · %{customdata[5]}<br>"
            "%{customdata[2]}, starting at +%{customdata[3]}%{customdata[6]}<extra></extra>"
        ),
        hoverlabel={"align": "left", "font": {"family": SANS, "size": 13}},
    )
    figure = go.Figure(bars)
    figure.update_layout(
        height=len(rows) * ROW_HEIGHT + 56,
        margin={"l": round(width * _LABEL_PX) + 14, "r": 8, "t": 34, "b": 10},
        showlegend=False,
        dragmode=False,
        clickmode="event+select",
        hovermode="closest",
        uirevision="waterfall",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink, "family": SANS},
        xaxis={
            "side": "top",
            "range": [-total * 0.004, total * 1.16],
            "ticksuffix": f" {unit}",
            "tickfont": {"size": 11},
            "nticks": 7,
            "gridcolor": line,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "range": [len(rows) - 0.5, -0.5],
            "tickmode": "array",
            "tickvals": list(range(len(rows))),
            "ticktext": [
                _emphasised(label.ljust(width, _NBSP), row, selected) for label, row in zip(labels, rows, strict=True)
            ],
            "tickfont": {"family": MONO, "size": 12},
            # Without these each label is compared with every other one: 2,000 rows would take minutes.
            "automargin": False,
            "tickangle": 0,
            "ticklabeloverflow": "allow",
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    )
    return figure


def ingest(health: contract.Ingest, dark: bool = False) -> go.Figure:
    """Spans received per minute, as a strip without axes: its words stand beside it."""
    ink = "#8fb0f5" if dark else COLOUR[Role.AGENT]
    figure = go.Figure(
        go.Bar(
            x=[minute.start for minute in health.minutes],
            y=[minute.spans for minute in health.minutes],
            marker={"color": ink, "cornerradius": 2},
            hovertemplate="%{x|%H:%M} UTC · %{y:,} spans<extra></extra>",
        )
    )
    figure.update_layout(
        height=46,
        margin={"l": 0, "r": 0, "t": 2, "b": 2},
        bargap=0.25,
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        xaxis={"visible": False, "fixedrange": True},
        yaxis={"visible": False, "fixedrange": True, "rangemode": "tozero"},
    )
    return figure


def _unit(duration: int) -> tuple[str, float]:
    """The axis' unit: a trace of 40 minutes reads in minutes, one of 3 ms in ms."""
    for unit, size, up_to in (("µs", 1e3, 1e6), ("ms", 1e6, 1e9), ("s", 1e9, 300e9), ("min", 60e9, 7200e9)):
        if duration < up_to:
            return unit, size
    return "h", 3600e9


def _label(row: Row, width: int) -> str:
    indent = _NBSP * (2 * min(row.depth, 8))
    more = f"{_NBSP}+{row.hidden:,}" if row.hidden else ""
    name = words.shorter(_plain(row.node.span.name), max(width - len(indent) - 2 - len(more), 8))
    return f"{indent}{ICON[row.node.role]}{_NBSP}{name}{more}"


def _plain(text: str) -> str:
    """Span names are a sender's text: no markup, no line breaks."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    return clean.replace("<", "‹").replace(">", "›").replace("&", "+").replace(" ", _NBSP) or "(no name)"


def _emphasised(label: str, row: Row, selected: str) -> str:
    return f"<b>{label}</b>" if row.node.span.span_id == selected else label


def _beside(row: Row) -> str:
    marks = [words.duration(row.node.span.duration_ns)]
    if row.node.failed:
        marks.append("✕ error")
    if row.node.detached:
        marks.append("⚠ no parent")
    if row.node.looped:
        marks.append("⚠ circular")
    return "  ".join(marks)


def _remarks(row: Row) -> str:
    node, remarks = row.node, []
    if node.failed:
        remarks.append(f"✕ error: {_plain(words.shorter(node.span.status_message or node.span.error_type, 90))}")
    if node.critical:
        remarks.append("on the critical path")
    if row.hidden:
        remarks.append(f"{words.plural(row.hidden, 'span')} below not drawn")
    return "".join(f"<br>{remark}" for remark in remarks)
