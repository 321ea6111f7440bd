"""Approvals: who let what happen? What waits for a person, what people said, and what agents report themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Final

import streamlit as st

from dashboards import api, links, words
from dashboards.links import Pages
from dashboards.views import acting, parts, reported, tables
from dashboards.views.tables import Link
from inventory import contract
from inventory.contract.approvals import ApprovalRecord, DecideApproval, Word

_MOST: Final = 500
_OF: Final = ("on record", "reported", "guardrails")
_MARKS: Final = {
    "pending": "… pending", "approved": "✓ approved", "modified": "✓ approved, changed", "denied": "✕ denied",
    "timed-out": "✕ nobody decided", "withdrawn": "○ withdrawn",
}  # fmt: skip


def page(pages: Pages) -> None:
    head, picker = st.columns([3, 2], vertical_alignment="bottom")
    head.title("Approvals", anchor=False)
    parts.told("approvals")
    with picker, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        of = st.segmented_control("Of", list(_OF), default=_OF[0], key="of", bind="query-params", required=True)
        window = parts.pick_window("24h")
    if of == _OF[0]:
        _on_record(window)
    else:
        reported.draw(window, "guardrail" if of == _OF[2] else "approval")


def _on_record(window: contract.Window) -> None:
    with st.spinner("Reading approvals …", show_time=True):
        found = api.shown("Approvals", lambda: api.approval_records(window, _MOST))
        waiting = api.shown("What waits", api.pending_approvals)
    if found is None or waiting is None:
        return
    zone = parts.reader_zone()
    parts.as_of(
        f"{'The newest ' if found.next else ''}{words.plural(len(found.approvals), 'request')} "
        f"{words.window(window, zone)}; as of {words.moment(found.as_of, zone)}. On record: who decided was signed in."
    )
    tiles(found.approvals, waiting)
    _pending(waiting)
    odd = [one for one in found.approvals if one.override or (one.state == "denied" and one.enforced == "allowed")]
    if odd:
        st.markdown(f"##### Look at these ({len(odd):,})")
        _rows(odd[:8], "odd")
    st.markdown("##### Recent")
    if found.approvals:
        _all(found.approvals)
    else:
        st.info(
            "**No agent asked in this window.** Agents ask with `inventory.client.gate`, in five lines. "
            f"[What agents report themselves]({links.href(links.APPROVALS, {'of': 'reported'})}) is told apart.",
            icon=":material/how_to_reg:",
        )


def tiles(decisions: Sequence[ApprovalRecord], waiting: Sequence[ApprovalRecord]) -> None:
    yes = sum(one.state in ("approved", "modified") for one in decisions)
    no = sum(one.state == "denied" for one in decisions)
    late = sum(one.state == "timed-out" for one in decisions)
    times = [(one.decided_at - one.requested_at).total_seconds() for one in decisions if one.decided_at is not None]
    overrides = sum(one.override for one in decisions)
    rejected = words.share(no / (yes + no)) if yes + no else words.UNKNOWN
    overridden = words.share(overrides / (yes + no)) if yes + no else words.UNKNOWN
    parts.row_of(
        [
            parts.tile("Pending", words.count(len(waiting)), "Asked for, and nobody has decided"),
            parts.tile("Approved", words.count(yes), "Let happen, some with other arguments"),
            parts.tile("Denied", words.count(no), "Not let happen", f"{rejected} of decisions"),
            parts.tile("Not decided", words.count(late), "Nobody said anything in time"),
            parts.tile(
                "Time to decide", words.duration(int(median(times) * 1e9)) if times else words.UNKNOWN,
                "Median from asked to decided", f"of {words.plural(len(times), 'decision')}",
            ),
            parts.tile(
                "Overrides", words.count(overrides), "Decided by somebody who was not asked",
                f"{overridden} of decisions",
            ),
        ]
    )  # fmt: skip


def _pending(waiting: Sequence[ApprovalRecord]) -> None:
    if not waiting:
        return
    st.markdown(f"##### Waiting for somebody ({len(waiting):,})")
    now = datetime.now(UTC)
    for one in waiting[:20]:
        with st.container(border=True):
            left, right = st.columns([5, 1], vertical_alignment="center")
            who = f" for {words.escaped(one.requester)}" if one.requester else ""
            agent = f"[{one.agent}]({links.href(links.AGENT, links.agent(one.agent))})"
            left.markdown(
                f"**{words.escaped(one.tool)}** by {agent}{who}, "
                f"asked {words.ago(one.requested_at, now)}, until {words.moment(one.expires_at, parts.reader_zone())}"
            )
            shown = "(needs content:read)" if one.masked else words.shorter(one.shown or "", 300)
            left.markdown(words.escaped(shown))
            policy = f"{one.policy_id} {one.policy_version}".strip() or "no policy named"
            asked = f"; asked: {', '.join(one.approvers)}" if one.approvers else ""
            left.caption(words.escaped(f"{policy} says {one.verdict}{asked}{f'; {one.why}' if one.why else ''}"))
            if right.button("Decide …", key=f"decide-{one.id}", type="primary" if one.may_decide else "secondary"):
                _decide(one)
    if len(waiting) > 20:
        st.caption(f"and {len(waiting) - 20} more: muster approvals list --state pending")


@st.dialog("Decide", icon=":material/how_to_reg:", width="large")
def _decide(one: ApprovalRecord) -> None:
    """What is shown here is what the record says was shown: the text, and exactly the arguments."""
    st.markdown(f"**{words.escaped(one.tool)}** by {one.agent}")
    if one.masked:
        st.caption(":material/lock: What it is about needs the scope `content:read`.")
        return
    st.markdown(words.escaped(one.shown or ""))
    st.code(json.dumps(json.loads(one.arguments or "{}"), indent=2, ensure_ascii=False), language="json")
    st.caption(f"digest {one.arguments_digest[:16]} · {one.id}")
    override = False
    if not one.may_decide:
        if api.may("approvals:decide") != "all":
            asked = f"{', '.join(one.approvers)} were asked." if one.approvers else "It needs `approvals:decide`."
            st.caption(f":material/lock: You can't decide this. {asked}")
            return
        override = st.checkbox("Decide over those who were asked; it is marked so", key="decide-over")
    said: Word = {"Let it happen": "approve", "With other arguments": "modify", "Deny it": "deny"}[
        st.radio("Your word", ["Let it happen", "With other arguments", "Deny it"], key="decide-word")
    ]  # type: ignore[assignment]
    changed = None
    if said == "modify":
        text = st.text_area("Arguments, as JSON", one.arguments or "{}", key="decide-arguments")
        try:
            changed = json.loads(text or "")
        except ValueError as error:
            st.caption(f":material/error: That is no JSON: {error}")
    why = acting.reason(needed=said != "approve" or override, key="decide-reason", example="the customer was told so")
    ready = (bool(why) or (said == "approve" and not override)) and (said != "modify" or isinstance(changed, dict))
    ready = ready and (one.may_decide or override)
    if st.button("Say it", type="primary", disabled=not ready, key="decide-do"):
        given = DecideApproval(decision=said, reason=why, arguments=changed, override=override)
        acting.attempt(
            "approvals", lambda: api.client().decide_approval(one.id, given),
            lambda row: f"{one.tool} of {one.agent} is {row.state}. {acting.audit_link('approval', one.id)}",
        )  # fmt: skip


def _rows(decisions: Sequence[ApprovalRecord], key: str) -> None:
    body: list[list[str | Link]] = [
        [
            f"{one.decided_at or one.requested_at:%Y-%m-%d %H:%M:%S}", _MARKS[one.state],
            one.approver or one.decided_by or words.UNKNOWN, one.tool, against(one),
            Link("Trace", links.href(links.TRACE, links.trace(one.trace_id, one.span_id))) if one.trace_id else "",
        ]
        for one in decisions
    ]  # fmt: skip
    tables.rows(["When (UTC)", "Decision", "Approver", "Tool", "Verdict → enforced", ""], body, label=key)


def against(one: ApprovalRecord) -> str:
    """The policy's verdict, apart from what the agent was told to do."""
    return f"{one.verdict} → {one.enforced}{' ▲ override' if one.override else ''}"


