"""Changes of cases: each in one transaction with its entry in the case's history and in the audit log."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.contract.lifecycle import Action, CaseReason, CaseState
from inventory.db import cases as db
from inventory.db.models import Agent, Json
from inventory.registry import agents, pages
from inventory.registry.change import Change
from inventory.registry.objects import found, locked
from lifecycle.conditions import Found
from lifecycle.looking import Held
from lifecycle.machine import LEADS_TO, TERMINAL, Next, after_snooze

KIND: Final = "case"


def get(session: Session, org: str, name: str) -> db.Case:
    """Raises Missing."""
    return found(session, db.Case, KIND, org, name)


def hold(session: Session, org: str, name: str) -> db.Case:
    """For a change. Raises Missing."""
    return locked(session, db.Case, KIND, org, name)


def open_case(change: Change, agent: str, held: Held, found: Found, coming: Next, reason: CaseReason) -> db.Case:
    """A candidate."""
    row = db.Case(
        org=change.org, id=f"case_{secrets.token_hex(8)}", agent=agent, reason=reason, open_key=f"{agent}/{reason}",
        policy=held.id, policy_version=held.version, state="candidate", opened_at=change.at, entered_at=change.at,
        since=found.condition.since, last_action="open", last_action_at=change.at, next_action=None,
        next_action_at=None, blocked="", locked=None, reminders=0, snoozes=0, snoozed_until=None, held=False,
        ordered=False, disabled_at=None, undo_until=None, escalated_at=None, plan_hash="", facts=found.evidence,
        revision=1,
    )  # fmt: skip
    comes(row, coming)
    change.session.add(row)
    change.session.flush()
    note(change, row, "open", "", {"policy": held.id, "version": held.version, **found.evidence})
    return row


def move(change: Change, row: db.Case, action: Action, details: Json, *, entered: datetime | None = None) -> None:
    """To where an action leads."""
    before = row.state
    row.state = LEADS_TO[action]
    row.entered_at = entered or change.at
    row.reminders += action == "remind"
    note(change, row, action, before, details)


def open_of(session: Session, org: str, agent: str, reason: str) -> str | None:
    """The id of an agent's open case for a reason, if there is one."""
    return session.scalar(select(db.Case.id).where(db.Case.org == org, db.Case.open_key == f"{agent}/{reason}"))


def close(change: Change, row: db.Case, state: CaseState, action: str, details: Json) -> None:
    """For good."""
    assert state in TERMINAL
    before = row.state
    row.state, row.entered_at, row.open_key = state, change.at, None
    row.snoozed_until, row.locked = None, None
    comes(row, Next(None, None))
    note(change, row, action, before, details)


def wake(change: Change, row: db.Case) -> None:
    """A snooze has ended."""
    before = row.state
    row.snoozed_until = None
    row.state = after_snooze(row.state)  # type: ignore[arg-type]
    note(change, row, "wake", before, {})


def again(change: Change, row: db.Case, why: str, details: Json) -> None:
    """Back to before the last warning, since what it warned of isn't what would be done."""
    before = row.state
    row.state, row.entered_at, row.locked = "reminded", change.at, None
    note(change, row, "drift", before, {"why": why, **details})


def comes(row: db.Case, coming: Next) -> bool:
    """What happens next, and when: whether that is new."""
    new = (coming.action, coming.at, coming.blocked)
    if new == (row.next_action, row.next_action_at, row.blocked):
        return False
    row.next_action, row.next_action_at, row.blocked = new
    return True


def note(change: Change, row: db.Case, action: str, before: str, details: Json, actor: str | None = None) -> None:
    """An entry in the case's history, and in the audit log."""
    session = change.session
    row.last_action, row.last_action_at = action, change.at
    row.revision += 1
    last = session.scalar(
        select(func.max(db.CaseEvent.number)).where(db.CaseEvent.org == row.org, db.CaseEvent.case == row.id)
    )
    session.add(
        db.CaseEvent(
            org=row.org, case=row.id, number=(last or 0) + 1, at=change.at, actor=actor or change.actor, action=action,
            before=before, after=row.state, details=details,
        )
    )  # fmt: skip
    session.flush()
    change.record(action, KIND, row.id, {"state": before} if before else None, _entry(row, details))


def agent_of(session: Session, row: db.Case) -> Agent:
    """Locked: its state is changed with the case."""
    return locked(session, Agent, agents.KIND, row.org, row.agent)


def listed(
    session: Session,
    org: str,
    limit: int,
    cursor: str | None,
    *,
    agent: str | None = None,
    state: str | None = None,
    reason: str | None = None,
    open_only: bool = False,
) -> tuple[Sequence[db.Case], str | None]:
    """A page by id, and the cursor of the next. Raises Unfit for another list's cursor."""
    of = ["cases", org, agent, state, reason, open_only]
    asked = select(db.Case).where(db.Case.org == org)
    for column, value in ((db.Case.agent, agent), (db.Case.state, state), (db.Case.reason, reason)):
        if value is not None:
            asked = asked.where(column == value)
    if open_only:
        asked = asked.where(db.Case.open_key.is_not(None))
    return pages.by(session, asked, db.Case.id, of, limit, cursor)


def events(session: Session, row: db.Case) -> Sequence[db.CaseEvent]:
    asked = select(db.CaseEvent).where(db.CaseEvent.org == row.org, db.CaseEvent.case == row.id)
    return session.scalars(asked.order_by(db.CaseEvent.number)).all()


def clear(
    change: Change, agent: str, reason: str, kind: str, until: datetime, why: str, approved_by: str | None = None
) -> None:
    """Somebody answers for the agent until then. Its last activity stays what it is."""
    change.session.add(
        db.Clearance(
            org=change.org, agent=agent, reason=reason, given_at=change.at, kind=kind, until=until, by=change.actor,
            approved_by=approved_by, why=why,
        )
    )  # fmt: skip


def _entry(row: db.Case, details: Json) -> dict[str, Any]:
    return {
        "agent": row.agent, "reason": row.reason, "state": row.state, "policy": row.policy,
        "policy_version": row.policy_version, "plan_hash": row.plan_hash, "details": details,
    }  # fmt: skip
