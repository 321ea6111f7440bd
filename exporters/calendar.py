"""The calendar: what became of each month of each agent, and what the schedules still want."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select

from collector.store import dormancy
from exporters import holds, packages, schedules, works
from exporters.engine import Engine, Month
from exporters.holding import longer
from exporters.settings import RecordsSettings
from inventory.contract import records as wire
from inventory.db.models import Agent
from inventory.db.records import Package, RecordWork
from inventory.registry.change import Change, Registry

MOST_AGENTS: Final = 500
Live = Mapping[tuple[str, date], Month]


@dataclass(frozen=True, slots=True)
class Due:
    """A month that a schedule wants archived, and that isn't, or has more by now."""

    agent: str
    month: date
    supplement: bool


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


class Calendar:
    """Asks the registry and the engine. Raises DatabaseError, EngineFailed or ReadError."""

    def __init__(self, registry: Registry, engine: Engine, settings: RecordsSettings, target: str) -> None:
        self._registry = registry
        self._engine = engine
        self._settings = settings
        self._target = target

    def answer(self, org: str, agent: str | None, months: int) -> wire.Calendar:
        """The last `months` months of one agent, or of the first MOST_AGENTS."""
        live = self._engine.months(org)
        with self._engine.store.reader() as client:
            active = dormancy.active_months(client, org)
        with self._registry.reading() as session:
            asked = select(Agent).where(Agent.org == org).order_by(Agent.id).limit(MOST_AGENTS)
            if agent is not None:
                asked = asked.where(Agent.id == agent)
            held = holds.agents_held(session, org)
            everything = any(one.scope == "organisation" for one in holds.listed(session, org, active=True))
            rows = []
            for one in session.scalars(asked):
                found = packages.of_agent(session, org, one.id)
                cells = [
                    self._cell(month, found, live.get((one.id, month)), month in active.get(one.id, ()))
                    for month in self._months(one, found, live, active.get(one.id, ()))[-months:]
                ]
                if everything or one.id in held:
                    cells = [_held(cell) for cell in cells]
                rows.append(wire.CalendarRow(agent=one.id, months=cells))
        return wire.Calendar(rows=rows)

    def due(self, org: str) -> list[Due]:
        """What the enabled schedules want by now."""
        now = self._registry.now()
        with self._registry.reading() as session:
            wanted = schedules.archived_agents(session, org, now)
            if not wanted:
                return []
            by_agent = {name: packages.of_agent(session, org, name) for name in wanted}
        return [
            Due(agent, month, any(one.state != "empty" for one in covering(by_agent[agent], month)))
            for (agent, month), there in sorted(self._engine.months(org).items())
            if agent in wanted and self._over(month, now) and _more(covering(by_agent[agent], month), there)
        ]

    def begin(self, change: Change, due: Sequence[Due]) -> list[str]:
        """Let it be archived: ids of the packages."""
        made = []
        for one in due:
            package = packages.begin(
                change, one.agent, "period", one.month, next_month(one.month), self._target, self._settings.lock
            )
            works.ask(change, package.id, "export")
            made.append(package.id)
        return made

    def again(self, change: Change) -> list[str]:
        """Let exports be tried once more that failed and that nobody took up: ids of the packages."""
        waiting = select(RecordWork.package).where(
            RecordWork.org == change.org, RecordWork.kind == "export", RecordWork.state.in_(("waiting", "running"))
        )
        asked = select(Package.id).where(
            Package.org == change.org, Package.state.in_(packages.LIVE), Package.id.not_in(waiting)
        )
        found = list(change.session.scalars(asked.order_by(Package.id)))
        for name in found:
            works.ask(change, name, "export")
        return found

    def lengthen(self, change: Change) -> list[str]:
        """Let packages be locked for longer that a schedule wants kept longer by now: their ids."""
        asked = select(Package).where(Package.org == change.org, Package.state == "committed").order_by(Package.id)
        found = [row.id for row in change.session.scalars(asked) if longer(change.session, row, change.at)]
        for name in found:
            works.ask(change, name, "lock")
        return found

    def _over(self, month: date, now: datetime) -> bool:
        return now.date() >= next_month(month) + timedelta(days=self._settings.grace_days)

    def _months(self, agent: Agent, found: Sequence[Package], live: Live, active: Sequence[date]) -> list[date]:
        first = [month for name, month in live if name == agent.id]
        first += [month_of(one.starts) for one in found] + list(active)
        month, last = min(first, default=None), month_of(self._registry.now().date())
        months = []
        while month is not None and month <= last:
            months.append(month)
            month = next_month(month)
        return months

    def _cell(self, month: date, found: Sequence[Package], there: Month | None, active: bool) -> wire.CalendarCell:
        covered = [one for one in covering(found, month) if one.state != "empty"]
        state, why = self._state(month, covered, there, active)
        ends = [one.locked_until for one in covered if one.locked_until]
        return wire.CalendarCell(
            month=month, state=state, traces=there.traces if there else 0, packages=[one.id for one in covered],
            locked_until=max(ends, default=None), why=why,
        )  # fmt: skip

    def _state(
        self, month: date, covered: Sequence[Package], there: Month | None, active: bool
    ) -> tuple[wire.Cell, str]:
        # What was exported before its month was over holds only a part of it.
        kept = [one for one in covered if one.state == "committed" and _whole(one, month)]
        failing = [one for one in covered if one.error and one.state in packages.LIVE]
        if failing:
            return "failed", failing[0].error
        if any(one.state in packages.LIVE for one in covered):
            return "under-way", ""
        if any(one.held for one in kept):
            return "held", ""
        if kept:
            return ("supplemented" if len(kept) > 1 else "complete"), ""
        if any(one.state == "disposed" for one in covered):
            return "disposed", ""
        if not self._over(month, self._registry.now()):
            return "open", ""
        if there is not None:
            return "missing", f"{there.traces:,} traces are here and in no package"
        return (
            ("missing", "the agent was active, and nothing of it is here or in a package") if active else ("empty", "")
        )


def covering(found: Sequence[Package], month: date) -> list[Package]:
    """Packages that are of all of a month; some may have turned out to be empty."""
    ends = next_month(month)
    return [one for one in found if one.starts <= month and one.ends >= ends]


def _whole(one: Package, month: date) -> bool:
    return one.cutoff is not None and one.cutoff.date() >= next_month(month)


def _more(covered: Sequence[Package], there: Month) -> bool:
    """Whether there may be more than is archived: what was sealed since, or more traces than the packages have."""
    if any(one.state in packages.LIVE for one in covered):
        return False
    if not covered:
        return True
    looked = max(one.cutoff for one in covered if one.cutoff is not None)
    archived = sum(int(one.plan.get("traces", 0)) for one in covered)
    return there.sealed > looked or there.traces > archived


def _held(cell: wire.CalendarCell) -> wire.CalendarCell:
    return cell.model_copy(update={"state": "held"}) if cell.state in ("complete", "supplemented") else cell


def scheduled(calendar: Calendar, registry: Registry, orgs: Sequence[str], dry_run: bool) -> Iterator[tuple[str, Any]]:
    """What the job does for each organisation, and says of it."""
    for org in orgs:
        due = calendar.due(org)
        told = [f"{one.agent} {one.month:%Y-%m}{' (supplement)' if one.supplement else ''}" for one in due]
        if dry_run:
            yield org, {"would_export": told[:100]}
            continue
        with registry.changing(works.asking(org)) as change:
            made = calendar.begin(change, due)
            again = calendar.again(change)
            longer = calendar.lengthen(change)
        yield org, {"exports": len(made), "of": told[:100], "again": len(again), "locked_longer": len(longer)}
