"""A finding that opens a case: where the policy for violations names it."""

from __future__ import annotations

from sqlalchemy import select

from inventory.db import cases as db
from inventory.db.findings import Finding
from inventory.db.models import Agent
from inventory.findings.definitions import definitions
from inventory.registry.change import Change
from lifecycle import deciding
from lifecycle.looking import policies_of


def of_finding(change: Change, finding: Finding) -> str | None:
    """The case of the agent: opened now, or open already. None: no policy wants one, or there is nobody to stop."""
    wanted = any(
        finding.finding in held.spec.findings
        for held in policies_of(change.session, change.org).values()
        if held.spec.reason == "violation"
    )
    agent = change.session.get(Agent, (change.org, finding.agent)) if wanted else None
    if agent is None or agent.state != "active":
        return None
    open_key = f"{agent.id}/violation"
    known = change.session.scalar(select(db.Case.id).where(db.Case.org == change.org, db.Case.open_key == open_key))
    if known is not None:
        return known
    definition = definitions()[finding.finding]
    return deciding.violation(change, agent.id, f"{definition.title}: {finding.key} ({finding.id})").id
