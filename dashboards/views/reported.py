"""Approvals and guardrails' verdicts as agents report them, in whatever words: claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

import streamlit as st

from dashboards import api, links, words
from dashboards.views import parts, tables
from dashboards.views.tables import Link
from inventory import contract
from inventory.contract.figures import Decision

_MOST = 500
_YES = ("approved", "allow", "allowed", "accept", "accepted")
_NO = ("denied", "deny", "rejected", "reject", "blocked")
_WAITS = ("requested", "pending")


def draw(window: contract.Window, kind: str) -> None:
    with st.spinner("Reading decisions …", show_time=True):
        found = api.shown("Decisions", lambda: api.approvals(window, _MOST))
    if found is None:
        return
    decisions = [one for one in found.decisions if one.approval.kind == kind]
    zone = parts.reader_zone()
    parts.as_of(
        f"{'The newest ' if found.next else ''}{words.plural(len(decisions), 'report')} "
        f"{words.window(found.window, zone)}; as of {words.moment(found.as_of, zone)}. Claims of agents; "
        "who sent each was verified by the collector."
    )
    if not decisions:
        st.info(
            "**No decision was reported in this window.** Agents report one as a span event or log event named "
            "`muster.approval`; Claude Code, Pydantic AI, Microsoft's and OpenInference's guardrails are read too.",
            icon=":material/how_to_reg:",
        )
        return
    waiting = pending(decisions)
    tiles(decisions, waiting)
    if waiting:
        st.markdown(f"##### Pending ({len(waiting):,})")
        _rows(waiting[:8], "pending")
    odd = [one for one in decisions if overridden(one) or changed(one)]
    if odd:
        st.markdown(f"##### Look at these ({len(odd):,})")
        _rows(odd[:8], "odd")
    st.markdown("##### All")
    _all(decisions)


def pending(decisions: Sequence[Decision]) -> list[Decision]:
    """Asked for, and not decided in the window."""
    settled = {(one.trace_id, one.approval.approval_id) for one in decisions if one.approval.decision not in _WAITS}
    return [
        one
        for one in decisions
        if one.approval.decision in _WAITS and (one.trace_id, one.approval.approval_id) not in settled
    ]


def overridden(one: Decision) -> bool:
    """What was enforced isn't what the policy said, or a person let through what it denied."""
    approval = one.approval
    verdict, enforced = approval.verdict.lower(), approval.enforced.lower()
    let = approval.decision.lower() in _YES or enforced in ("allowed", "executed", "proceeded")
    return bool(verdict) and verdict in (*_NO, "deny") and let


def changed(one: Decision) -> bool:
    """What was carried out isn't what the approver was shown, as far as only the agent tells: what is on record is held
    against the record.
    """
    done, shown = one.approval.arguments_digest, one.approval.shown_digest
    return one.standing == "claimed" and bool(shown and done) and shown != done


def took(one: Decision) -> timedelta | None:
    """From asked to decided, as the agent says."""
    try:
        asked = datetime.fromisoformat(one.approval.requested_at)
        decided = datetime.fromisoformat(one.approval.decided_at)
    except ValueError:
        return None
    try:
        return decided - asked if decided >= asked else None
    except TypeError:  # One has a zone, the other hasn't.
        return None


def tiles(decisions: Sequence[Decision], waiting: Sequence[Decision]) -> None:
    yes = sum(one.approval.decision.lower() in _YES for one in decisions)
    no = sum(one.approval.decision.lower() in _NO for one in decisions)
    times = [time.total_seconds() for one in decisions if (time := took(one)) is not None]
    rejected = words.share(no / (yes + no)) if yes + no else words.UNKNOWN
    parts.row_of(
        [
            parts.tile("Pending", words.count(len(waiting)), "Asked for, and nobody decided in the window"),
            parts.tile("Approved", words.count(yes), "Decisions that let it happen"),
            parts.tile("Denied", words.count(no), "Decisions that didn't", f"{rejected} of decisions"),
            parts.tile(
                "Time to decide", words.duration(int(median(times) * 1e9)) if times else words.UNKNOWN,
                "Median from asked to decided", f"of {len(times):,} that say both",
            ),
            parts.tile("Overrides", words.count(sum(map(overridden, decisions))), "Let through against the verdict"),
            parts.tile("Changed after", words.count(sum(map(changed, decisions))), "Done differently than shown"),
        ]
    )  # fmt: skip


def mark(one: Decision) -> str:
    """Icon and word."""
    decision = one.approval.decision
    icon = "✓" if decision.lower() in _YES else "✕" if decision.lower() in _NO else "…" if decision in _WAITS else "○"
    return f"{icon} {decision or one.approval.verdict or 'not said'}"


def _rows(decisions: Sequence[Decision], key: str) -> None:
    body: list[list[str | Link]] = [
        [
            f"{one.approval.time:%Y-%m-%d %H:%M:%S}",
            mark(one),
            one.approval.approver or words.UNKNOWN,
            one.approval.tool or words.UNKNOWN,
            f"{one.approval.policy_id} {one.approval.policy_version}".strip() or words.UNKNOWN,
            _against(one),
            Link("Trace", links.href(links.TRACE, links.trace(one.trace_id, one.approval.span_id)))
            if one.trace_id
            else "",
        ]
        for one in decisions
    ]
    tables.rows(["When (UTC)", "Decision", "Approver", "Tool", "Policy", "Verdict → enforced", ""], body, label=key)


def _against(one: Decision) -> str:
    approval = one.approval
    text = " → ".join(part for part in (approval.verdict, approval.enforced) if part) or words.UNKNOWN
    if overridden(one):
        text += " ▲ overridden"
    return text + (" ▲ changed after approval" if changed(one) else "")


def _all(decisions: Sequence[Decision]) -> None:
    rows = tables.grid(
        "decisions",
        {
            "When (UTC)": [tables.utc(one.approval.time) for one in decisions],
            "Decision": [mark(one) for one in decisions],
            "Approver": [one.approval.approver for one in decisions],
            "Tool": [one.approval.tool for one in decisions],
            "Policy": [f"{one.approval.policy_id} {one.approval.policy_version}".strip() for one in decisions],
            "Verdict": [one.approval.verdict for one in decisions],
            "Enforced": [one.approval.enforced for one in decisions],
            "Remark": [
                "; ".join(["overridden"] * overridden(one) + ["changed after approval"] * changed(one))
                for one in decisions
            ],
            "Took (s)": [time.total_seconds() if (time := took(one)) is not None else None for one in decisions],
            "Reason": [one.approval.reason for one in decisions],
            "Standing": [one.standing for one in decisions],
            "Reported by": [one.approval.service for one in decisions],
            "Verified as": [one.approval.identity for one in decisions],
            "Trace": [one.trace_id for one in decisions],
        },
        "approvals", alt="Decisions, newest first; select one to go to its trace", on_select="rerun",
        selection_mode="single-row",
        column_config={"When (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
    )  # fmt: skip
    chosen = decisions[rows[0]] if rows and rows[0] < len(decisions) else None
    if chosen is not None and chosen.trace_id:
        address = links.href(links.TRACE, links.trace(chosen.trace_id, chosen.approval.span_id))
        st.markdown(f"**[Open its trace]({address})**")
    else:
        st.caption("Select a row to go to its trace.")
