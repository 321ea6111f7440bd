"""Retention schedules of records: changed as data, in versions; the longest of those that apply decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.retention.policy import Period
from exporters.engine import midnight
from inventory.contract.records import ScheduleSpec
from inventory.db.models import Agent
from inventory.db.records import RecordSchedule
from inventory.registry import versioned
from inventory.registry.change import Change

KIND: Final = "record schedule"
DEFAULTS: Final[dict[str, ScheduleSpec]] = {
    "m-26-14": ScheduleSpec(
        title="Logs, retrievable for a year", authority="OMB M-26-14", period="12 months",
        note="Searchable for 6 months, retrievable for 12. Unverified: check it before you enable it.",
    ),
    "grs-3-2-036": ScheduleSpec(
        title="Cybersecurity event logs", authority="GRS 3.2, item 036", period="30 months",
        note="Unverified: check it before you enable it.",
    ),
    "retired-agents": ScheduleSpec(
        title="All of an agent, after its retirement", authority="none", period="3 years", cutoff="retirement",
        note="Unverified: name your authority, and check the period, before you enable it.",
    ),
}  # fmt: skip
"""What an organisation starts with: none of it is enabled."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a package is kept. `until` None: nobody knows yet."""

    schedule: str | None = None
    version: int | None = None
    disposition: str = "none"
    cutoff: str = "period-end"
    until: datetime | None = None


def listed(session: Session, org: str) -> Sequence[RecordSchedule]:
    asked = select(RecordSchedule).where(RecordSchedule.org == org).order_by(RecordSchedule.id)
    return session.scalars(asked).all()


def put(change: Change, name: str, spec: ScheduleSpec) -> tuple[RecordSchedule, bool]:
    """Add or change one: it, and whether it is new. Raises Stale or Unconditional."""
    return versioned.put(change, RecordSchedule, KIND, name, spec.model_dump(mode="json"))


def begin(change: Change) -> int:
    """What an organisation starts with, where it has no schedule at all: how many were added."""
    if listed(change.session, change.org):
        return 0
    for name, spec in DEFAULTS.items():
        put(change, name, spec)
    return len(DEFAULTS)


def kept(session: Session, org: str, agent: Agent, ends: date, now: datetime, retired: datetime | None) -> Kept:
    """What the enabled schedules say of a package of this agent that ends then: the longest counts.

    `retired`: when the agent was. Where a period runs from its retirement, and it isn't yet, nobody knows the end.
    """
    found: list[Kept] = []
    for row in listed(session, org):
        spec = ScheduleSpec.model_validate(row.document)
        if not applies(spec, agent, now.date()):
            continue
        begins = midnight(ends) if spec.cutoff == "period-end" else retired
        until = None if begins is None else after(spec.period, begins)
        found.append(Kept(row.id, row.revision, spec.disposition, spec.cutoff, until))
    if not found:
        return Kept()
    # What nobody disposes of wins, then what has no end yet, then the latest.
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return max(found, key=lambda one: (one.disposition != "destroy", one.until or far, one.schedule))


def applies(spec: ScheduleSpec, agent: Agent, day: date) -> bool:
    """Whether it is enabled, in force on that day, and about the agent."""
    if not spec.enabled or day < spec.effective_from or (spec.effective_to is not None and day >= spec.effective_to):
        return False
    tags = set(agent.document.get("tags", ()))
    return (
        (not spec.agents or agent.id in spec.agents)
        and (not spec.tags or bool(tags.intersection(spec.tags)))
        and (not spec.classifications or agent.classification in spec.classifications)
    )


def archived_agents(session: Session, org: str, now: datetime) -> set[str]:
    """Agents whose periods some enabled schedule wants archived."""
    specs = [ScheduleSpec.model_validate(row.document) for row in listed(session, org)]
    if not any(spec.enabled for spec in specs):
        return set()
    agents = session.scalars(select(Agent).where(Agent.org == org))
    return {agent.id for agent in agents if any(applies(spec, agent, now.date()) for spec in specs)}


def after(period: str, begins: datetime) -> datetime:
    """The moment when a period that begins then is over."""
    return Period.of(period).after(begins)


def get(session: Session, org: str, name: str) -> ScheduleSpec:
    return ScheduleSpec.model_validate(session.get_one(RecordSchedule, (org, name)).document)
