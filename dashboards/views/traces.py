"""Traces: which runs look like this?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.navigation.page import Page

from dashboards import api, links, words
from dashboards.links import Pages
from dashboards.views import parts, tables
from dashboards.views.tables import Link
from inventory import contract

ORDERS: dict[str, contract.Order] = {"worst first": "worst", "newest first": "newest", "dearest first": "dearest"}
_PAGE = 100
_TALL = 18


def page(pages: Pages) -> None:
    st.title("Traces", anchor=False)
    search, said = _filters()
    health = api.shown("Ingest", api.ingest)
    if health is not None and health.newest is None:
        parts.how_data_gets_here()
        return
    if said:
        _said(said, search)
    else:
        with st.spinner("Reading traces …", show_time=True):
            found = api.shown("The trace list", lambda: api.traces(search))
        if found is not None:
            if found.traces:
                _list(found, pages[links.TRACE])
            else:
                _nothing(found, search)
    if health is not None:
        parts.ingest_strip(health)


def _filters() -> tuple[api.TraceSearch, str]:
    """What is looked for, and words that were said in it."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = st.selectbox("Order", list(ORDERS), key="order", bind="query-params", width=150)
        window = parts.pick_window()
        agent = st.text_input("Agent", key="agent", placeholder="exact name", bind="query-params", width=150)
        text = st.text_input("Span name contains", key="text", placeholder="refund", bind="query-params", width=150)
        said = st.text_input(
            "Said in it", key="said", placeholder="refund order 1189", bind="query-params", width=200,
            help="Full text over prompts, answers, tool arguments and long attributes: all of these words",
        )  # fmt: skip
        failed = st.toggle("With errors only", key="failed", bind="query-params")
        with st.popover("More", icon=":material/tune:"):
            more = {
                name: st.text_input(label, key=name, placeholder="exact", bind="query-params")
                for name, label in (
                    ("service", "Service"), ("registered", "Registered agent"), ("model", "Model"), ("tool", "Tool"),
                    ("release", "Release"), ("requester", "Requested by"),
                )
            }  # fmt: skip
            seconds = st.number_input(
                "Slower than (s)", min_value=0.0, value=0.0, step=1.0, format="%g", key="slower", bind="query-params"
            )
    given = {name: (value or "").strip() for name, value in more.items()}
    narrowed = [f"{name} {value}" for name, value in given.items() if value]
    if narrowed:
        st.caption(f"Only those of {', '.join(narrowed)} (under More).")
    search = api.TraceSearch(
        window=window,
        order=ORDERS[order],
        agent=(agent or "").strip(),
        text=(text or "").strip(),
        failed=failed,
        min_duration_ms=(seconds or 0.0) * 1000,
        limit=min(st.session_state.get("rows", _PAGE), contract.MAX_TRACES),
        **given,
    )
    return search, (said or "").strip()


def _said(said: str, search: api.TraceSearch) -> None:
    """Traces in which somebody or something said it, newest first."""
    if not api.may("content:read"):
        st.info(
            "**Full text needs the scope `content:read`.** Ask an admin for a role that has it.", icon=":material/lock:"
        )
        return
    with st.spinner("Searching what was said …", show_time=True):
        found = api.shown("The search", lambda: api.search(said, search.window))
    if found is None:
        return
    zone = parts.reader_zone()
    parts.as_of(
        f"{words.plural(len(found.hits), 'trace')}{' and more' if found.next else ''} in which it was said, "
        f"{words.window(found.window, zone)}; as of {words.moment(found.as_of, zone)}. {found.note} "
        "The other filters don't narrow this."
    )
    if not found.hits:
        st.info("**Nobody said that.** All words must be in one text; widen the window.", icon=":material/search_off:")
        return
    body: list[list[str | Link]] = [
        [
            f"{one.time:%Y-%m-%d %H:%M:%S}",
            Link(one.name or "(no name)", links.href(links.TRACE, links.trace(one.trace_id, one.span_id))),
            one.agent or one.service,
            words.shorter(one.snippet, 220),
        ]
        for one in found.hits
    ]
    tables.rows(["When (UTC)", "Span", "Agent", "Said"], body, label="Traces in which it was said")
    names = ("time", "trace_id", "span_id", "name", "service", "agent", "snippet")
    tables.take("hits", tables.members(found.hits, names), "search")


