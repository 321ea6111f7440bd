"""What a week left for people to talk about: the loop that the reviewers' word goes back by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from statistics import median

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from inventory.contract import findings as wire
from inventory.db.approvals import Approval
from inventory.db.findings import Finding
from inventory.findings.definitions import definitions
from inventory.registry.approvals import state_at

_MOST = 500
_FEW = 3
"""Approvals of one policy in a week up to which one more is not expected."""


def review_list(session: Session, org: str, since: datetime, until: datetime) -> wire.ReviewList:
    """Newest first in each kind."""
    rows = session.scalars(
        select(Approval)
        .where(Approval.org == org, Approval.requested_at >= since, Approval.requested_at < until)
        .order_by(Approval.requested_at.desc(), Approval.id)
    ).all()
    items = [*_of_approvals(rows, until), *_of_findings(session, org, since)]
    states = [state_at(row, until) for row in rows]
    settled = [state for state in states if state not in ("pending", "withdrawn")]
    times = [(row.decided_at - row.requested_at).total_seconds() for row in rows if row.decided_at is not None]
    counts: dict[str, int] = {"asked": len(rows), "decided": len(settled)}
    for item in items:
        counts[item.kind] = counts.get(item.kind, 0) + 1
    return wire.ReviewList(
        as_of=until, since=since, until=until, counts=counts,
        rates={
            "overridden": _share(sum(row.override for row in rows), len(settled)),
            "denied": _share(settled.count("denied"), len(settled)),
            "timed out": _share(settled.count("timed-out"), len(settled)),
        },
        median_seconds=median(times) if times else None, items=items[:_MOST],
    )  # fmt: skip


def _of_approvals(rows: Sequence[Approval], now: datetime) -> Iterator[wire.ReviewItem]:
    by_policy: dict[tuple[str, str], int] = {}
    for row in rows:
        by_policy[row.agent, row.policy_id] = by_policy.get((row.agent, row.policy_id), 0) + 1
    for row in rows:
        state = state_at(row, now)
        about = f"{row.tool} of {row.agent}"
        if row.override:
            yield _item("override", row, f"{row.approver or row.decided_by} decided about {about} over those asked")
        if state in ("denied", "modified"):
            said = "denied" if state == "denied" else "changed"
            yield _item("rejection", row, f"{row.approver or row.decided_by} {said} {about}: {row.reason}")
        elif state == "timed-out":
            yield _item("timeout", row, f"nobody decided about {about}")
        if by_policy[row.agent, row.policy_id] <= _FEW:
            policy = row.policy_id or "no policy"
            yield _item("escalation", row, f"{about} was asked for under {policy}, which is rare for it")


def _of_findings(session: Session, org: str, since: datetime) -> Iterator[wire.ReviewItem]:
    asked = (
        select(Finding)
        .where(
            Finding.org == org, Finding.opened_at >= since, or_(Finding.recurrence > 0, Finding.severity == "critical")
        )
        .order_by(Finding.opened_at.desc(), Finding.id)
        .limit(_MOST)
    )
    for row in session.scalars(asked):
        definition = definitions().get(row.finding)
        title = definition.title if definition else row.finding
        what = f"{title}: {row.key}" + (f", for the {row.recurrence + 1}. time" if row.recurrence else "")
        yield wire.ReviewItem(
            kind="recurring" if row.recurrence else "critical", at=row.opened_at, what=what, agent=row.agent,
            object=row.id, trace_id=row.traces[0] if row.traces else "",
        )  # fmt: skip


def _item(kind: str, row: Approval, what: str) -> wire.ReviewItem:
    return wire.ReviewItem.model_validate(
        {"kind": kind, "at": row.decided_at or row.requested_at, "what": what, "agent": row.agent, "object": row.id,
         "trace_id": row.trace_id}
    )  # fmt: skip


def _share(some: int, all_: int) -> float | None:
    return some / all_ if all_ else None
