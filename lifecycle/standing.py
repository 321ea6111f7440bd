"""A case's rows as the machine sees them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.contract.lifecycle import Action, PolicySpec
from inventory.db import cases as db
from lifecycle.machine import Condition, Standing, Told, upcoming

STAGES: Final[tuple[Action, ...]] = ("notice", "remind", "final")
_AT_ONCE: Final = 500


def standing(row: db.Case, told: Mapping[Action, Told], approved: frozenset[str]) -> Standing:
    return Standing(
        row.state,  # type: ignore[arg-type]
        row.entered_at, row.reminders, told, row.snoozed_until, row.disabled_at, row.ordered, approved,
    )  # fmt: skip


def tellings(session: Session, org: str, rows: Sequence[db.Case]) -> Mapping[str, Mapping[Action, Told]]:
    """Of each case, what became of its newest notices of each stage."""
    found: dict[str, dict[str, list[db.Notice]]] = defaultdict(lambda: defaultdict(list))
    for some in _chunks([row.id for row in rows]):
        asked = select(db.Notice).where(
            db.Notice.org == org, db.Notice.case.in_(some), db.Notice.stage.in_(STAGES), db.Notice.state != "superseded"
        )
        for notice in session.scalars(asked):
            found[notice.case][notice.stage].append(notice)
    return {
        row.id: {stage: _told(notices) for stage, notices in found[row.id].items()}  # type: ignore[misc]
        for row in rows
    }


def _told(notices: Sequence[db.Notice]) -> Told:
    newest = max(notice.round for notice in notices)
    current = [notice for notice in notices if notice.round == newest]
    delivered = [notice.sent_at for notice in current if notice.state == "delivered" and notice.sent_at is not None]
    return Told(
        min(notice.created_at for notice in current),
        min(delivered, default=None),
        all(notice.state in ("bounced", "failed") for notice in current),
    )


def approvals(session: Session, org: str, rows: Sequence[db.Case]) -> Mapping[str, frozenset[str]]:
    """Of each case, what two people wanted, of the plan that is frozen now."""
    plans = {row.id: row.plan_hash for row in rows}
    found: dict[str, set[str]] = {row.id: set() for row in rows}
    for some in _chunks(list(plans)):
        asked = select(db.CaseRequest).where(
            db.CaseRequest.org == org, db.CaseRequest.case.in_(some), db.CaseRequest.approved.is_(True)
        )
        for request in session.scalars(asked):
            if request.plan_hash == plans[request.case]:
                found[request.case].add(request.action)
    return {case: frozenset(actions) for case, actions in found.items()}


def follow(session: Session, row: db.Case, policy: PolicySpec, condition: Condition) -> None:
    """Say what comes next to a case that was just moved."""
    session.flush()
    coming = upcoming(
        policy, standing(row, tellings(session, row.org, [row])[row.id], approvals(session, row.org, [row])[row.id]),
        condition,
    )  # fmt: skip
    row.next_action, row.next_action_at, row.blocked = coming.action, coming.at, coming.blocked


def _chunks(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
