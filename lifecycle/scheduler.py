"""The scheduler: APScheduler with its jobs in the database, started only by the process that holds the lease.

APScheduler alone doesn't keep two replicas from running the same job (its store has no locks): a standby doesn't open
the store before it holds the lease, and a leader that lost it closes it. What is under way then is stopped by the
lease's number, which every transaction checks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from inventory.db.engine import Database, DatabaseError
from lifecycle.jobs import Job, Runs, requested
from lifecycle.lease import LASTS, Lease

log = logging.getLogger(__name__)
_TICK: Final = 2.0
_here: dict[str, Scheduler] = {}
"""By holder: a job in the store names a function and its arguments, and finds its scheduler here."""


def fire(holder: str, name: str) -> None:
    """What the store's jobs call."""
    scheduler = _here.get(holder) or next(iter(_here.values()), None)
    if scheduler is not None:
        scheduler.fire(name)


class _Executor(ThreadPoolExecutor):  # type: ignore[misc]
    """Notes when a job was due before it runs: the event of its submission comes when it may be over already."""

    def __init__(self, due: dict[str, datetime]) -> None:
        super().__init__(2)
        self._due = due

    def _do_submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        self._due[job.id] = run_times[-1].astimezone(UTC)
        super()._do_submit_job(job, run_times)


class Scheduler:
    """Start it in every process; one of them acts."""

    def __init__(self, database: Database, lease: Lease, runs: Runs, jobs: Mapping[str, Job]) -> None:
        self._database = database
        self._lease = lease
        self._runs = runs
        self.jobs = jobs
        self._scheduler: BackgroundScheduler | None = None
        self._due: dict[str, datetime] = {}
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lifecycle-lease", daemon=True)

    @property
    def leads(self) -> bool:
        return self._scheduler is not None

    def start(self) -> None:
        _here[self._lease.holder] = self
        self._thread.start()

    def stop(self) -> None:
        """Ends with the job under way, and lets another take over."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()
        led = self.leads
        self._close(wait=True)
        if led:
            try:
                self._lease.release()
            except DatabaseError as error:
                log.warning("the lease isn't given back, it expires: %s", error)
        _here.pop(self._lease.holder, None)

    def fire(self, name: str, *, dry_run: bool = False, due: datetime | None = None) -> str:
        """One at a time: two jobs never act on the same case at once."""
        with self._turn:
            return self._runs.run(self.jobs[name], due or self._due.pop(name, None), dry_run=dry_run)

    def _keep(self) -> None:
        while True:
            try:
                held = self._lease.take()
                if held and self._scheduler is None:
                    self._open()
                elif not held and self._scheduler is not None:
                    log.warning("another process holds the lease now: this one stops acting")
                    self._close(wait=False)
                if held:
                    self._take_requests()
            except DatabaseError as error:
                # Nothing that changes anything gets past the lease's check, which needs the same database.
                log.warning("the lease can't be kept: %s", error)
            except Exception:
                log.exception("the scheduler can't go on")
            if self._stop.wait(min(_TICK, LASTS.total_seconds() / 3)):
                return

    def _take_requests(self) -> None:
        with self._database.writing() as session:
            self._lease.check(session)
            asked = requested(session)
        for name, dry_run, due in asked:
            if name in self.jobs and self._scheduler is not None:
                self._scheduler.add_job(
                    self.fire, args=[name], kwargs={"dry_run": dry_run, "due": due}, jobstore="memory",
                    misfire_grace_time=None,
                )  # fmt: skip

    def _open(self) -> None:
        engine = self._database.engine.execution_options(muster="write")
        scheduler = BackgroundScheduler(
            jobstores={
                "default": SQLAlchemyJobStore(engine=engine, tablename="scheduler_jobs"),
                "memory": {"type": "memory"},
            },
            executors={"default": _Executor(self._due)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        scheduler.start(paused=True)
        known = {job.id: job for job in scheduler.get_jobs("default")}
        for name in known.keys() - self.jobs.keys():
            scheduler.remove_job(name)
        for name, job in self.jobs.items():
            self._plan(scheduler, name, job, known.get(name))
        scheduler.resume()
        self._scheduler = scheduler

    def _plan(self, scheduler: BackgroundScheduler, name: str, job: Job, known: Any) -> None:
        """A job that is there keeps when it comes next, so that a new leader neither skips nor repeats it."""
        seconds = job.every.total_seconds()
        arguments = [self._lease.holder, name]
        if known is not None and known.trigger.interval.total_seconds() == seconds:
            scheduler.modify_job(name, args=arguments)
            return
        scheduler.add_job(
            fire, "interval", seconds=seconds, id=name, args=arguments, replace_existing=True,
            next_run_time=datetime.now(UTC),
        )  # fmt: skip

    def _close(self, *, wait: bool) -> None:
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None:
            scheduler.shutdown(wait=wait)
