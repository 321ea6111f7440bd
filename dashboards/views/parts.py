"""Pieces that pages share: facts, empty states, the reader."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import tzinfo

import streamlit as st

from dashboards import figures, links, words
from inventory import contract

Fact = tuple[str, str]
"""Label and value, both as people read them."""


def reader_zone() -> tzinfo:
    return words.zone(st.context.timezone)


def dark() -> bool:
    return st.context.theme.type == "dark"


def facts(pairs: Iterable[Fact], mono: frozenset[str] = frozenset()) -> None:
    """A description list; empty values are left out."""
    items = "".join(
        f"<dt>{html.escape(label)}</dt><dd{' class=mono' if label in mono else ''}>{html.escape(value)}</dd>"
        for label, value in pairs
        if value
    )
    st.html(f"<dl class='muster-facts'>{items}</dl>")


def tiles(figures_: Iterable[tuple[str, str, str]]) -> None:
    """Label, figure and what the figure means, side by side."""
    items = "".join(
        f"<div title='{html.escape(meaning, quote=True)}'>"
        f"<dt>{html.escape(label)}</dt><dd>{html.escape(figure)}</dd></div>"
        for label, figure, meaning in figures_
    )
    st.html(f"<dl class='muster-tiles'>{items}</dl>")


def as_of(text: str) -> None:
    st.html(f"<div class='muster-asof'>{html.escape(text)}</div>")


def ingest_strip(health: contract.Ingest) -> None:
    """What came in during the last hour, and when the newest came."""
    zone = reader_zone()
    total = sum(minute.spans for minute in health.minutes)
    words_, strip = st.columns([3, 2], vertical_alignment="center")
    newest = (
        f"last span received {words.ago(health.newest, health.as_of)}, {words.moment(health.newest, zone)}"
        if health.newest
        else "nothing was ever received"
    )
    with words_:
        as_of(
            f"Ingest: {words.plural(total, 'span')} received {words.window(health.window, zone)}; {newest}; "
            f"as of {words.moment(health.as_of, zone)}"
        )
    if total:
        strip.plotly_chart(
            figures.ingest(health, dark()),
            theme=None,
            key="ingest",
            config={"displayModeBar": False},
            alt=f"Spans received per minute, {total:,} in all",
        )


def how_data_gets_here() -> None:
    """The empty store's page."""
    with st.container(border=True):
        st.subheader("No telemetry yet")
        st.markdown("Muster shows what agents send with OpenTelemetry. Either play realistic traffic into it:")
        st.code("make demo", language="bash")
        st.markdown("or point an instrumented agent's exporter here; its traces show up about two seconds later:")
        st.code(
            f"export OTEL_EXPORTER_OTLP_ENDPOINT={links.OTLP_ENDPOINT}\n"
            "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n"
            "export OTEL_SERVICE_NAME=my-agent",
            language="bash",
        )
