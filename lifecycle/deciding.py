"""What people decide about a case: keep, snooze, transfer, disable now, retire, exempt; what needs two of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.contract import lifecycle as wire
from inventory.contract.lifecycle import PolicySpec, TwoPerson
from inventory.db import cases as db
from inventory.db.models import Agent, Person
from inventory.registry import agents
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Forbidden, Missing, Unfit
from lifecycle import cases, notices
from lifecycle.conditions import Found
from lifecycle.looking import Held, policies_of, policy_for
from lifecycle.machine import TERMINAL, UNDO, WARNING, Condition, Next
from lifecycle.standing import follow

_MOST_SNOOZED: Final = 90


def decide(change: Change, name: str, asked: wire.Decide, *, actor: str | None = None) -> db.Case:
    """Raises Missing, Clash or Unfit. `actor`: who decided by a link, where they aren't the caller."""
    row = cases.hold(change.session, change.org, name)
    _open(row)
    policy = _policy(change.session, row)
    details: dict[str, Any] = {"decision": asked.decision, "reason": asked.reason, "by": actor or change.actor}
    if asked.decision == "keep":
        _keep(change, row, policy, details)
    elif asked.decision == "snooze":
        _snooze(change, row, policy, asked, details)
    elif asked.decision == "transfer":
        _transfer(change, row, asked, details)
    elif asked.decision == "disable":
        _warned_only(row, "disabled")
        row.ordered, row.snoozed_until = True, None
        cases.note(change, row, "ordered", row.state, details, actor)
        cases.comes(row, Next("disable", change.at))
    elif asked.decision == "retire":
        if row.state in WARNING:
            row.ordered, row.snoozed_until = True, None
            cases.comes(row, Next("disable", change.at))
        cases.note(change, row, "retire-asked", row.state, details, actor)
    else:
        request(change, name, wire.Ask(action="exempt", reason=asked.reason), days=asked.days)
    return row


def request(
    change: Change, name: str, asked: wire.Ask, *, days: int | None = None, plan: str | None = None
) -> db.CaseRequest:
    """Ask for what a second person must approve. `plan`: digest of what was frozen for it. Raises Clash."""
    row = cases.hold(change.session, change.org, name)
    _open(row)
    expected = {"revoke": ("disabled",), "archive": ("triggers-removed",)}.get(asked.action)
    if expected is not None and row.state not in expected:
        raise Clash(
            f"It is too early or too late to {asked.action}", f"{row.agent} is {row.state}.",
            f"it can be asked for while the case is {' or '.join(expected)}", "state-conflict",
        )  # fmt: skip
    if any(one.action == asked.action and one.decided_at is None for one in requests(change.session, row)):
        raise Clash(
            "It was asked for already", f"{asked.action} of {row.agent} waits for a second person.",
            "approve or refuse what was asked", "already-requested",
        )  # fmt: skip
    made = db.CaseRequest(
        org=change.org, id=f"req_{secrets.token_hex(8)}", case=row.id, action=asked.action,
        plan_hash=row.plan_hash if plan is None else plan, requested_by=change.actor, requested_at=change.at,
        reason=asked.reason, days=days, decided_by=None, decided_at=None, approved=None, verdict="",
    )  # fmt: skip
    change.session.add(made)
    cases.note(change, row, f"{asked.action}-requested", row.state, {"reason": asked.reason, "request": made.id})
    return made