def _list(found: contract.TraceList, onward: Page) -> None:
    zone = parts.reader_zone()
    shown = found.traces
    failed = sum(trace.health == "failed" for trace in shown)
    inside = sum(trace.health == "errors" for trace in shown)
    more = f"the first {len(shown):,} traces" if found.next else words.plural(len(shown), "trace")
    parts.as_of(
        f"{more[0].upper()}{more[1:]} that started {words.window(found.window, zone)}: "
        f"{failed:,} failed, {inside:,} with errors inside; as of {words.moment(found.as_of, zone)}"
    )
    chosen = st.session_state.get("list", {}).get("selection", {}).get("rows", [])
    trace = shown[chosen[0]] if chosen and chosen[0] < len(shown) else None
    left, right = st.columns([3, 1.25] if trace else [1, 0.0001], gap="medium" if trace else None)
    with left:
        st.dataframe(
            table(shown),
            key="list",
            hide_index=True,
            on_select="rerun",
            selection_mode="single-row",
            height="content" if len(shown) <= _TALL else 640,
            column_config={
                "Status": st.column_config.TextColumn(width=118),
                "Started (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", width=150),
                "Duration": st.column_config.TextColumn(width=80),
                "What": st.column_config.TextColumn(width=232),
                "Spans": st.column_config.NumberColumn(format="localized", width=64),
                "Errors": st.column_config.NumberColumn(format="localized", width=64),
                "Tools": st.column_config.NumberColumn(format="localized", width=64),
                "Approvals": st.column_config.NumberColumn(width=84),
                "Cost": st.column_config.TextColumn(width=120, help="Of calls with a known price, US dollars"),
                "Agents": st.column_config.ListColumn(width=400),
                "Tokens in": st.column_config.NumberColumn(format="localized", width=84, help="– : no model call said"),
                "Tokens out": st.column_config.NumberColumn(
                    format="localized", width=84, help="– : no model call said"
                ),
            },
            placeholder=words.UNKNOWN,
            alt="Traces of the window; select a row for its details",
        )
        tables.take("traces", table(shown), "traces")
        if trace is None:
            st.caption("Select a row to see what it is, and go on to its waterfall.")
        if found.next:
            _more(len(shown))
    if trace is not None:
        with right:
            _beside(trace, onward)


def table(traces: Sequence[contract.Trace]) -> dict[str, list[Any]]:
    """One row per trace, as people read it. Unknown tokens are None."""
    return {
        "Status": [words.HEALTH[trace.health] for trace in traces],
        "Started (UTC)": [tables.utc(trace.start) for trace in traces],
        "Duration": [words.duration(trace.duration_ns) for trace in traces],
        "What": [trace.root_name or "(no name)" for trace in traces],
        "Spans": [trace.spans for trace in traces],
        "Errors": [trace.errors for trace in traces],
        "Tools": [trace.tool_calls for trace in traces],
        "Approvals": [trace.approvals for trace in traces],
        "Tokens in": [trace.input_tokens for trace in traces],
        "Tokens out": [trace.output_tokens for trace in traces],
        "Cost": [words.cost(trace) for trace in traces],
        "Agents": [trace.agents for trace in traces],
        "Service": [trace.root_service for trace in traces],
    }


def _beside(trace: contract.Trace, onward: Page) -> None:
    with st.container(border=True):
        zone = parts.reader_zone()
        st.markdown(f"**{words.HEALTH[trace.health]}**")
        st.subheader(words.shorter(trace.root_name or "(no name)", 60), anchor=False)
        st.page_link(
            onward,
            label="Open the trace",
            icon=":material/arrow_forward:",
            query_params=links.trace(trace.trace_id),
        )
        parts.facts(
            [
                ("Started", words.moment(trace.start, zone)),
                ("Duration", words.duration(trace.duration_ns)),
                ("Outcome", trace.outcome),
                ("Requested by", trace.requester),
                ("Environment", trace.environment),
                ("Spans", _spans(trace)),
                ("Errors", words.count(trace.errors)),
                ("Model calls", words.count(trace.model_calls)),
                ("Tokens", tokens(trace)),
                ("Cost", words.cost(trace)),
                ("Tool calls", words.count(trace.tool_calls)),
                ("Approvals", words.count(trace.approvals)),
                ("Models", ", ".join(trace.models)),
                ("Agents", ", ".join(trace.agents)),
                ("Last received", words.moment(trace.last_received, zone)),
                ("Trace", trace.trace_id),
            ],
            mono=frozenset({"Trace"}),
        )


def tokens(trace: contract.Trace) -> str:
    """Sums, with what they leave out."""
    if trace.input_tokens is None and trace.output_tokens is None:
        return "unknown" if trace.model_calls else "none used"
    text = f"{words.count(trace.input_tokens)} in, {words.count(trace.output_tokens)} out"
    silent = trace.model_calls_without_tokens
    return f"{text} ({words.plural(silent, 'call')} reported none)" if silent else text


def _spans(trace: contract.Trace) -> str:
    text = words.count(trace.spans)
    return f"{text} ({words.plural(trace.duplicates, 'copy', 'copies')} not counted)" if trace.duplicates else text


def _more(shown: int) -> None:
    if shown >= contract.MAX_TRACES:
        st.info(f"More than {shown:,} traces match. Narrow the filters, or page through GET /v1/traces.")
        return

    def add() -> None:
        st.session_state["rows"] = shown + _PAGE

    st.button(f"Show {_PAGE} more", on_click=add, icon=":material/expand_more:")


def _nothing(found: contract.TraceList, search: api.TraceSearch) -> None:
    zone = parts.reader_zone()
    narrowed = any(
        (search.agent, search.service, search.text, search.failed, search.min_duration_ms, search.registered,
         search.model, search.tool, search.release, search.requester)
    )  # fmt: skip
    advice = (
        "Loosen a filter (agent and service are exact names), or widen the window."
        if narrowed
        else "Widen the window: back-dated traffic is listed by when it ran, not by when it came in."
    )
    st.info(
        f"**No trace matches.** None that started {words.window(found.window, zone)} "
        f"{'fits these filters' if narrowed else 'is stored'}, as of {words.moment(found.as_of, zone)}. {advice}",
        icon=":material/search_off:",
    )
