"""Retention: plans are made, run, and finished if a run was broken off.

RetentionError
├── StalePlan          the plan isn't there any more: plan again
├── Running            another run is under way
└── NotGone            what was to go is still there: the plan stays open and is tried again
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from collector.retention.holds import Holds, NoHolds
from collector.retention.items import DISPOSITION, Item, Plan
from collector.retention.limits import Limits
from collector.retention.planner import Planner
from collector.retention.policy import Policy
from collector.retention.tables import CONTENTS
from collector.retention.wording import Texts, fill
from collector.retention.working import Known, Status, Working
from collector.retention.works import Stage, Work
from collector.store.connection import Store

log = logging.getLogger(__name__)

Paused = Callable[[], AbstractContextManager[None]]
"""While it is entered nothing is inserted."""


class RetentionError(Exception):
    pass


class StalePlan(RetentionError):
    pass


class Running(RetentionError):
    pass


class NotGone(RetentionError):
    pass


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    rows: int = 0
    done: int = 0
    removed: list[Item] = field(default_factory=list)

    def add(self, items: Iterable[Item]) -> None:
        self.removed += items
        self.done = sum(item.rows for item in self.removed)


class Retention:
    """One policy over one store. One plan or run at a time; each may be called from any thread.

    `paused` keeps inserts out while pieces of content go, of which a row on its way might need one, and while a whole
    part is dropped; without it no part is dropped whole.
    """

    def __init__(
        self,
        store: Store,
        policy: Policy,
        holds: Holds | None = None,
        limits: Limits | None = None,
        paused: Paused | None = None,
    ) -> None:
        self.policy = policy
        self.limits = limits or Limits()
        self._store = store
        self._holds = holds or NoHolds()
        self._paused = paused
        self._lock = threading.Lock()
        self._texts = Texts()

    def plan(self, now: datetime, *, limits: Limits | None = None, confirm_clock: bool = False) -> Plan:
        """What is due, counted; or what a run that was broken off has left, if one was. Removes nothing.

        Raises ClickHouseError, HoldsFailed, ClockDoubtful, Running.
        """
        with self._alone():
            limits = limits or self.limits
            planner, working = self._planner(limits), Working(self._store.client())
            known = working.known()
            if not confirm_clock:
                limits.check_clock(now, planner.newest(), _last_run(known))
            for one in known:
                if one.status is Status.STARTED and one.policy == self.policy.id:
                    left = Plan(one.id, one.policy, one.now, one.through, resumed=True)
                    return replace(left, items=planner.count(left))
            for one in known:
                if one.status in (Status.STARTED, Status.PLANNED) and one.policy != DISPOSITION:
                    self._abandon(working, one)
            plan = planner.plan(now)
            working.note(plan, Status.PLANNED)
            return plan

    def run(self, plan: Plan | str, *, limits: Limits | None = None, progress: Progress | None = None) -> list[Item]:
        """Remove what the plan says, except what is held by now; what was removed.

        Raises TooMuchAtOnce before anything is touched, HoldsFailed, NotGone, StalePlan, Running, ClickHouseError.
        Broken off at any point, `plan` gives the rest.
        """
        with self._alone():
            limits, progress = limits or self.limits, progress or Progress()
            planner, working = self._planner(limits), Working(self._store.client())
            noted = self._noted(working, plan if isinstance(plan, str) else plan.id)
            return self._carry_out(planner, working, noted, limits, progress)

    def dispose(
        self, name: str, traces: str, now: datetime, last: date, *, progress: Progress | None = None
    ) -> list[Item]:
        """Remove these traces with all that belongs to them, whatever the policy says, but what is held; what was
        removed. `name`: of the plan; run again under it, what a broken run left goes, and done it does nothing.

        `traces`: SQL for (Org, TraceId, LastDay). Raises as `run`.
        """
        with self._alone():
            limits = replace(self.limits, rows=2**63, percent=100.0)
            planner, working = self._planner(limits), Working(self._store.client())
            known = {one.id: one for one in working.known()}.get(name)
            if known is not None and known.status is Status.DONE:
                return []
            plan = Plan(name, DISPOSITION, now, last, resumed=known is not None)
            if known is None or known.status is Status.PLANNED:
                working.clear(name)
                working.note(plan, Status.PLANNED)
                working.add_all(name, traces)
            return self._carry_out(planner, working, plan, limits, progress or Progress())

    def _carry_out(
        self, planner: Planner, working: Working, noted: Plan, limits: Limits, progress: Progress
    ) -> list[Item]:
        items = planner.count(noted)
        limits.check(items, planner.stored())
        progress.rows = sum(item.rows for item in items)
        working.note(noted, Status.STARTED)
        begun = {item.key: item for item in working.begun(noted)}
        stage = Stage.CONTENT
        for work in planner.works(noted):
            if work.stage is not stage:
                stage = work.stage
                planner.ask_holds(noted)
            for partition in work.partitions:
                progress.add(self._remove(planner, working, noted, work, partition, begun))
        # What went without being recorded, because the run was broken off just then.
        working.record(noted, begun.values(), "done")
        progress.add(begun.values())
        working.note(noted, Status.DONE)
        working.clear(noted.id)
        return progress.removed

    def known(self) -> list[Known]:
        """Plans, the one that last changed first."""
        return Working(self._store.client()).known()

    def _remove(
        self, planner: Planner, working: Working, plan: Plan, work: Work, partition: str, begun: dict[str, Item]
    ) -> list[Item]:
        pause = self._paused if self._paused and work.table is CONTENTS else nullcontext
        with pause():
            found = [item for item in planner.items(work, (partition,)) if item.rows]
            if not found:
                return []
            # An action that was broken off may have done a part of it.
            items = [_larger(item, begun.pop(item.key, item)) for item in found]
            working.record(plan, items, "started")
            self._act(planner, work, partition, sum(item.rows for item in found))
            left = sum(item.rows for item in planner.items(work, (partition,)))
            if left:
                raise NotGone(f"{left:,} rows of {work.table.name} in part {partition} didn't go: they are tried again")
            working.record(plan, items, "done")
        return items

    def _act(self, planner: Planner, work: Work, partition: str, rows: int) -> None:
        if self._paused and not work.empties and rows == planner.rows_of(work.table.name, partition):
            with self._paused() if work.table is not CONTENTS else nullcontext():
                counted = sum(item.rows for item in planner.items(work, (partition,)))
                if counted == planner.rows_of(work.table.name, partition):
                    self.change(fill("drop", table=work.table.name, partition=partition))
                    return
        self.change(work.action(partition, self._texts))

    def change(self, sql: str) -> None:
        """The one place where anything goes."""
        self._store.client().command(sql)

    def _planner(self, limits: Limits) -> Planner:
        return Planner(self._store.client(), self.policy, self._holds, limits)

    def _noted(self, working: Working, plan: str) -> Plan:
        for one in working.known():
            if one.id == plan and one.status in (Status.PLANNED, Status.STARTED) and one.policy == self.policy.id:
                return Plan(one.id, one.policy, one.now, one.through, resumed=one.status is Status.STARTED)
        raise StalePlan(f"there is no plan {plan} to run under this policy: plan again")

    def _abandon(self, working: Working, one: Known) -> None:
        if one.status is Status.STARTED:
            log.warning(
                "plan %s was broken off under policy %s, which holds no more: it is left as it is", one.id, one.policy
            )
        working.note(Plan(one.id, one.policy, one.now, one.through), Status.ABANDONED)
        working.clear(one.id)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise Running("another plan or run is under way: try again when it is done")
        try:
            yield
        finally:
            self._lock.release()


def _last_run(known: list[Known]) -> datetime | None:
    return max(
        (one.now for one in known if one.status in (Status.STARTED, Status.DONE) and one.policy != DISPOSITION),
        default=None,
    )


def _larger(item: Item, other: Item) -> Item:
    return replace(item, rows=max(item.rows, other.rows), bytes=max(item.bytes, other.bytes))
