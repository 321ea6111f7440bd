"""Findings as the registry keeps them: opened once for a key, counted, closed by themselves, accepted until a day."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from collector.store.findings import Group
from inventory import wire as of_store
from inventory.contract import findings as wire
from inventory.db.findings import Finding, FindingEvent, FindingProgress
from inventory.db.models import Json
from inventory.findings.definitions import SEVERITIES, Definition, definitions
from inventory.registry import pages
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Unfit
from inventory.registry.objects import found, locked

KIND: Final = "finding"
QUIET: Final = timedelta(days=30)
"""What nobody does any more for so long is closed."""
LONGEST: Final = timedelta(days=366)

Opened = Callable[[Change, Finding], str | None]
"""What else happens when one opens: the id of a case."""


@dataclass(frozen=True, slots=True)
class Kept:
    opened: int = 0
    closed: int = 0
    standing: int = 0


def keep(change: Change, groups: Sequence[Group], opened: Opened | None = None) -> Kept:
    """Let what stands be what was found; nothing else changes."""
    asked = select(Finding).where(Finding.org == change.org, Finding.open_key.is_not(None)).with_for_update()
    standing = {row.open_key: row for row in change.session.scalars(asked)}
    new = 0
    for group in groups:
        definition = definitions().get(group.finding)
        if definition is None:
            continue
        row = standing.pop(open_key(group.finding, group.key), None)
        if row is None:
            _open(change, definition, group, opened)
            new += 1
        else:
            _again(change, row, group)
    for row in standing.values():
        gone = row.last_at >= change.at - QUIET
        _close(change, row, "not found any more" if gone else f"not seen for {QUIET.days} days")
    return Kept(new, len(standing), len(groups))


def open_key(finding: str, key: str) -> str:
    return f"{finding}/{key}"


def accept(change: Change, name: str, given: wire.AcceptFinding) -> Finding:
    """Live with it. Raises Missing, Clash, Unfit."""
    row = locked(change.session, Finding, KIND, change.org, name)
    if row.state == "closed":
        raise Clash("It is closed", f"{row.outcome}.", "there is nothing to live with", "finding-closed")
    if not change.at < given.until <= change.at + LONGEST:
        raise Unfit(("body.until", f"it is a day of the next {LONGEST.days}", "name a day on which to look again"))
    before = snapshot(row)
    row.state, row.accepted_until = "accepted", given.until
    row.accepted_by, row.accepted_reason = change.actor, given.reason
    _note(change, row, "accept", before, {"until": given.until.isoformat(), "reason": given.reason})
    return row


def reopen(change: Change, name: str, reason: str) -> Finding:
    """It isn't lived with any more. Raises Missing, Clash."""
    row = locked(change.session, Finding, KIND, change.org, name)
    if row.state != "accepted":
        raise Clash(f"It is {row.state}", "Nobody lives with it.", "look at it again", "state-conflict")
    _stands(change, row, {"reason": reason})
    return row


def get(session: Session, org: str, name: str) -> Finding:
    """Raises Missing."""
    return found(session, Finding, KIND, org, name)


def events(session: Session, row: Finding) -> Sequence[FindingEvent]:
    asked = select(FindingEvent).where(FindingEvent.org == row.org, FindingEvent.finding == row.id)
    return session.scalars(asked.order_by(FindingEvent.number)).all()


