"""A finding that opens a case: where the policy for violations names it."""

from __future__ import annotations

from inventory.db.findings import Finding
from inventory.db.models import Agent
from inventory.findings.definitions import definitions
from inventory.registry.change import Change
from lifecycle import cases, deciding
from lifecycle.looking import policy_for


def of_finding(change: Change, finding: Finding) -> str | None:
    """The case of the agent: opened now, or open already. None: no policy wants one, or there is nobody to stop."""
    held = policy_for(change.session, change.org, "violation")
    if held is None or finding.finding not in held.spec.findings:
        return None
    agent = change.session.get(Agent, (change.org, finding.agent))
    if agent is None or agent.state != "active":
        return None
    known = cases.open_of(change.session, change.org, agent.id, "violation")
    if known is not None:
        return known
    definition = definitions()[finding.finding]
    return deciding.violation(change, agent.id, f"{definition.title}: {finding.key} ({finding.id})").id