def answer(change: Change, name: str, given: wire.Verdict) -> db.CaseRequest:
    """The second person's. Raises Missing, Clash or Forbidden."""
    made = change.session.get(db.CaseRequest, (change.org, name), with_for_update=True)
    if made is None:
        raise Missing("request", name)
    if made.decided_at is not None:
        raise Clash("It was decided already", f"{made.decided_by} decided it.", "read it again", "already-decided")
    caller = change.asking.caller
    if made.requested_by in (change.actor, caller.issuer) or _same_person(made.requested_by, caller.person):
        raise Forbidden(
            "Somebody else must decide this", f"{change.actor} asked for it.", "ask a second person", "two-person-rule"
        )
    row = cases.hold(change.session, change.org, made.case)
    _open(row)
    if given.approve and made.plan_hash != row.plan_hash and made.action in ("revoke", "archive"):
        raise Clash(
            "The plan has changed since", "What would be done isn't what was asked for.",
            "read the case again, and ask for what it says now", "plan-changed",
        )  # fmt: skip
    made.decided_by, made.decided_at, made.approved, made.verdict = change.actor, change.at, given.approve, given.reason
    word = "approved" if given.approve else "refused"
    cases.note(change, row, f"{made.action}-{word}", row.state, {"request": made.id, "reason": given.reason})
    if given.approve:
        _approved(change, row, made)
    return made


def requests(session: Session, row: db.Case) -> Sequence[db.CaseRequest]:
    asked = select(db.CaseRequest).where(db.CaseRequest.org == row.org, db.CaseRequest.case == row.id)
    return session.scalars(asked.order_by(db.CaseRequest.requested_at, db.CaseRequest.id)).all()


def violation(change: Change, agent: str, reason: str) -> db.Case:
    """Open a case since somebody saw an agent do what it must not. Raises Missing or Clash."""
    row = agents.get(change.session, change.org, agent)
    held = policy_for(change.session, change.org, "violation")
    if held is None:
        raise Clash(
            "There is no policy for violations", "Nothing says what is to be done.",
            "add one: muster lifecycle policy put", "no-policy",
        )  # fmt: skip
    _no_other(change.session, row, "violation")
    if row.state != "active":
        raise Clash(
            "The agent isn't active", f"{agent} is {row.state}.", "there is nothing to switch off", "state-conflict"
        )
    found = Found(Condition(True, change.at), {"reason": reason, "raised_by": change.actor})
    case = cases.open_case(change, agent, held, found, Next("notice", change.at), "violation")
    follow(change.session, case, held.spec, found.condition)
    return case


def hold(change: Change, name: str, given: wire.Hold) -> db.Case:
    """A legal hold, or its end. Raises Missing."""
    row = cases.hold(change.session, change.org, name)
    if row.held != given.held:
        row.held = given.held
        cases.note(change, row, "held" if given.held else "hold-ended", row.state, {"reason": given.reason})
    return row


def _keep(change: Change, row: db.Case, policy: Held, details: dict[str, Any]) -> None:
    """Somebody answers for the agent. Its last activity stays what it is; what was switched off is given back."""
    if row.reason == "ownerless":
        raise Clash(
            "Nobody answers for this agent", "Its owner and backup owner are gone.",
            "transfer it to somebody who does", "ownerless",
        )  # fmt: skip
    until = change.at + timedelta(days=policy.spec.attested_days)
    cases.clear(change, row.agent, row.reason, "attested", until, details["reason"])
    actor = details["by"]
    if row.disabled_at is None and row.locked is None:
        notices.supersede(change.session, row)
        cases.close(change, row, "attested", "attest", {**details, "until": until.isoformat()})
        return
    if row.state not in (*WARNING, "disabled"):
        raise Clash(
            "It can't be taken back in one step any more", f"{row.agent} is {row.state}.",
            "register what it needs anew: its case says what was removed, and how it was", "state-conflict",
        )  # fmt: skip
    row.locked, row.facts = UNDO, {**row.facts, "undo": "attested"}
    cases.note(change, row, "attest", row.state, {**details, "until": until.isoformat()}, actor)