def listed(
    session: Session, org: str, limit: int, cursor: str | None, *, state: str | None = None,
    finding: str | None = None, severity: str | None = None, agent: str | None = None, control: str | None = None,
) -> tuple[Sequence[Finding], str | None]:  # fmt: skip
    """A page, the most severe and then the longest standing first; without a state those that stand."""
    of = ["findings", org, state, finding, severity, agent, control]
    last = pages.after(cursor, of, (int, str, str))
    asked = select(Finding).where(Finding.org == org)
    asked = asked.where(Finding.state == state) if state else asked.where(Finding.state != "closed")
    for column, value in ((Finding.finding, finding), (Finding.severity, severity), (Finding.agent, agent)):
        if value is not None:
            asked = asked.where(column == value)
    if control is not None:
        asked = asked.where(
            Finding.finding.in_([one.name for one in definitions().values() if control in one.controls])
        )
    if last is not None:
        asked = asked.where(
            tuple_(Finding.rank, Finding.opened_at, Finding.id) > (last[0], pages.moment(last[1]), last[2])
        )
    asked = asked.order_by(Finding.rank, Finding.opened_at, Finding.id).limit(limit + 1)
    rows, more = pages.cut(session.scalars(asked).all(), limit)
    end = rows[-1] if more else None
    return rows, pages.cursor(of, [end.rank, end.opened_at.isoformat(), end.id]) if end else None


def counts(session: Session, org: str) -> dict[str, int]:
    """How many stand, by finding."""
    asked = select(Finding.finding, func.count()).where(Finding.org == org, Finding.state == "open")
    return {row[0]: row[1] for row in session.execute(asked.group_by(Finding.finding))}


def progress(session: Session, org: str) -> FindingProgress | None:
    return session.get(FindingProgress, org)


def snapshot(row: Finding) -> Json:
    return {
        "finding": row.finding, "key": row.key, "agent": row.agent, "severity": row.severity, "state": row.state,
        "accepted_until": row.accepted_until.isoformat() if row.accepted_until else None,
        "accepted_by": row.accepted_by, "outcome": row.outcome, "case": row.case,
    }  # fmt: skip


def _open(change: Change, definition: Definition, group: Group, opened: Opened | None) -> None:
    before = change.session.scalar(
        select(func.count()).select_from(Finding).where(
            Finding.org == change.org, Finding.finding == group.finding, Finding.key == group.key
        )
    )  # fmt: skip
    row = Finding(
        org=change.org, id=f"fnd_{secrets.token_hex(8)}", finding=group.finding, key=group.key, agent=group.agent,
        severity=definition.severity, rank=SEVERITIES.index(definition.severity), state="open",
        open_key=open_key(group.finding, group.key), revision=0, opened_at=change.at,
        first_at=of_store.moment(group.first_ns), last_at=of_store.moment(group.last_ns), hits=group.hits,
        traces=list(group.traces), details=dict(group.details), recurrence=before or 0, accepted_until=None,
        accepted_by=None, accepted_reason="", closed_at=None, outcome="", case=None,
    )  # fmt: skip
    change.session.add(row)
    if opened is not None:
        row.case = opened(change, row)
    _note(change, row, "open", None, {"hits": group.hits, **({"case": row.case} if row.case else {})})


def _again(change: Change, row: Finding, group: Group) -> None:
    row.hits, row.agent, row.details = group.hits, group.agent, dict(group.details)
    row.first_at, row.last_at = of_store.moment(group.first_ns), of_store.moment(group.last_ns)
    row.traces = list(group.traces)
    if row.state == "accepted" and row.accepted_until is not None and row.accepted_until <= change.at:
        _stands(change, row, {"reason": "the day has come until which it was accepted"})


def _stands(change: Change, row: Finding, details: Json) -> None:
    before = snapshot(row)
    row.state, row.accepted_until, row.accepted_by, row.accepted_reason = "open", None, None, ""
    _note(change, row, "reopen", before, details)


def _close(change: Change, row: Finding, outcome: str) -> None:
    before = snapshot(row)
    row.state, row.open_key, row.closed_at, row.outcome = "closed", None, change.at, outcome
    _note(change, row, "close", before, {"outcome": outcome})


def _note(change: Change, row: Finding, what: str, before: Any, details: Json) -> None:
    row.revision += 1
    change.session.add(
        FindingEvent(
            org=row.org, finding=row.id, number=row.revision, at=change.at, what=what, by=change.actor, details=details
        )
    )
    change.record(what, KIND, row.id, before, {**snapshot(row), **details})
