"""What an export keeps, once; and what becomes of one that is broken off anywhere."""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from collector.store.connection import Store
from exporters.exporting import Exporter
from exporters.verifying import verify, verify_all
from inventory.db.engine import Database
from tests.engines import clear
from tests.exporters.world import OCTOBER, World


class Killed(BaseException):
    """The process is gone."""


def test_a_month_of_an_agent_is_a_package_on_both_databases(scratch: Store, database: Database, tmp_path: Path) -> None:
    clear(scratch)
    world = World(scratch, database, tmp_path)
    world.agent("drafter")
    world.agent("other")
    world.month("drafter", "other", traces=2, days=[2, 17])
    package = world.export("drafter")
    assert (package.state, package.kind, package.sequence, package.held) == ("committed", "period", 1, False)
    assert package.rows == package.rows_expected
    assert package.rows >= 2 * 2 * 3
    assert verify(world.target, package.prefix).findings == []
    other = world.export("other")
    assert other.sequence == 2
    assert [one.findings for one in verify_all(world.target)] == [[], []]


def test_a_trace_belongs_to_every_agent_that_took_part(world: World) -> None:
    world.agent("drafter")
    world.agent("helper")
    trace = world.trace("drafter", datetime(2026, 10, 5, tzinfo=UTC), beside="helper")
    world.seal()
    for name in ("drafter", "helper"):
        package = world.export(name)
        sql = "SELECT TraceId, Spans, Approvals FROM record_traces WHERE Snapshot = {name:String}"
        rows = world.store.client().query(sql, parameters={"name": package.snapshot}).result_rows
        assert rows == [(trace, 4, 1)]


def test_what_is_archived_and_has_not_changed_is_not_archived_again(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2, 17])
    first = world.export("drafter")
    again = world.export("drafter")
    assert (again.state, again.rows, again.sequence) == ("empty", 0, None)
    assert verify_all(world.target)[0].findings == []
    assert world.package(first.id).state == "committed"


def test_what_comes_late_makes_a_supplement_with_whole_traces(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2, 17])
    world.export("drafter")
    late = world.trace("drafter", datetime(2026, 10, 9, tzinfo=UTC), received=datetime(2026, 11, 5, tzinfo=UTC))
    world.seal()
    supplement = world.export("drafter")
    assert (supplement.kind, supplement.number, supplement.sequence) == ("supplement", 2, 2)
    assert supplement.plan["traces"] == 1
    sql = "SELECT TraceId FROM record_traces WHERE Snapshot = {name:String}"
    found = world.store.client().query(sql, parameters={"name": supplement.snapshot}).result_rows
    assert found == [(late,)]
    assert [one.findings for one in verify_all(world.target)] == [[], []]


def test_what_is_not_settled_yet_waits(world: World) -> None:
    world.agent("drafter")
    soon = world.now - timedelta(minutes=world.settings.settle_minutes - 1)
    world.trace("drafter", soon)
    world.seal()
    today = world.now.date()
    package = world.export("drafter", today - timedelta(days=1), today + timedelta(days=1))
    assert package.state == "empty"


def test_asked_for_twice_at_once_it_is_one(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    first = world.ask("drafter")
    assert world.ask("drafter") == first
    world.work()
    assert world.package(first).state == "committed"
    with pytest.raises(AssertionError, match="nothing to do"):
        world.work()


def points(world: World) -> list[str]:
    """Where a crash matters, of an export of what there is."""
    world.export("drafter")
    return list(world.points)


def test_killed_anywhere_it_is_gone_on_with_and_nothing_is_written_twice(world: World) -> None:
    world.agent("drafter")
    world.trace("drafter", datetime(2026, 10, 2, tzinfo=UTC))
    world.seal()
    written = Counter[str]()
    put = type(world.target).put

    def counted(self: object, key: str, path: Path, *more: object) -> str:
        written[key] += not (world.directory / "records" / key).exists()
        return put(world.target, key, path, *more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(world.target), "put", counted)
        name = world.ask("drafter")
        passed: set[str] = set()
        lock = threading.Lock()
        lives = 0
        while world.package(name).state != "committed":
            # At every point once: the next time it comes by, it goes on. Who is dead does nothing more.
            dead = threading.Event()

            def die(point: str, dead: threading.Event = dead) -> None:
                with lock:
                    if dead.is_set() or point not in passed:
                        if not dead.is_set():
                            passed.add(point)
                        dead.set()
                        raise Killed(point)

            world.between = die
            with suppress(Killed):
                world.records.worker.turn()
            lives += 1
            world.restart()
    assert lives == len(passed) + 1 > 80
    package = world.package(name)
    assert verify(world.target, package.prefix).findings == []
    assert (package.sequence, package.rows) == (1, package.rows_expected)
    assert set(written.values()) == {1}
    staging = world.directory / "records" / ".staging"
    assert list(staging.iterdir()) == []


def test_whoever_was_paused_meanwhile_changes_nothing(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    name = world.ask("drafter")
    grip = world.records.works.take()
    assert grip is not None
    world.restart()  # its hold expires, and another takes it
    assert world.work().state == "done"
    before = world.package(name)
    exporter = Exporter(
        world.registry, world.engine, world.target, world.signer, world.settings, world.directory / "other"
    )
    assert exporter.run(grip)["state"] == "committed"
    with pytest.raises(Exception, match="does export of"):
        world.records.works.done(grip, {})
    assert world.package(name).manifest_sha256 == before.manifest_sha256


def test_rows_that_go_while_it_is_written_make_it_be_planned_anew(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=2, days=[2, 17])
    gone: list[str] = []

    def lose(point: str) -> None:
        if point == "planned" and not gone:
            gone.append(point)
            world.store.client().command(
                "ALTER TABLE otel_traces DELETE WHERE toDate(Timestamp) = '2026-10-17' SETTINGS mutations_sync = 2"
            )

    world.between = lose
    name = world.ask("drafter")
    first = world.work()
    assert first.state == "waiting"
    assert "where 6 were counted" in first.error
    assert world.work().state == "done"
    package = world.package(name)
    assert package.rows == package.rows_expected
    assert verify(world.target, package.prefix).findings == []


def test_a_full_disk_stops_it_and_it_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    name = world.ask("drafter")
    link = os.link

    def full(*given: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    done = world.work()
    assert done.state == "waiting"
    assert "make room" in done.error
    assert world.package(name).error == done.error
    monkeypatch.setattr(os, "link", link)
    assert world.work().state == "done"
    assert (world.package(name).error, verify(world.target, world.package(name).prefix).findings) == ("", [])


def test_what_somebody_else_put_there_is_left_alone(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    name = world.ask("drafter")
    squatter = world.place(world.package(name)) / "data" / "agent.json"
    squatter.parent.mkdir(parents=True)
    squatter.write_text("mine")
    done = world.work()
    assert (done.state, "is there and is another file" in done.error) == ("failed", True)
    assert squatter.read_text() == "mine"
    squatter.unlink()
    assert world.do(name, "export").state == "done"


def test_an_agent_without_anything_is_archived_when_it_retires(world: World) -> None:
    world.agent("drafter")
    package = world.export("drafter", date(2026, 10, 1), date(2026, 10, 8), "retirement")
    assert (package.state, package.rows, package.sequence) == ("committed", 0, 1)
    assert verify(world.target, package.prefix).findings == []
    assert OCTOBER[0] == package.starts