def _snooze(change: Change, row: db.Case, policy: Held, asked: wire.Decide, details: dict[str, Any]) -> None:
    _warned_only(row, "snoozed")
    if row.snoozes >= policy.spec.snoozes:
        raise Clash(
            "It was snoozed often enough", f"{row.agent} was snoozed {row.snoozes} times.",
            "keep it with a reason, transfer it, or let it be disabled", "snoozed-out",
        )  # fmt: skip
    days = asked.days or policy.spec.snooze_days
    if days > _MOST_SNOOZED:
        raise Unfit(("body.days", f"a snooze is {_MOST_SNOOZED} days at most", "snooze for less, or keep it"))
    row.snoozes, row.snoozed_until = row.snoozes + 1, change.at + timedelta(days=days)
    cases.note(change, row, "snooze", row.state, {**details, "until": row.snoozed_until.isoformat()}, details["by"])
    cases.comes(row, Next("wake", row.snoozed_until))


def _transfer(change: Change, row: db.Case, asked: wire.Decide, details: dict[str, Any]) -> None:
    """Somebody else answers from now on: they are asked from the beginning."""
    assert asked.to is not None
    person = change.session.get(Person, (change.org, asked.to))
    if person is None or not person.active:
        raise Unfit(("body.to", f"{asked.to} is not known or no longer active", "name somebody who is"))
    agent = cases.agent_of(change.session, row)
    spec = agents.spec_of(agent)
    backup = None if spec.backup_owner == asked.to else spec.backup_owner
    agents.update(change, agent, spec.model_copy(update={"owner": asked.to, "backup_owner": backup}))
    details = {**details, "from": spec.owner, "to": asked.to}
    if row.state in WARNING:
        notices.supersede(change.session, row)
        before, row.state, row.reminders = row.state, "candidate", 0
        row.entered_at, row.snoozed_until, row.plan_hash = change.at, None, ""
        cases.note(change, row, "transfer", before, details, details["by"])
    else:
        notices.queue(change, row, agent, _policy(change.session, row).spec, "disabled", row.undo_until)
        cases.note(change, row, "transfer", row.state, details, details["by"])


def _approved(change: Change, row: db.Case, made: db.CaseRequest) -> None:
    action: TwoPerson = made.action  # type: ignore[assignment]
    policy = _policy(change.session, row)
    if action == "exempt":
        until = change.at + timedelta(days=made.days or policy.spec.exempt_days)
        cases.clear(change, row.agent, row.reason, "exempt", until, made.reason, change.actor)
        if row.state in WARNING and row.locked is None:
            notices.supersede(change.session, row)
            cases.close(change, row, "exempt", "exempt", {"until": until.isoformat(), "request": made.id})
        elif row.state == "disabled":
            row.locked, row.facts = UNDO, {**row.facts, "undo": "exempt"}
    elif action == "interval":
        until = change.at + timedelta(days=policy.spec.exempt_days)
        cases.clear(change, row.agent, "interval", "interval", until, made.reason, change.actor)
    elif row.state == "disabled" and row.undo_until is not None:
        cases.comes(row, Next("revoke", max(row.undo_until, change.at)))
    else:
        cases.comes(row, Next("archive", change.at))


def _open(row: db.Case) -> None:
    if row.state in TERMINAL:
        raise Clash("The case is closed", f"{row.id} is {row.state}.", "look for an open one", "case-closed")


def _warned_only(row: db.Case, word: str) -> None:
    if row.state not in WARNING or row.locked is not None:
        raise Clash(
            f"It can't be {word} now", f"{row.agent} is {row.state}.", "look at what comes next", "state-conflict"
        )


def _no_other(session: Session, agent: Agent, reason: str) -> None:
    if (known := cases.open_of(session, agent.org, agent.id, reason)) is not None:
        raise Clash("There is a case already", f"{known} is open.", "say it there", "case-open")


def _policy(session: Session, row: db.Case) -> Held:
    held = policies_of(session, row.org)
    if row.policy not in held:
        return Held(row.policy, row.policy_version, PolicySpec(reason=row.reason))  # type: ignore[arg-type]
    return held[row.policy]


def _same_person(actor: str, person: str | None) -> bool:
    return person is not None and actor == f"person:{person}"
