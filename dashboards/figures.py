"""Figures as functions of data: no page state, no reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import plotly.graph_objects as go

from dashboards import words
from dashboards.waterfall import Role, Row
from inventory import contract
from inventory.contract.figures import Spend
from inventory.contract.incidents import AgentFigures, Incident

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
    ink, line = inks(dark)
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


def health(seen: Incident, dark: bool = False) -> go.Figure:
    """Traces of each step, failed ones below in red; what changed as lines with their numbers; when it began."""
    ink, line = inks(dark)
    steps = seen.steps
    starts = [step.start for step in steps]
    hover = [
        f"{step.start:%H:%M} UTC: {step.failed:,} of {step.traces:,} failed"
        + (f", p95 {words.duration(step.p95_ns)}" if step.p95_ns is not None else "")
        + (f", {words.money(round(step.cost, 6))}" if step.cost is not None else "")
        for step in steps
    ]
    figure = go.Figure(
        [
            *_outcomes(starts, [(step.failed, step.traces) for step in steps], hover, dark),
        ]
    )  # fmt: skip
    began = seen.window.since
    if starts and began > starts[0]:
        figure.add_vrect(x0=starts[0], x1=began, fillcolor=ink, opacity=0.045, line_width=0)
        figure.add_annotation(x=began, y=1, yref="paper", text="before │ window", showarrow=False, yanchor="top",
                              font={"size": 11})  # fmt: skip
    for change in [one for one in seen.changes if one.suspect][:5]:
        if starts and starts[0] <= change.at <= seen.window.until:
            figure.add_vline(x=change.at, line={"color": "#c58a1b", "width": 2, "dash": "dot"})
            figure.add_annotation(
                x=change.at, y=0.98, yref="paper", text=f"◆ {_plain(words.shorter(change.words, 46))}", showarrow=False,
                xanchor="right", xshift=-4, font={"size": 11, "color": "#e0a63a" if dark else "#8a5a00"},
            )  # fmt: skip
    _plain_layout(figure, ink, line, 250)
    figure.update_layout(
        barmode="stack", bargap=0.12, uirevision="health", yaxis_title={"text": "traces", "font": {"size": 11}}
    )
    return figure


def _outcomes(
    starts: Sequence[datetime], counts: Sequence[tuple[int, int]], hover: Sequence[str], dark: bool
) -> Iterator[go.Bar]:
    """Failed and all of each step, stacked: what failed lies below."""
    shared = {"x": starts, "hovertext": hover, "hoverinfo": "text"}
    yield go.Bar(
        name="✕ failed", y=[failed for failed, _ in counts], marker={"color": ERROR, "pattern": _HATCHED}, **shared
    )
    yield go.Bar(
        name="✓ not failed", y=[of - failed for failed, of in counts],
        marker={"color": "#8fb0f5" if dark else "#a9c1f3"}, **shared,
    )  # fmt: skip


_HATCHED = {"shape": "/", "fillmode": "overlay", "fgcolor": "rgba(255,255,255,.5)", "size": 6, "solidity": 0.2}
_SERIES = ("#5b8def", "#1fa99a", "#9b6ee8", "#c58a1b", "#d66a9c", "#8592a6")


def spend(rows: Sequence[Spend], hourly: bool, dark: bool = False) -> go.Figure:
    """Cost by agent over time: the five dearest, and the others together."""
    ink, line = inks(dark)
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        totals[row.names.get("agent") or "(no agent)"] += row.cost or Decimal(0)
    top = sorted(totals, key=lambda name: -totals[name])[:5]
    starts = sorted({row.start for row in rows})
    sums: defaultdict[tuple[str, datetime], Decimal] = defaultdict(Decimal)
    for row in rows:
        name = row.names.get("agent") or "(no agent)"
        sums[name if name in top else "others", row.start] += row.cost or Decimal(0)
    names = [*top, "others"] if len(totals) > len(top) else top
    figure = go.Figure(
        [
            go.Bar(
                name=_plain(words.shorter(name, 30)), x=starts, y=[float(sums[name, start]) for start in starts],
                marker={"color": _SERIES[number]}, width=(3_600_000 if hourly else 86_400_000) * 0.88,
                hovertemplate="%{x|%Y-%m-%d %H:%M} UTC<br>%{fullData.name}: $%{y:.4f}<extra></extra>",
            )
            for number, name in enumerate(names)
        ]
    )  # fmt: skip
    _plain_layout(figure, ink, line, 300)
    figure.update_layout(barmode="stack", bargap=0.12, uirevision="spend", yaxis_tickprefix="$")
    figure.update_xaxes(range=_whole(starts, hourly))
    return figure


def _whole(starts: Sequence[datetime], hourly: bool) -> list[datetime] | None:
    """From half a bar before the first to half a bar after the last."""
    half = timedelta(minutes=30) if hourly else timedelta(hours=12)
    return [starts[0] - half, starts[-1] + half] if starts else None


def agent(week: AgentFigures, dark: bool = False) -> go.Figure:
    """Runs of each step, failed ones below; what they cost as a line on an axis of its own."""
    ink, line = inks(dark)
    starts = [step.start for step in week.steps]
    hover = [
        f"{step.start:%a %H:%M} UTC: {step.failed:,} of {step.runs:,} runs failed"
        + (f", {words.money(round(step.cost, 6))}" if step.cost is not None else "")
        + (f", p95 {words.duration(step.p95_ns)}" if step.p95_ns is not None else "")
        for step in week.steps
    ]
    costs = [None if step.cost is None else float(step.cost) for step in week.steps]
    figure = go.Figure(
        [
            *_outcomes(starts, [(step.failed, step.runs) for step in week.steps], hover, dark),
            go.Scatter(
                name="cost (right)", x=starts, y=costs,
                yaxis="y2", mode="lines", line={"color": "#c58a1b", "width": 1.6, "dash": "dot"}, hoverinfo="skip",
            ),
        ]
    )  # fmt: skip
    _plain_layout(figure, ink, line, 240)
    figure.update_layout(
        barmode="stack",
        bargap=0.1,
        yaxis2={"overlaying": "y", "side": "right", "tickprefix": "$", "showgrid": False, "rangemode": "tozero",
                "fixedrange": True, "tickfont": {"size": 11}},
        margin={"l": 40, "r": 52, "t": 22, "b": 38},
    )  # fmt: skip
    return figure


def _plain_layout(figure: go.Figure, ink: str, line: str, height: int) -> None:
    figure.update_layout(
        height=height,
        margin={"l": 48, "r": 8, "t": 22, "b": 38},
        legend={"orientation": "h", "y": 1.0, "x": 0, "yanchor": "bottom", "font": {"size": 11}},
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink, "family": SANS},
        hoverlabel={"font": {"family": SANS, "size": 13}},
        xaxis={"fixedrange": True, "gridcolor": line, "tickfont": {"size": 11}},
        yaxis={"fixedrange": True, "gridcolor": line, "rangemode": "tozero", "tickfont": {"size": 11}},
    )


def inks(dark: bool) -> tuple[str, str]:
    """Of text and of thin lines."""
    return ("#e8ebf0", "rgba(232,235,240,.10)") if dark else ("#1f2733", "rgba(31,39,51,.09)")


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
