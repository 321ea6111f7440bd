"""Findings: which controls failed, where, since when, and who lives with it?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from dashboards import api, links, words
from dashboards.links import Pages
from dashboards.views import acting, parts, tables
from dashboards.views.tables import Link
from inventory.contract.controls import Control
from inventory.contract.findings import Finding, FindingDetail

_MOST: Final = 500
_SEVERITY: Final = {"critical": "▲▲ critical", "high": "▲ high", "medium": "◆ medium", "low": "○ low"}
_RESULT: Final = {"pass": "✓ pass", "fail": "✕ fail", "not-assessed": "– not assessed"}
_KIND: Final = {
    "override": "override", "rejection": "rejection", "timeout": "nobody decided", "escalation": "rare escalation",
    "recurring": "came back", "critical": "critical",
}  # fmt: skip


def page(pages: Pages) -> None:
    st.title("Findings", anchor=False)
    parts.told("findings")
    tabs = st.tabs(["Findings", "Controls", "This week"], key="part", on_change="rerun", bind="query-params")
    if tabs[0].open:
        with tabs[0]:
            _findings()
    if tabs[1].open:
        with tabs[1]:
            _controls()
    if tabs[2].open:
        with tabs[2]:
            _week()


def _findings() -> None:
    shown = st.segmented_control(
        "State", ["standing", "accepted", "closed"], default="standing", key="state", bind="query-params",
        required=True, label_visibility="collapsed",
    )  # fmt: skip
    with st.spinner("Reading findings …", show_time=True):
        found = api.shown("Findings", lambda: api.findings(_MOST, None if shown == "standing" else shown))
    if found is None:
        return
    zone = parts.reader_zone()
    looked = f"looked for {words.moment(found.looked, zone)}" if found.looked else "not looked for yet"
    parts.as_of(f"{words.plural(len(found.findings), 'finding')}{' and more' if found.next else ''}; {looked}")
    open_ = [one for one in found.findings if one.state == "open"]
    if shown == "standing":
        parts.tiles(
            [
                *(
                    (name.title(), words.count(sum(one.severity == name for one in open_)), "Open, of this severity")
                    for name in _SEVERITY
                ),
                ("Accepted", words.count(len(found.findings) - len(open_)), "Lived with until a day, for a reason"),
                ("Agents", words.count(len({one.agent for one in open_ if one.agent})), "That they are about"),
            ]
        )
    if found.findings:
        _table(found.findings)
    elif found.looked is None:
        st.info(
            "**It wasn't looked for findings yet.** Whoever acts does so every two minutes: see `muster jobs list`.",
            icon=":material/hourglass_empty:",
        )
    elif shown == "standing":
        st.success("**Nothing stands.** What agents do is looked at within minutes.", icon=":material/verified_user:")
    else:
        st.info("**There is none.**", icon=":material/verified_user:")


def _table(found: Sequence[Finding]) -> None:
    now = datetime.now(UTC)
    rows = tables.grid(
        "findings",
        {
            "Severity": [_SEVERITY[one.severity] for one in found],
            "Finding": [one.title for one in found],
            "About": [one.key for one in found],
            "Owner": [one.owner for one in found],
            "Controls": [", ".join(one.controls) for one in found],
            "Times": [one.hits for one in found],
            "Age": [words.ago(one.opened_at, now) for one in found],
            "Last (UTC)": [tables.utc(one.last_at) for one in found],
            "State": [
                f"accepted until {one.accepted_until:%Y-%m-%d}" if one.accepted_until else one.state for one in found
            ],
            "Id": [one.id for one in found],
        },
        "findings", alt="Findings, the most severe first; select one to see what was done", on_select="rerun",
        selection_mode="single-row", tall=270 if "finding" in st.query_params else 480,
        column_config={"Last (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
    )  # fmt: skip
    if rows and rows[0] < len(found):
        st.query_params["finding"] = found[rows[0]].id
    name = st.query_params.get("finding", "")
    if not name:
        st.caption("Select a row to see what was done, and what to do about it.")
        return
    detail = api.shown(f"Finding {name[:30]}", lambda: api.finding(name))
    if detail is not None:
        _detail(detail)


def _detail(detail: FindingDetail) -> None:
    one = detail.finding
    with st.container(border=True, key="finding"):
        st.markdown(f"##### {words.escaped(one.title)}: {words.escaped(one.key)}")
        st.markdown(f"{words.escaped(detail.why)}  \n**What to do:** {words.escaped(detail.remedy)}")
        again = f", {one.recurrence + 1}. time" if one.recurrence else ""
        parts.facts(
            [
                ("Severity", _SEVERITY[one.severity]), ("Controls", ", ".join(one.controls)),
                ("Owner", one.owner or words.UNKNOWN), ("State", f"{one.state}{again}"),
                ("Since", f"{one.opened_at:%Y-%m-%d %H:%M} UTC, {words.plural(one.hits, 'time')}"),
                ("Accepted", f"by {one.accepted_by}: {one.accepted_reason}" if one.accepted_by else ""),
                ("Outcome", one.outcome),
            ]
        )  # fmt: skip
        onward = []
        if one.agent:
            onward.append(f"[{one.agent}]({links.href(links.AGENT, links.agent(one.agent))})")
        if one.case:
            onward.append(f"[its case]({links.href(links.REVIEWS, links.review(one.case))})")
        st.markdown(" · ".join([*onward, acting.audit_link("finding", one.id)]))
        _act(one)
        body: list[list[str | Link]] = [
            [
                f"{hit.at:%Y-%m-%d %H:%M:%S}", ", ".join(f"{key}: {value}" for key, value in hit.details.items()),
                Link("Trace", links.href(links.TRACE, links.trace(hit.trace_id, hit.span_id))) if hit.trace_id else "",
                Link("Evidence", links.href(links.TRACE, {**links.trace(hit.trace_id), "part": "Evidence"}))
                if hit.trace_id else "",
            ]
            for hit in detail.hits[:12]
        ]  # fmt: skip
        tables.rows(["When (UTC)", "What", "", ""], body, label="what was done")
        if len(detail.hits) > 12:
            st.caption(f"The newest 12 of {len(detail.hits):,}.")
        with st.expander("History, and how it is found"):
            history: list[list[str | Link]] = [
                [f"{event.at:%Y-%m-%d %H:%M:%S}", event.what, event.by] for event in detail.events
            ]
            tables.rows(["When (UTC)", "What", "By"], history, label="history")
            st.code(detail.sql, language="sql")


def _act(one: Finding) -> None:
    if one.state == "open" and st.button("Live with it …", key="accept", icon=":material/event_available:"):
        _accept(one)
    if one.state == "accepted" and st.button("Don't live with it …", key="reopen", icon=":material/undo:"):
        _reopen(one)


@st.dialog("Live with it until a day", icon=":material/event_available:")
def _accept(one: Finding) -> None:
    if not acting.may("findings:accept", "Accepting a finding", reach=("all",)):
        return
    st.markdown(f"**{words.escaped(one.title)}**: {words.escaped(one.key)}")
    today = datetime.now(UTC).date()
    until = st.date_input(
        "Until", today + timedelta(days=30), min_value=today + timedelta(days=1), max_value=today + timedelta(days=365),
        key="accept-until",
    )  # fmt: skip
    why = acting.reason(key="accept-reason", example="the new CRM has idempotency keys from January on")
    st.markdown("It fails no control until then, is counted on, and stands again afterwards.")
    if st.button("Accept it", type="primary", disabled=not why, key="accept-do"):
        moment = datetime.combine(until, datetime.min.time(), UTC)
        acting.attempt(
            "findings", lambda: api.client().accept_finding(one.id, why, moment),
            lambda row: f"Accepted until {until}. {acting.audit_link('finding', one.id)}",
        )  # fmt: skip


@st.dialog("Don't live with it any more", icon=":material/undo:")
def _reopen(one: Finding) -> None:
    if not acting.may("findings:accept", "Reopening a finding", reach=("all",)):
        return
    why = acting.reason(key="reopen-reason", needed=False)
    if st.button("It stands again", type="primary", key="reopen-do"):
        acting.attempt(
            "findings", lambda: api.client().reopen_finding(one.id, why),
            lambda row: f"It stands again. {acting.audit_link('finding', one.id)}",
        )  # fmt: skip


def _controls() -> None:
    with st.spinner("Assessing …", show_time=True):
        found = api.shown("The control report", lambda: api.controls(30))
    if found is None:
        return
    parts.as_of(f"NIST SP 800-53, {words.window_of(found.since, found.until, parts.reader_zone())}")
    parts.tiles(
        [
            ("Passed", words.count(found.counts["pass"]), "Every check that could be made passed"),
            ("Failed", words.count(found.counts["fail"]), "A check failed"),
            ("Not assessed", words.count(found.counts["not-assessed"]), "There is nothing yet to look at"),
        ]
    )
    client = api.client()
    st.download_button(
        "Report to print (HTML)", lambda: client.controls_page(days=30), "controls.html", "text/html",
        key="controls-html", on_click="ignore", icon=":material/print:",
    )  # fmt: skip
    for one in found.controls:
        _control(one)


def _control(one: Control) -> None:
    with st.expander(f"{_RESULT[one.result]}  **{one.id}** {one.title}"):
        st.markdown(words.escaped(one.why))
        for check in one.checks:
            st.markdown(f"{_RESULT[check.result]}: {words.escaped(check.says)}")
            if check.rows and check.result == "fail":
                body: list[list[str | Link]] = [list(row.values()) for row in check.rows[:10]]
                tables.rows(list(check.rows[0]), body, label=check.name)


def _week() -> None:
    found = api.shown("The week", lambda: api.review_list(7))
    if found is None:
        return
    parts.as_of(words.window_of(found.since, found.until, parts.reader_zone()))
    took = words.duration(int(found.median_seconds * 1e9)) if found.median_seconds is not None else words.UNKNOWN
    parts.tiles(
        [
            ("Asked", words.count(found.counts.get("asked", 0)), "Requests for approval"),
            *(
                (name.capitalize(), words.share(rate) if rate is not None else words.UNKNOWN, "Of decisions")
                for name, rate in found.rates.items()
            ),
            ("Time to decide", took, "Median"),
        ]
    )
    if not found.items:
        st.info(
            "**Nothing to talk about.** No override, no rejection, nothing that came back.", icon=":material/forum:"
        )
        return
    body: list[list[str | Link]] = [
        [
            f"{item.at:%Y-%m-%d %H:%M}", _KIND[item.kind], item.what,
            Link("Trace", links.href(links.TRACE, links.trace(item.trace_id))) if item.trace_id else "",
        ]
        for item in found.items[:60]
    ]  # fmt: skip
    tables.rows(["When (UTC)", "Kind", "What", ""], body, label="of the week")
    tables.take("week", tables.members(found.items, ("at", "kind", "what", "agent", "object", "trace_id")), "week")
