"""Who answers for an agent, and how they are reached at night."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.db.models import Agent, Dependency
from inventory.registry import agents


@dataclass(frozen=True, slots=True)
class Answering:
    state: str = ""
    owner: str = ""
    backup_owner: str = ""
    team: str = ""
    pager: str = ""
    runbook: str = ""
    queue: str = ""


def answering(session: Session, org: str, names: Collection[str]) -> dict[str, Answering]:
    """By agent, of those that are registered."""
    found = {}
    for row in session.scalars(select(Agent).where(Agent.org == org, Agent.id.in_(names))):
        spec = agents.spec_of(row)
        found[row.id] = Answering(
            row.state,
            row.owner or "",
            row.backup_owner or "",
            row.team or "",
            spec.pager,
            str(spec.runbook or ""),
            spec.support_queue,
        )
    return found


def needed_by(session: Session, org: str, names: Sequence[str]) -> list[str]:
    """Agents that say they need one of these."""
    asked = (
        select(Dependency.agent)
        .where(Dependency.org == org, Dependency.kind == "agent", Dependency.needs.in_(names))
        .distinct()
        .order_by(Dependency.agent)
    )
    return [name for name in session.scalars(asked) if name not in names]
