"""Pieces that pages share: facts, empty states, the reader."""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

import streamlit as st

from dashboards import api, figures, links, words
from inventory import contract

WINDOWS = {"15m": 15, "1h": 60, "3h": 180, "6h": 360, "24h": 1440, "7d": 10_080, "30d": 43_200}
"""Minutes up to now. The keys are what the URL carries."""
REFRESH = {"off": None, "30s": timedelta(seconds=30), "2m": timedelta(minutes=2)}

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
    row_of(tile(*one) for one in figures_)


def as_of(text: str) -> None:
    st.html(f"<div class='muster-asof'>{html.escape(text)}</div>")


def tile(label: str, figure: str, meaning: str, beside: str = "") -> str:
    """One of `tiles`, with a second line."""
    small = f"<dd class=beside>{html.escape(beside)}</dd>" if beside else ""
    return (
        f"<div title='{html.escape(meaning, quote=True)}'><dt>{html.escape(label)}</dt>"
        f"<dd>{html.escape(figure)}</dd>{small}</div>"
    )


def row_of(tiles_: Iterable[str]) -> None:
    st.html(f"<dl class='muster-tiles'>{''.join(tiles_)}</dl>")


def pick_window(default: str = "1h", *, key: str = "window") -> contract.Window:
    """A picker in the page's head: the last so many minutes, or from and until as the address says (ISO 8601)."""
    since, until = st.query_params.get("since", ""), st.query_params.get("until", "")
    fixed = _fixed(since, until)
    if fixed is not None:
        with st.container(horizontal=True, vertical_alignment="bottom", width="content"):
            st.caption(words.window(fixed, reader_zone()))
            if st.button("Back to now", icon=":material/update:", type="tertiary"):
                for name in ("since", "until"):
                    st.query_params.pop(name, None)
                st.rerun()
        return fixed
    chosen = st.selectbox(
        "Last", list(WINDOWS), index=list(WINDOWS).index(default), key=key, bind="query-params", width=110
    )
    window = api.until(WINDOWS[chosen])
    with st.popover("", icon=":material/date_range:", help="From and until, exactly"):
        _exact(window)
    return window


def _exact(window: contract.Window) -> None:
    """Into the address, so that it is shared as it is seen."""
    since = st.datetime_input("From (UTC)", window.since.replace(tzinfo=None), step=60, key="exact-since")
    until = st.datetime_input("Until (UTC)", window.until.replace(tzinfo=None), step=60, key="exact-until")
    in_order = since is not None and until is not None and since < until
    if not in_order:
        st.caption("Until comes after from.")
    if st.button("Show", type="primary", disabled=not in_order, key="exact-show") and since and until:
        st.query_params["since"] = since.replace(tzinfo=UTC).isoformat()
        st.query_params["until"] = until.replace(tzinfo=UTC).isoformat()
        st.rerun()


def _fixed(since: str, until: str) -> contract.Window | None:
    try:
        begin, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
    except ValueError:
        return None
    begin, end = (one if one.tzinfo else one.replace(tzinfo=UTC) for one in (begin, end))
    return contract.Window(since=begin, until=end) if begin < end else None


def pick_refresh() -> timedelta | None:
    """How often what lives is read again; None: when the reader says so."""
    every = st.selectbox(
        "Refresh", list(REFRESH), index=1, key="refresh", bind="query-params", width=110, help="Selections stay."
    )
    return REFRESH[every]


def told(key: str) -> None:
    """What came of an action, once: it is said after the page was drawn anew."""
    said = st.session_state.pop(f"told-{key}", None)
    if said:
        st.success(said, icon=":material/check_circle:")


def tell(key: str, text: str) -> None:
    st.session_state[f"told-{key}"] = text


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
