"""The retirement certificate: what was done to an agent, by whom, and with what proof."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from inventory.canonical import canonical, sha256
from inventory.db import cases as db
from inventory.db.models import Agent
from inventory.registry import agents
from lifecycle import cases, deciding, notices, plans


def certificate(session: Session, row: db.Case) -> dict[str, Any]:
    """Every step, notice and approval of a case, and a digest over all of it."""
    agent = session.get_one(Agent, (row.org, row.agent))
    document: dict[str, Any] = {
        "agent": row.agent,
        "case": row.id,
        "reason": row.reason,
        "references": agent.document.get("references", []),
        "needed_by": agents.used_by(session, row.org, row.agent),
        "policy": {"id": row.policy, "version": row.policy_version},
        "opened_at": row.opened_at.isoformat(),
        "disabled_at": row.disabled_at.isoformat() if row.disabled_at else None,
        "held": row.held,
        "events": [
            {"at": one.at.isoformat(), "actor": one.actor, "action": one.action, "details": one.details}
            for one in cases.events(session, row)
        ],
        "steps": [
            {
                "stage": one.stage, "connector": one.connector, "target": one.target, "what": one.what,
                "state": one.state, "result": one.result, "done_at": one.done_at.isoformat() if one.done_at else None,
            }
            for one in plans.rows(session, row)
        ],
        "notices": [
            {
                "stage": one.stage, "recipient": one.recipient, "state": one.state, "message": one.message,
                "response": one.response, "sent_at": one.sent_at.isoformat() if one.sent_at else None,
            }
            for one in notices.of_case(session, row)
        ],
        "approvals": [
            {
                "action": one.action, "requested_by": one.requested_by, "decided_by": one.decided_by,
                "approved": one.approved, "plan": one.plan_hash,
            }
            for one in deciding.requests(session, row)
        ],
    }  # fmt: skip
    return {**document, "digest": sha256(canonical(document))}
