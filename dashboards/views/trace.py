"""One trace: where did time, tokens and the error go?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboards import api, figures, links, waterfall, words
from dashboards.links import Pages
from dashboards.views import evidence, parts, span, tables
from dashboards.waterfall import Role, Tree
from inventory import contract

ROWS = 80
MOST_ROWS = 2_000
_ERRORS_SHOWN = 5


def page(pages: Pages) -> None:
    st.page_link(pages[links.TRACES], label="All traces", icon=":material/arrow_back:")
    trace_id = st.query_params.get("trace_id", "").strip()
    if not trace_id:
        st.title("Trace", anchor=False)
        st.info("Which one? Choose it in the list of traces, or put its id in the address: /trace?trace_id=…")
        return
    with st.spinner("Reading the trace …", show_time=True):
        detail = api.shown(f"Trace {trace_id[:40]}", lambda: api.trace(trace_id))
    if detail is None:
        return
    tree = waterfall.build(detail.spans)
    _head(detail)
    _onward(detail.trace)
    _totals(detail.trace)
    _warnings(detail, tree)
    _errors(tree)
    decisions = len(detail.approvals)
    # Evidence is gathered when somebody wants it, here or by a link.
    names = ["Waterfall", "Evidence", f"Decisions ({decisions:,})", f"Logs ({detail.logs_total:,})", "Download"]
    gathered = st.query_params.get("part") == "Evidence"
    tabs = st.tabs(names, default="Evidence" if gathered else None)
    with tabs[0]:
        _waterfall(detail, tree)
    with tabs[1]:
        if gathered:
            evidence.draw(detail.trace.trace_id)
        else:
            st.caption("Who asked, what ran, what it used, who approved, how to undo it: verified, claimed or missing.")
            st.button("Gather the evidence", icon=":material/fact_check:", key="gather", on_click=_gather)
    with tabs[2]:
        _approvals(detail)
    with tabs[3]:
        _logs(detail)
    with tabs[4]:
        _download(detail)


def _head(detail: contract.TraceDetail) -> None:
    trace, zone = detail.trace, parts.reader_zone()
    st.title(words.shorter(trace.root_name or "(no name)", 100), anchor=False)
    claims = [
        words.HEALTH[trace.health],
        f"outcome: {trace.outcome}" if trace.outcome else "",
        f"requested by {trace.requester}" if trace.requester else "",
        f"in {trace.environment}" if trace.environment else "",
    ]
    parts.as_of(
        f"{' · '.join(claim for claim in claims if claim)} · started {words.moment(trace.start, zone)} · "
        f"last span received {words.moment(trace.last_received, zone)} · as of {words.moment(detail.as_of, zone)}"
    )


def _onward(trace: contract.Trace) -> None:
    """Whose it is, and what else ran like it."""
    agents = [f"[{words.escaped(name)}]({links.href(links.AGENT, links.agent(name))})" for name in trace.agents[:12]]
    like = f"[traces of {words.escaped(trace.agents[0])} with errors]({_like(trace)})" if trace.agents else ""
    st.caption(" · ".join(part for part in (", ".join(agents), like) if part))


def _like(trace: contract.Trace) -> str:
    return links.href(links.TRACES, {"agent": trace.agents[0], "failed": "true"})


def _totals(trace: contract.Trace) -> None:
    silent = trace.model_calls_without_tokens
    note = f"; {words.plural(silent, 'model call')} reported none and are not in it" if silent else ""
    parts.tiles(
        [
            ("Duration", words.duration(trace.duration_ns), "First start to last end of every span stored"),
            ("Spans", words.count(trace.spans), "Each counted once"),
            ("Errors", words.count(trace.errors), "Spans with status Error"),
            ("Agents", words.count(len(trace.agents)), ", ".join(trace.agents)),
            ("Model calls", words.count(trace.model_calls), ", ".join(trace.models)),
            ("Tokens in", _tokens(trace.input_tokens, silent), f"As model calls reported them{note}"),
            ("Tokens out", _tokens(trace.output_tokens, silent), f"As model calls reported them{note}"),
            ("Cost", words.cost(trace), "US dollars, of the model calls with a known price"),
            ("Tool calls", words.count(trace.tool_calls), "Spans of operation execute_tool"),
            ("Approvals", words.count(trace.approvals), "As agents reported them"),
        ]
    )
    if silent:
        sign = "–: unknown," if trace.input_tokens is None and trace.output_tokens is None else "≥: at least;"
        st.caption(f"{sign} {silent:,} of {words.plural(trace.model_calls, 'model call')} reported no tokens.")


def _tokens(number: int | None, silent: int) -> str:
    """At least so many, where some calls said nothing."""
    return f"≥ {number:,}" if number is not None and silent else words.count(number)


def _warnings(detail: contract.TraceDetail, tree: Tree) -> None:
    trace = detail.trace
    missing = {node.span.parent_span_id for node in tree.nodes if node.span.parent_missing}
    if missing or not trace.has_root:
        root = "" if trace.has_root else "Its root span never came. "
        gone = f"{words.plural(len(missing), 'span')} that others name as parent {'is' if len(missing) == 1 else 'are'}"
        st.warning(
            f"**Spans are missing.** {root}{f'{gone} not stored. ' if missing else ''}"
            "Figures cover what came; a sender may still be sending, may sample, or may have lost them.",
            icon=":material/link_off:",
        )
    if len(detail.spans) < detail.stored_spans:
        st.warning(
            f"**Not all of it is shown.** The first {len(detail.spans):,} of {detail.stored_spans:,} stored spans are "
            "drawn and searched here; the totals above cover all of them.",
            icon=":material/content_cut:",
        )
    if trace.duplicates:
        st.info(
            f"{words.plural(trace.duplicates, 'span copy', 'span copies')} came again in other requests: kept, "
            "marked in the download, and counted nowhere.",
            icon=":material/content_copy:",
        )


def _gather() -> None:
    st.query_params["part"] = "Evidence"


def _choose(span_id: str) -> None:
    st.query_params["span"] = span_id


def _errors(tree: Tree) -> None:
    """Where it broke: failed spans without failed children, which their ancestors only repeat."""
    failed = [node for node in tree.nodes if node.failed]
    origins = sorted(
        (node for node in failed if not any(child.failed for child in node.children)), key=lambda node: node.offset
    )
    if not failed:
        return
    with st.container(border=True, key="errors"):
        repeats = len(failed) - len(origins)
        tail = f"; {words.plural(repeats, 'span')} above repeat{'' if repeats > 1 else 's'} them" if repeats else ""
        st.markdown(f"**✕ {words.plural(len(origins), 'error')}**{tail}")
        for node in origins[:_ERRORS_SHOWN]:
            said = node.span.status_message or node.span.error_type or "no message"
            where = " · ".join(part for part in (node.span.agent or node.span.service, node.span.name) if part)
            st.button(
                words.escaped(f"+{words.duration(node.offset)}  {where}: {words.shorter(said, 140)}"),
                key=f"error-{node.span.span_id}",
                type="tertiary",
                on_click=_choose,
                args=(node.span.span_id,),
            )
        if len(origins) > _ERRORS_SHOWN:
            st.caption(f"{len(origins) - _ERRORS_SHOWN:,} more in the waterfall.")


def _waterfall(detail: contract.TraceDetail, tree: Tree) -> None:
    selected = st.query_params.get("span", "")
    left, right = st.columns([2.2, 1], gap="medium")
    with left:
        rows = waterfall.reduce(tree, ROWS, [selected])
        total = len(tree.nodes)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            _key(rows)
            if len(rows) < total:
                most = min(total, MOST_ROWS)
                if st.toggle(f"Show {'all' if most == total else 'the first'} {most:,} spans", key="all_rows"):
                    rows = waterfall.everything(tree, MOST_ROWS)
        if len(rows) < total:
            st.caption(
                f"{len(rows):,} of {total:,} spans: roots, errors, the critical path and where most time went; "
                "+n are spans below that are not drawn."
            )
        st.plotly_chart(
            figures.waterfall(rows, tree.duration, selected, dark=parts.dark()),
            theme=None,
            key="waterfall",
            on_select=_on_click,
            selection_mode="points",
            config={"displayModeBar": False},
            alt=f"Waterfall of {len(rows):,} spans over {words.duration(tree.duration)}",
        )
    with right:
        node = tree.find(selected) if selected else None
        if node is not None:
            span.panel(detail.trace.trace_id, node, detail.approvals)
        else:
            with st.container(border=True):
                if selected:
                    st.warning(f"Span {selected[:40]} is not among those read.")
                st.markdown("**Click a bar** to see what the span did, said and returned, and who sent it.")


def _on_click() -> None:
    points = st.session_state["waterfall"]["selection"]["points"]
    if points:
        _choose(str(points[0]["customdata"][0]))


def _key(rows: Sequence[waterfall.Row]) -> None:
    used = [role for role in Role if any(row.node.role is role for row in rows)]
    items = [
        f"<span><span style='color:{figures.COLOUR[role]}'>{figures.ICON[role]}</span> {role.value}</span>"
        for role in used
    ]
    items.append(f"<span><span style='color:{figures.ERROR}'>✕</span> error, hatched</span>")
    items.append("<span>strong: critical path</span>")
    st.html(f"<div class='muster-key'>{''.join(items)}</div>")


def _approvals(detail: contract.TraceDetail) -> None:
    if not detail.approvals:
        st.info(
            "No approval and no guardrail's verdict was reported. Agents report an approval as a span event or log "
            "event named `muster.approval`; what Claude Code, Pydantic AI, Microsoft's and OpenInference's guardrails "
            "report is read too.",
            icon=":material/how_to_reg:",
        )
    zone = parts.reader_zone()
    for approval in detail.approvals:
        st.caption(words.moment(approval.time, zone))
        span.decision(approval)


def _logs(detail: contract.TraceDetail) -> None:
    if not detail.logs:
        st.info(
            "No log record carries this trace's id (looked from an hour before it to an hour after it).",
            icon=":material/article:",
        )
        return
    if len(detail.logs) < detail.logs_total:
        st.warning(f"The first {len(detail.logs):,} of {detail.logs_total:,} records.")
    st.dataframe(
        log_table(detail.logs),
        hide_index=True,
        key="logs",
        column_config={
            "Time (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss.SSS", width=190),
            "Severity": st.column_config.TextColumn(width=100),
            "What": st.column_config.TextColumn(width="large"),
        },
        alt="Log records of the trace by time",
    )
    tables.take("logs", log_table(detail.logs), f"logs-{detail.trace.trace_id}")


def log_table(logs: Sequence[contract.Log]) -> dict[str, list[Any]]:
    return {
        "Time (UTC)": [tables.utc(log.time) for log in logs],
        "Severity": [_severity(log) for log in logs],
        "What": [log.body or log.event_name for log in logs],
        "Service": [log.service for log in logs],
        "Event": [log.event_name for log in logs],
        "Span": [log.span_id for log in logs],
    }


def _severity(log: contract.Log) -> str:
    icon = "✕" if log.severity_number >= 17 else "▲" if log.severity_number >= 13 else "○"
    return f"{icon} {log.severity or 'not said'}"


def _download(detail: contract.TraceDetail) -> None:
    st.markdown(
        "Everything this page was drawn from, as the API answers it: every stored copy of a span, with the kinds "
        "of its attributes and the collector's stamp."
    )
    st.download_button(
        "Download the trace as JSON",
        data=lambda: detail.model_dump_json(indent=2),
        file_name=f"trace-{detail.trace.trace_id}.json",
        mime="application/json",
        on_click="ignore",
        icon=":material/download:",
    )
    st.caption("The trace's id, for other tools:")
    st.code(detail.trace.trace_id, language=None)
