"""Jobs: what runs by the clock, in the process that holds the lease, and what is known of each run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from collector.store.reads import ReadError
from inventory.contract import lifecycle as wire
from inventory.db import cases as db
from inventory.db.engine import DatabaseError
from inventory.registry.change import Registry
from lifecycle.lease import NAME, Fenced, Lease

log = logging.getLogger(__name__)
_KEPT_RUNS: Final = 2_000
REQUESTED: Final = "requested"


@dataclass(frozen=True, slots=True)
class Job:
    """`act` is given whether it is a dry run, and tells what it did. `every`: time from one begin to the next."""

    name: str
    every: timedelta
    act: Callable[[bool], Mapping[str, Any]]
    what: str

    @property
    def words(self) -> str:
        seconds = int(self.every.total_seconds())
        for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
            if seconds % size == 0:
                return f"{seconds // size} {word}"
        return f"{seconds} s"


def each(orgs: Sequence[str], act: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """Of one organisation its summary; of several by name. One that fails doesn't keep the others waiting."""
    found: dict[str, Mapping[str, Any]] = {}
    for org in orgs:
        try:
            found[org] = act(org)
        except (DatabaseError, ReadError) as error:
            found[org] = {"failures": [str(error)]}
    if len(found) == 1:
        return dict(next(iter(found.values())))
    stopped = "; ".join(f"{org}: {one['stopped']}" for org, one in found.items() if one.get("stopped"))
    failures = [f"{org}: {why}" for org, one in found.items() for why in one.get("failures", ())]
    return {**found, "stopped": stopped, "failures": failures}


class Runs:
    """Notes every run: begun, how long, what came of it."""

    def __init__(self, registry: Registry, lease: Lease) -> None:
        self._registry = registry
        self._lease = lease

    def run(self, job: Job, due: datetime | None = None, *, dry_run: bool = False) -> str:
        """The outcome: ok, stopped, failed or fenced. Never raises for what a job does."""
        started = self._registry.now()
        began = datetime.now(UTC)
        outcome, summary = self._outcome(job, dry_run)
        seconds = (datetime.now(UTC) - began).total_seconds()
        with self._registry.database.writing() as session:
            session.add(
                db.JobRun(
                    name=job.name, holder=self._lease.holder, dry_run=dry_run, due_at=due or started,
                    started_at=started, seconds=seconds, outcome=outcome, summary=dict(summary),
                )
            )  # fmt: skip
            newest = session.scalar(select(func.max(db.JobRun.id))) or 0
            session.execute(delete(db.JobRun).where(db.JobRun.name == job.name, db.JobRun.id < newest - _KEPT_RUNS))
        return outcome

    def _outcome(self, job: Job, dry_run: bool) -> tuple[str, Mapping[str, Any]]:
        try:
            summary = job.act(dry_run)
        except Fenced as error:
            log.warning("%s stopped: %s", job.name, error)
            return "fenced", {"error": str(error)}
        except Exception as error:
            log.warning("%s failed: %s", job.name, error, exc_info=log.isEnabledFor(logging.DEBUG))
            return "failed", {"error": f"{type(error).__name__}: {error}"[:2000]}
        if summary.get("stopped"):
            log.error("%s stopped itself: %s", job.name, summary["stopped"])
            return "stopped", summary
        return "failed" if summary.get("failures") else "ok", summary


def request(session: Session, name: str, by: str, dry_run: bool, now: datetime) -> None:
    """Let the process that acts run it soon."""
    session.add(
        db.JobRun(
            name=name, holder="", dry_run=dry_run, due_at=now, started_at=now, seconds=None, outcome=REQUESTED,
            summary={"by": by},
        )
    )  # fmt: skip


def requested(session: Session) -> list[tuple[str, bool, datetime]]:
    """What was asked for, and is taken with it."""
    rows = session.scalars(select(db.JobRun).where(db.JobRun.outcome == REQUESTED).order_by(db.JobRun.id)).all()
    found = [(row.name, row.dry_run, row.due_at) for row in rows]
    for row in rows:
        session.delete(row)
    return found


def jobs_answer(session: Session, now: datetime, jobs: Mapping[str, Job] | None = None) -> wire.JobList:
    """Each job with its last run."""
    lease = session.get(db.Lease, NAME)
    leader = lease.holder if lease is not None and lease.holder and lease.expires_at > now else None
    latest = (
        select(func.max(db.JobRun.id))
        .where(db.JobRun.outcome != REQUESTED, db.JobRun.dry_run.is_(False))
        .group_by(db.JobRun.name)
    )
    last = {row.name: row for row in session.scalars(select(db.JobRun).where(db.JobRun.id.in_(latest)))}
    nexts = {
        row.id: row.next_run_time for row in session.scalars(select(db.ScheduledJob)) if row.next_run_time is not None
    }
    names = sorted({*last, *nexts, *(jobs or ())})
    return wire.JobList(leader=leader, jobs=[_job(name, last.get(name), nexts.get(name), jobs) for name in names])


def _job(name: str, run: db.JobRun | None, coming: float | None, jobs: Mapping[str, Job] | None) -> wire.Job:
    return wire.Job(
        name=name,
        every=jobs[name].words if jobs and name in jobs else "",
        next_run=None if coming is None else datetime.fromtimestamp(coming, UTC),
        last_run=run.started_at if run else None,
        seconds=run.seconds if run else None,
        outcome=run.outcome if run else None,
        lag_seconds=max(0.0, (run.started_at - run.due_at).total_seconds()) if run else None,
        summary=run.summary if run else {},
    )
