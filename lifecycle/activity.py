"""Activity that an owner's own systems vouch for."""

from __future__ import annotations

from inventory.contract.lifecycle import Reported
from inventory.db.cases import ActivityReport
from inventory.db.models import Agent
from inventory.registry.change import Change


def report(change: Change, agent: Agent, given: Reported) -> None:
    """Only forwards: what was known of a source isn't taken back."""
    at = min(given.at or change.at, change.at)
    row = change.session.get(ActivityReport, (change.org, agent.id, given.source), with_for_update=True)
    if row is not None and row.at >= at:
        return
    if row is None:
        row = ActivityReport(org=change.org, agent=agent.id, source=given.source)
        change.session.add(row)
        # The first of a source is a change of what keeps it alive; an entry for each would be one a minute.
        change.record("vouched", "agent", agent.id, None, {"source": given.source, "at": at.isoformat()})
    row.at, row.reported_at, row.reported_by = at, change.at, change.actor