def _all(decisions: Sequence[ApprovalRecord]) -> None:
    rows = tables.grid(
        "records",
        {
            "Asked (UTC)": [tables.utc(one.requested_at) for one in decisions],
            "Decision": [_MARKS[one.state] for one in decisions],
            "Approver": [one.approver or one.decided_by for one in decisions],
            "Agent": [one.agent for one in decisions],
            "Tool": [one.tool for one in decisions],
            "Policy": [f"{one.policy_id} {one.policy_version}".strip() for one in decisions],
            "Verdict → enforced": [against(one) for one in decisions],
            "Took (s)": [
                (one.decided_at - one.requested_at).total_seconds() if one.decided_at else None for one in decisions
            ],
            "For": [one.requester for one in decisions],
            "Reason": [one.reason for one in decisions],
            "Trace": [one.trace_id for one in decisions],
            "Id": [one.id for one in decisions],
        },
        "approvals", alt="Approvals, newest first; select one to see what was done on it", on_select="rerun",
        selection_mode="single-row",
        column_config={"Asked (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
    )  # fmt: skip
    chosen = decisions[rows[0]] if rows and rows[0] < len(decisions) else None
    if chosen is None:
        st.caption("Select a row to see what was done on it.")
        return
    _one(chosen)


def _one(one: ApprovalRecord) -> None:
    found = api.shown("What was done on it", lambda: api.approval_record(one.id))
    if found is None:
        return
    for call in found.executions:
        same = {
            True: "exactly what was allowed",
            False: "▲ other arguments than were allowed",
            None: "arguments unknown",
        }
        late = "" if call.in_time else " ▲ too late"
        address = links.href(links.TRACE, links.trace(one.trace_id, call.span_id))
        st.markdown(f"**[Done {call.at:%H:%M:%S} UTC]({address})**: {same[call.matches]}{late}")
    if not found.executions:
        st.caption("Nothing was done on it, as far as its trace tells.")
    if one.trace_id:
        address = links.href(links.TRACE, {**links.trace(one.trace_id), "part": "Evidence"})
        st.markdown(f"[Evidence of its trace]({address}) · {acting.audit_link('approval', one.id)}")
