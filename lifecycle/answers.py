"""Rows as the API answers them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from inventory.contract import lifecycle as wire
from inventory.db import cases as db
from inventory.db.models import Agent
from lifecycle import cases, deciding, notices, plans, policies
from lifecycle.machine import TERMINAL


def policy_answer(row: db.Policy) -> wire.Policy:
    spec = wire.PolicySpec.model_validate(row.document)
    return wire.Policy(id=row.id, revision=row.revision, spec=spec, updated_at=row.updated_at)


def case_answer(row: db.Case, owner: str | None, enforced: bool, now: datetime) -> wire.Case:
    return wire.Case.model_validate(
        {
            **{
                name: getattr(row, name)
                for name in (
                    "id", "agent", "reason", "state", "policy", "policy_version", "opened_at", "entered_at", "since",
                    "last_action", "last_action_at", "next_action", "next_action_at", "blocked", "held",
                    "snoozed_until", "undo_until", "revision",
                )
            },
            "facts": {name: value for name, value in row.facts.items() if name != "certificate"},
            "status": _status(row),
            "enforced": enforced,
            "owner": owner,
            "days": round(max(0.0, (now - row.since).total_seconds() / 86_400), 2),
            "is_locked": row.locked is not None,
            "is_terminal": row.state in TERMINAL,
        }
    )  # fmt: skip


def case_detail(session: Session, row: db.Case, now: datetime) -> wire.CaseDetail:
    agent = session.get_one(Agent, (row.org, row.agent))
    summary = case_answer(row, agent.owner, row.policy in policies.enforced(session, row.org), now)
    return wire.CaseDetail.model_validate(
        {
            **summary.model_dump(),
            "events": [
                {"at": one.at, "actor": one.actor, "action": one.action, "before": one.before, "after": one.after,
                 "details": one.details}
                for one in cases.events(session, row)
            ],
            "steps": [
                {"number": one.number, "stage": one.stage, "connector": one.connector, "target": one.target,
                 "what": one.what, "reversible": one.plan["reversible"], "state": one.state, "result": one.result,
                 "started_at": one.started_at, "done_at": one.done_at}
                for one in plans.rows(session, row)
            ],
            "notices": [
                {name: getattr(one, name) for name in wire.CaseNotice.model_fields}
                for one in notices.of_case(session, row)
            ],
            "requests": [request_answer(one).model_dump() for one in deciding.requests(session, row)],
        }
    )  # fmt: skip


def request_answer(row: db.CaseRequest) -> wire.CaseRequest:
    return wire.CaseRequest.model_validate({name: getattr(row, name) for name in wire.CaseRequest.model_fields})


def _status(row: db.Case) -> Literal["waiting", "snoozed", "blocked", "acting", "closed"]:
    if row.state in TERMINAL:
        return "closed"
    if row.locked is not None:
        return "acting"
    if row.snoozed_until is not None:
        return "snoozed"
    return "blocked" if row.blocked else "waiting"
