"""Reviews: what must I decide, by when, and what if I don't?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from dashboards import api, links, words
from dashboards.links import Pages
from dashboards.views import acting, parts, tables
from inventory.contract import lifecycle

_OFF = ("disabled", "credentials-revoked", "triggers-removed", "archived")
_SILENCE = {
    "notice": "its owner is told",
    "remind": "its owner is reminded",
    "final": "its owner gets the last warning",
    "disable": "**it is disabled**: its tokens stop working and what it acts through is off. Undo is one step",
    "revoke": "its credentials are revoked, once a second person approves; until then it stays disabled",
    "remove": "its triggers are removed",
    "archive": "its records are archived, once a second person approves",
    "retire": "it is retired for good",
    "wake": "it is watched again, and its owner warned once more",
    "restore": "it is given back",
}
_REASON = {
    "idle": "It has done nothing for long",
    "ownerless": "Nobody answers for it",
    "expired": "Its time is over, or nobody vouched for it",
    "violation": "Somebody saw it do what it must not",
}
_DECISIONS = {
    "keep": "Keep it",
    "snooze": "Ask me later",
    "transfer": "Somebody else's",
    "disable": "Disable it now",
    "retire": "Retire it",
    "exempt": "Exempt it",
}
_MEANS = {
    "keep": "You answer for it: the case is closed. What was switched off is given back.",
    "snooze": "Nothing happens until then. You are warned once more before anything is done.",
    "transfer": "Its new owner is told and asked from the beginning.",
    "disable": "At the next run of the scheduler. Keeping it gives everything back.",
    "retire": "It is disabled now; revoking, removing and archiving follow, each step of which two people must want.",
    "exempt": "The case is closed for as long as you say, once a second person approves.",
}


def page(pages: Pages) -> None:
    st.title("Reviews", anchor=False)
    parts.told("reviews")
    name = st.query_params.get("case", "").strip()
    if name:
        _one(name, pages)
        return
    with st.spinner("Reading open cases …", show_time=True):
        cases = api.shown("Open cases", lambda: api.cases(open=True))
        switch = api.shown("The switch", api.switch)
    if cases is None:
        return
    if switch is not None and not switch.enforcement:
        st.warning(
            f"**Enforcement is switched off** by {switch.by or 'nobody'}: {words.escaped(switch.reason)}. "
            "Cases go on and notices are sent; nothing is disabled.",
            icon=":material/power_settings_new:",
        )
    mine = st.segmented_control(
        "Whose", ["mine", "all"], default="all", key="whose", bind="query-params", required=True,
        help="Mine: you are the owner of the agent",
    )  # fmt: skip
    me = api.shown("Who you are", api.me)
    if mine == "mine" and me is not None:
        cases = [case for case in cases if case.owner and case.owner == me.person]
    _list(cases)


def _list(cases: Sequence[lifecycle.Case]) -> None:
    if not cases:
        st.success(
            "**Nothing to decide.** A case is opened when an agent idles for long, loses its owner, expires, or is "
            "reported.",
            icon=":material/check_circle:",
        )
        return
    now, zone = datetime.now(UTC), parts.reader_zone()
    cases = sorted(cases, key=lambda case: case.next_action_at or datetime.max.replace(tzinfo=UTC))
    parts.as_of(f"{words.plural(len(cases), 'open case')}, what comes first on top; as of {words.moment(now, zone)}")
    for case in cases[:12]:
        with st.container(border=True):
            left, middle, right = st.columns([2.2, 3.2, 1], vertical_alignment="center")
            left.markdown(f"**{words.escaped(case.agent)}**  \n{_REASON[case.reason]}")
            due = f"{words.until(case.next_action_at, now)}" if case.next_action_at else "no date"
            silent = _SILENCE.get(case.next_action or "", "nothing")
            watched = "" if case.enforced else " *Its policy only watches: nothing is enforced.*"
            middle.markdown(
                f"**{due}** ({words.moment(case.next_action_at, zone) if case.next_action_at else '–'})  \n"
                f"If nobody decides, {silent}.{watched}"
            )
            if case.blocked:
                middle.caption(f"Waits: {case.blocked}")
            right.markdown(f"**[Decide]({links.href(links.REVIEWS, links.review(case.id))})**")
    columns = _columns(cases)
    tables.grid("cases", columns, "open-cases", alt="All open cases")


def _columns(cases: Sequence[lifecycle.Case]) -> dict[str, list[Any]]:
    return {
        "Case": [case.id for case in cases],
        "Agent": [case.agent for case in cases],
        "Owner": [case.owner for case in cases],
        "Reason": [case.reason for case in cases],
        "State": [case.state for case in cases],
        "Next": [case.next_action for case in cases],
        "When (UTC)": [tables.utc(case.next_action_at) for case in cases],
        "Days": [round(case.days, 1) for case in cases],
        "Enforced": ["yes" if case.enforced else "no" for case in cases],
        "Blocked": [case.blocked for case in cases],
    }


def _one(name: str, pages: Pages) -> None:
    st.page_link(pages[links.REVIEWS], label="All reviews", icon=":material/arrow_back:")
    case = api.shown(f"Case {name[:40]}", lambda: api.case(name))
    if case is None:
        return
    zone, now = parts.reader_zone(), datetime.now(UTC)
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        st.markdown(f"### {words.escaped(case.agent)}: {_REASON[case.reason].lower()}")
        _due(case, now)
        _evidence(case)
    with right:
        _decide(case)
        _requests(case)
    tabs = st.tabs([f"History ({len(case.events)})", f"Steps ({len(case.steps)})", f"Notices ({len(case.notices)})"])
    with tabs[0]:
        _history(case)
    with tabs[1]:
        _steps(case)
    with tabs[2]:
        _notices(case)
    st.markdown(
        f"[The agent]({links.href(links.AGENT, links.agent(case.agent))}) · {acting.audit_link('case', case.id)} · "
        f"policy {case.policy}, version {case.policy_version} · opened {words.moment(case.opened_at, zone)}"
    )


def _due(case: lifecycle.CaseDetail, now: datetime) -> None:
    zone = parts.reader_zone()
    if case.is_terminal:
        st.info(f"**Closed:** {words.CASE.get(case.state, case.state)}. {case.last_action}, "
                f"{words.moment(case.last_action_at, zone)}.", icon=":material/task_alt:")  # fmt: skip
        return
    when = (
        f"{words.until(case.next_action_at, now)}, {words.moment(case.next_action_at, zone)}"
        if case.next_action_at
        else ""
    )
    silent = _SILENCE.get(case.next_action or "", "nothing happens")
    if case.enforced:
        st.warning(f"**If nobody decides, {silent}**  \n{when}", icon=":material/schedule:")
    else:
        st.info(
            f"**Nothing happens: its policy only watches.** If nobody decides and it were enforced, {silent}  \n{when}",
            icon=":material/visibility:",
        )
    if case.blocked and case.enforced:
        st.info(f"It waits: {words.escaped(case.blocked)}", icon=":material/pause_circle:")
    if case.held:
        st.info("A legal hold is on it: nothing of it is deleted.", icon=":material/gavel:")


def _evidence(case: lifecycle.CaseDetail) -> None:
    """Of use: what the case rests on."""
    st.markdown("##### Evidence")
    facts = [(key.replace("_", " ").capitalize(), _said(value)) for key, value in case.facts.items() if key != "undo"]
    zone = parts.reader_zone()
    parts.facts(
        [
            ("State", words.CASE.get(case.state, case.state)),
            ("Since", words.moment(case.since, zone)),
            ("Days", f"{case.days:.1f}, hours without telemetry left out"),
            ("Undo until", words.moment(case.undo_until, zone) if case.undo_until else ""),
            ("Snoozed until", words.moment(case.snoozed_until, zone) if case.snoozed_until else ""),
            *facts,
        ]
    )


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _decide(case: lifecycle.CaseDetail) -> None:
    if case.is_terminal:
        return
    with st.container(border=True):
        st.markdown("##### Decide")
        scope = "lifecycle:enforce" if case.reason == "violation" else "agents:write"
        if not acting.may(scope, "Deciding"):
            return
        possible = [one for one in _DECISIONS if _possible(case, one)]
        chosen = st.selectbox("Decision", possible, format_func=lambda one: _label(case, one), key="decision")
        st.caption(_MEANS[chosen])
        given: dict[str, Any] = {"decision": chosen}
        if chosen in ("snooze", "exempt"):
            given["days"] = st.number_input("Days", 1, 90 if chosen == "snooze" else 366, 14, key="decision-days")
        if chosen == "transfer":
            people = [one.id for one in api.shown("People", api.everybody) or [] if one.spec.active]
            given["to"] = st.selectbox("New owner", people, key="decision-to", index=None)
        needed = chosen in ("keep", "exempt", "retire")
        given["reason"] = acting.reason(needed=needed, example="it runs at the end of the year", key="decision-reason")
        ready = (bool(given["reason"]) or not needed) and (chosen != "transfer" or bool(given["to"]))
        if st.button("Go on …", type="primary", disabled=not ready, key="decision-go"):
            confirm(case, given)


def _label(case: lifecycle.Case, decision: str) -> str:
    return "Undo: give it back" if decision == "keep" and case.state in _OFF else _DECISIONS[decision]


def _possible(case: lifecycle.Case, decision: str) -> bool:
    if decision == "keep":
        return case.reason != "ownerless"
    return case.state not in _OFF if decision in ("snooze", "disable") else True


@st.dialog("Is that what you want?", icon=":material/help:")
def confirm(case: lifecycle.CaseDetail, given: dict[str, Any]) -> None:
    decision = str(given["decision"])
    st.markdown(f"**{_label(case, decision)}: {words.escaped(case.agent)}**  \n{_MEANS[decision]}")
    if given.get("reason"):
        st.caption(f"Kept as the reason: {words.escaped(str(given['reason']))}")
    if st.button(_label(case, decision), type="primary", key="confirm-do"):
        acting.attempt(
            "reviews",
            lambda: api.client().decide_case(case.id, lifecycle.Decide.model_validate(given)),
            lambda done: (
                f"Decided: **{_label(case, decision).lower()}**. {_after(done)} {acting.audit_link('case', done.id)}"
            ),
        )


def _after(case: lifecycle.Case) -> str:
    if case.is_terminal:
        return "The case is closed."
    when = f", {words.moment(case.next_action_at, parts.reader_zone())}" if case.next_action_at else ""
    return f"Next: {case.next_action or 'nothing'}{when}."


def _requests(case: lifecycle.CaseDetail) -> None:
    """What two people must want."""
    for one in case.requests:
        with st.container(border=True):
            asked = f"**{one.action}** was asked for by {one.requested_by}, {one.requested_at:%Y-%m-%d %H:%M} UTC"
            st.markdown(f"{asked}: {words.escaped(one.reason)}")
            if one.decided_at is not None:
                word = "Approved" if one.approved else "Refused"
                st.caption(f"{word} by {one.decided_by}, {one.decided_at:%Y-%m-%d %H:%M} UTC")
                continue
            if acting.may("lifecycle:enforce", "The second person's word", reach=("all",)):
                why = acting.reason("Why", needed=False, key=f"why-{one.id}")
                for label, approve in (("Approve", True), ("Refuse", False)):
                    if st.button(label, key=f"{label}-{one.id}"):
                        verdict = lifecycle.Verdict(approve=approve, reason=why)
                        acting.attempt(
                            "reviews",
                            partial(api.client().answer_request, one.id, verdict),
                            lambda done: f"{done.action}: {'approved' if done.approved else 'refused'}.",
                        )
    expected = {"disabled": "revoke", "triggers-removed": "archive"}.get(case.state)
    asked_for = {one.action for one in case.requests if one.decided_at is None}
    if expected and expected not in asked_for and not case.is_terminal:
        with st.expander(f"Ask for the next step: {expected}"):
            st.caption("What would be done is frozen with it; a second person must approve exactly that.")
            why = acting.reason(key="ask-reason")
            if st.button("Ask", disabled=not why, key="ask-do"):
                asked_ = lifecycle.Ask.model_validate({"action": expected, "reason": why})
                acting.attempt("reviews", lambda: api.client().ask_case(case.id, asked_),
                               lambda done: f"{done.action} waits for a second person.")  # fmt: skip


def _history(case: lifecycle.CaseDetail) -> None:
    tables.grid(
        "events",
        {
            "When (UTC)": [tables.utc(one.at) for one in case.events],
            "Who": [one.actor for one in case.events],
            "What": [one.action for one in case.events],
            "From": [one.before for one in case.events],
            "To": [one.after for one in case.events],
            "Details": [", ".join(f"{key}: {value}" for key, value in one.details.items()) for one in case.events],
        },
        f"{case.id}-history",
        alt="What happened to the case",
    )


def _steps(case: lifecycle.CaseDetail) -> None:
    if not case.steps:
        st.caption("Nothing outside was touched.")
        return
    tables.grid(
        "steps",
        {
            "Stage": [one.stage for one in case.steps],
            "Where": [one.connector for one in case.steps],
            "Target": [one.target for one in case.steps],
            "What": [one.what for one in case.steps],
            "State": [one.state for one in case.steps],
            "Reversible": ["yes" if one.reversible else "no" for one in case.steps],
            "Done (UTC)": [tables.utc(one.done_at) for one in case.steps],
        },
        f"{case.id}-steps",
        alt="What was done to systems outside",
    )


def _notices(case: lifecycle.CaseDetail) -> None:
    if not case.notices:
        st.caption("Nobody was told yet.")
        return
    tables.grid(
        "notices",
        {
            "Stage": [one.stage for one in case.notices],
            "To": [one.recipient for one in case.notices],
            "Through": [one.channel for one in case.notices],
            "State": [one.state for one in case.notices],
            "Sent (UTC)": [tables.utc(one.sent_at) for one in case.notices],
            "Answer": [one.response for one in case.notices],
            "Message": [one.message for one in case.notices],
        },
        f"{case.id}-notices",
        alt="Who was told what",
    )
