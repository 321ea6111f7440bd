"""Two schedulers on one database: one acts, and another takes over from one that was killed, paused or stopped."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import text

from inventory.db import cases as db
from inventory.db.engine import Database
from inventory.registry.change import Registry
from lifecycle.jobs import Job, Runs, jobs_answer, request
from lifecycle.lease import Fenced, Lease
from lifecycle.scheduler import Scheduler

ROOT = Path(__file__).parents[2]


class Process:
    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.lifecycle.acting", url], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self.holder = self._process.stdout.readline().strip()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


def acts(database: Database) -> list[tuple[str, int]]:
    with database.reading() as session:
        return [(row.holder, row.token) for row in session.execute(text("SELECT * FROM acts ORDER BY at"))]


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it never came to it"
        time.sleep(0.1)


@contextmanager
def two(url: str, database: Database) -> Iterator[tuple[Process, Process]]:
    """The one that acts, and its standby."""
    with database.writing() as session:
        session.execute(text("CREATE TABLE acts (holder TEXT, token INTEGER, at DOUBLE PRECISION)"))
    first = Process(url)
    until(lambda: bool(acts(database)))
    second = Process(url)
    try:
        yield first, second
    finally:
        first.end()
        second.end()


def test_one_of_two_acts_and_after_kill_9_the_other_does(empty_url: str, database: Database) -> None:
    with two(empty_url, database) as (first, second):
        time.sleep(3)
        assert {holder for holder, _ in acts(database)} == {first.holder}
        first.send(signal.SIGKILL)
        until(lambda: acts(database)[-1][0] == second.holder)
        time.sleep(2)
    found = acts(database)
    border = next(number for number, (holder, _) in enumerate(found) if holder == second.holder)
    assert {holder for holder, _ in found[border:]} == {second.holder}
    assert len({token for _, token in found[:border]} & {token for _, token in found[border:]}) == 0
    assert len(found) - border >= 2, "its jobs go on"


def test_a_leader_that_was_paused_finds_itself_replaced_and_does_nothing(sqlite: Database) -> None:
    database = sqlite
    with two(str(sqlite.engine.url), database) as (first, second):
        first.send(signal.SIGSTOP)
        until(lambda: acts(database)[-1][0] == second.holder)
        first.send(signal.SIGCONT)
        time.sleep(4)
    found = acts(database)
    border = next(number for number, (holder, _) in enumerate(found) if holder == second.holder)
    assert {holder for holder, _ in found[border:]} == {second.holder}


def test_one_that_is_stopped_hands_over_at_once(sqlite: Database) -> None:
    database = sqlite
    with two(str(sqlite.engine.url), database) as (first, second):
        first.send(signal.SIGTERM)
        until(lambda: acts(database)[-1][0] == second.holder, 20)


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database)


def job(name: str, act: Callable[[bool], dict[str, object]]) -> Job:
    return Job(name, timedelta(hours=1), act, "")


def test_a_run_is_noted_with_what_came_of_it(registry: Registry, database: Database) -> None:
    lease = Lease(database)
    assert lease.take()
    runs = Runs(registry, lease)

    def fails(dry_run: bool) -> dict[str, object]:
        raise OSError("the disk is gone")

    def fenced(dry_run: bool) -> dict[str, object]:
        raise Fenced("another acts")

    due = datetime.now(UTC) - timedelta(minutes=5)
    outcomes = [
        runs.run(job("fine", lambda dry_run: {"agents": 3}), due),
        runs.run(job("fails", fails)),
        runs.run(job("stops", lambda dry_run: {"stopped": "too many"})),
        runs.run(job("fenced", fenced)),
        runs.run(job("some", lambda dry_run: {"failures": ["one"]})),
    ]
    assert outcomes == ["ok", "failed", "stopped", "fenced", "failed"]
    with database.reading() as session:
        found = {one.name: one for one in jobs_answer(session, registry.now()).jobs}
    assert found["fine"].lag_seconds == pytest.approx(300, abs=5)
    assert found["fine"].summary == {"agents": 3}
    assert found["fails"].summary == {"error": "OSError: the disk is gone"}


def test_what_was_asked_for_is_run_by_who_acts_and_jobs_come_late_once(sqlite: Database) -> None:
    registry, database = Registry(sqlite), sqlite
    lease = Lease(database)
    ran: list[str] = []
    jobs = {"rare": job("rare", lambda dry_run: ran.append("rare") or {})}  # type: ignore[func-returns-value]
    scheduler = Scheduler(database, lease, Runs(registry, lease), jobs)
    scheduler.start()
    try:
        until(lambda: ran == ["rare"])
        with database.writing() as session:
            request(session, "rare", "person:alice", False, registry.now())
        until(lambda: ran == ["rare", "rare"])
        with database.reading() as session:
            answer = jobs_answer(session, registry.now(), jobs)
        assert answer.leader == lease.holder
        assert answer.jobs[0].every == "1 h"
        assert answer.jobs[0].next_run is not None
    finally:
        scheduler.stop()
    with database.reading() as session:
        assert all((run.started_at - run.due_at).total_seconds() < 5 for run in session.query(db.JobRun))
    # Two and a half hours pass in which nobody acts: it is run once, not three times.
    with database.writing() as session:
        row = session.get_one(db.ScheduledJob, "rare")
        assert row.next_run_time is not None
    again = Lease(database)
    ran.clear()
    late = Scheduler(database, again, Runs(registry, again), jobs)
    _earlier(database)
    late.start()
    try:
        until(lambda: ran == ["rare"])
        time.sleep(1.5)
        assert ran == ["rare"]
        with database.reading() as session:
            (one,) = jobs_answer(session, registry.now(), jobs).jobs
        assert one.lag_seconds == pytest.approx(1800, abs=30), "since the last of those that were missed"
    finally:
        late.stop()


def _earlier(database: Database) -> None:
    """As if it had been due two and a half hours ago."""
    kept = SQLAlchemyJobStore(engine=database.engine.execution_options(muster="write"), tablename="scheduler_jobs")
    kept.start(BackgroundScheduler(), "default")
    found = kept.lookup_job("rare")
    found.next_run_time = datetime.now(UTC) - timedelta(hours=2, minutes=30)
    kept.update_job(found)
