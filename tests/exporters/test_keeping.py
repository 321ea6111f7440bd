"""Holds, dispositions and what retention is told: nothing goes that must be kept, and what goes is certified."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.retention.holds import HoldsFailed
from collector.retention.job import Retention
from collector.retention.policy import Policy as Periods
from collector.store.connection import Store
from exporters import disposing
from exporters.signing import good
from exporters.verifying import verify_all
from inventory.contract.records import Decided, ScheduleSpec
from inventory.db.engine import Database, DatabaseError
from inventory.db.records import Package
from inventory.registry.errors import Clash, Forbidden
from tests.engines import clear
from tests.exporters.world import World

OLD = ScheduleSpec(title="Short", authority="tests", period="7 days", enabled=True, verified_by="alice@example.org")
HELPERS = {1, 4, 5}
"""Traces that the helper takes part in."""
TABLES = ("otel_traces", "otel_logs", "approvals", "evaluations", "span_facts", "trace_summaries", "contents")


@pytest.fixture
def both(world: World) -> World:
    """Two agents with a month each, and one trace of both: the first."""
    world.agent("drafter")
    world.agent("helper")
    world.trace("drafter", datetime(2026, 10, 20, tzinfo=UTC), beside="helper")
    world.month("drafter", "helper", traces=2, days=[20])
    return world


def held(world: World, *traces: int) -> set[int]:
    names = [f"{one:032x}" for one in traces]
    return {int(one, 16) for one in world.held.held(world.org, names)}


def test_a_held_agents_traces_stay_with_all_that_belongs_to_them(both: World) -> None:
    assert held(both, 1, 2, 3) == set()
    hold = both.hold("agent", "helper")
    assert held(both, *range(1, 6)) == HELPERS
    assert not both.held.everything(both.org)
    both.release(hold)
    assert held(both, *range(1, 6)) == set()


def test_a_held_trace_and_a_held_package_stay(both: World) -> None:
    package = both.export("helper")
    both.hold("trace", f"{2:032x}")
    assert held(both, 1, 2, 3) == {2}
    both.hold("package", package.id, "2026-CV-2")
    assert held(both, *range(1, 6)) == {2, *HELPERS}


def test_a_hold_of_all_keeps_metrics_too(both: World) -> None:
    both.hold("organisation", "")
    assert both.held.everything(both.org)
    assert not both.held.everything("another")


def test_nothing_leaves_before_it_is_archived_where_a_schedule_wants_that(both: World) -> None:
    both.schedule("kept", OLD)
    assert held(both, *range(1, 6)) == {1, 2, 3, 4, 5}
    both.export("drafter")
    assert held(both, *range(1, 6)) == HELPERS  # the helper's package has them not yet
    both.export("helper")
    assert held(both, *range(1, 6)) == set()


def test_the_retention_job_asks_it_and_keeps_what_is_held(both: World) -> None:
    both.hold("agent", "helper")
    job = Retention(both.store, Periods.model_validate({"default": {"content": "1d", "metadata": "1d"}}), both.held)
    later = datetime.now(UTC) + timedelta(days=3)
    items = job.run(job.plan(later, confirm_clock=True))
    assert sum(item.rows for item in items) > 0
    left = both.store.client().query("SELECT DISTINCT TraceId FROM otel_traces ORDER BY TraceId").result_rows
    assert {int(one, 16) for (one,) in left} == HELPERS


def test_whoever_cannot_be_asked_stops_the_removal(both: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*given: object, **more: object) -> Any:
        raise DatabaseError("gone")

    monkeypatch.setattr(both.registry.database, "reading", gone)
    job = Retention(both.store, Periods.model_validate({"default": {"content": "1d", "metadata": "1d"}}), both.held)
    with pytest.raises(HoldsFailed):
        job.plan(datetime.now(UTC) + timedelta(days=3), confirm_clock=True)


# Dispositions.


def disposable(world: World, name: str = "drafter") -> Package:
    """A package whose time is over."""
    world.schedule("short", OLD)
    package = world.export(name)
    assert package.locked_until == datetime(2026, 11, 8, tzinfo=UTC)
    return package


def ask(world: World, package: Package, who: str | None = None) -> str:
    with world.registry.changing(world.asking(who)) as change:
        return disposing.request(change, world.store, package.id, "its time is over").id


def answer(world: World, name: str, who: str | None, *, approve: bool = True) -> None:
    with world.registry.changing(world.asking(who)) as change:
        disposing.decide(change, world.store, name, Decided(approve=approve))


def agreed(world: World, package: Package) -> None:
    answer(world, ask(world, package, "alice@example.org"), "bob@example.org")


def test_two_people_dispose_of_a_package_and_it_is_certified(
    scratch: Store, database: Database, tmp_path: Path
) -> None:
    clear(scratch)
    world = World(scratch, database, tmp_path)
    world.agent("drafter")
    world.agent("helper")
    world.month("drafter", "helper", traces=2, days=[20])
    package = disposable(world)
    other = world.export("helper")
    restored = world.do(package.id, "restore").result["database"]
    asked = ask(world, package, "alice@example.org")
    with pytest.raises(Forbidden, match="Somebody else"):
        answer(world, asked, "alice@example.org")
    answer(world, asked, "bob@example.org")
    with pytest.raises(Clash, match="decided already"):
        answer(world, asked, "carol@example.org")
    done = world.work()
    assert done.state == "done", done.error
    found = world.package(package.id)
    assert found.state == "disposed"
    certificate = dict(found.certificate or {})
    signature, pem = base64.b64decode(certificate.pop("signature")), certificate.pop("pem")
    place = world.place(package)
    assert (place / "certificate.json").read_bytes() == json.dumps(
        certificate, indent=2, sort_keys=True, ensure_ascii=False
    ).encode() + b"\n"
    assert good(pem, signature, (place / "certificate.json").read_bytes())
    assert (place / "certificate.sig").read_bytes() == signature
    assert certificate["requested_by"] == "person:alice@example.org"
    assert certificate["approved_by"] == "person:bob@example.org"
    before, rows = certificate["rows_before"], certificate["rows"]
    assert before["otel_traces"] == 6
    assert before["span_facts"] == 6
    assert (rows["after"], rows["kept_traces"]) == (dict.fromkeys(before, 0), 0)
    databases = world.store.client().query("SELECT name FROM system.databases").result_rows
    assert (restored,) not in databases
    # Of the other agent all is there; of this one nothing, wherever one looks.
    left = world.store.client().query("SELECT DISTINCT ServiceName FROM otel_traces").result_rows
    assert left == [("helper",)]
    for table in TABLES:
        counted = world.store.client().query(
            f"SELECT count() FROM {table} WHERE Org = 'default'"
            + (" AND ServiceName = 'drafter'" if table != "trace_summaries" else " AND RootService = 'drafter'")
        )
        assert counted.result_rows == [(0,)], table
    assert not (place / "data").exists()
    # The chain still holds over what is left.
    verdicts = verify_all(world.target)
    assert [one.findings for one in verdicts] == [[], []]
    assert {one.package: one.disposed for one in verdicts} == {package.id: True, other.id: False}
    with pytest.raises(Clash, match="was disposed of"):
        ask(world, package)


def test_a_trace_that_another_package_keeps_stays(both: World) -> None:
    package = disposable(both)
    both.export("helper")
    agreed(both, package)
    assert both.work().state == "done"
    left = both.store.client().query("SELECT DISTINCT TraceId FROM otel_traces ORDER BY TraceId").result_rows
    assert {int(one, 16) for (one,) in left} == HELPERS
    certificate = both.package(package.id).certificate or {}
    assert certificate["rows"]["kept_traces"] == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("hold", "it is held for 2026-CV-1"), ("longer", "longer keeps it until 2033-11-01"),
        ("permanent", "no schedule lets it be destroyed"), ("none", "no enabled schedule is about its agent now"),
    ],
)  # fmt: skip
def test_while_anything_keeps_it_it_may_not_be_asked_for(both: World, change: str, why: str) -> None:
    package = disposable(both)
    if change == "hold":
        both.hold("agent", "drafter")
    elif change == "longer":
        both.schedule("longer", OLD.model_copy(update={"period": "7 years"}))
    elif change == "permanent":
        both.schedule("forever", OLD.model_copy(update={"disposition": "permanent"}))
    else:
        both.reschedule("short", OLD.model_copy(update={"enabled": False}))
    with pytest.raises(Clash, match=why):
        ask(both, package)


def test_without_a_schedule_or_before_its_time_it_is_kept(both: World) -> None:
    package = both.export("drafter")
    with pytest.raises(Clash, match="no schedule said how long"):
        ask(both, package)
    both.schedule("long", OLD.model_copy(update={"period": "30 months"}))
    late = both.trace("drafter", datetime(2026, 10, 21, tzinfo=UTC))
    assert late
    both.seal()
    with pytest.raises(Clash, match="it is kept until 2029-05-01"):
        ask(both, both.export("drafter"))


def test_a_hold_between_the_two_words_stops_it(both: World) -> None:
    package = disposable(both)
    asked = ask(both, package, "alice@example.org")
    both.hold("package", package.id)
    with pytest.raises(Clash, match="it is held"):
        answer(both, asked, "bob@example.org")


def test_what_does_not_verify_is_not_destroyed(both: World) -> None:
    package = disposable(both)
    agreed(both, package)
    path = both.place(package) / "data" / "agent.json"
    path.chmod(0o600)
    path.write_text("{}")
    done = both.work()
    assert (done.state, "isn't what was signed, and isn't destroyed" in done.error) == ("failed", True)
    assert both.package(package.id).state == "committed"


def test_killed_anywhere_a_disposition_is_gone_on_with(both: World) -> None:
    package = disposable(both)
    agreed(both, package)
    for wanted in ("begun", "rows gone", "objects gone"):

        def die(point: str, wanted: str = wanted) -> None:
            if point == wanted:
                raise KeyboardInterrupt(point)

        both.between = die
        with pytest.raises(KeyboardInterrupt):
            both.records.worker.turn()
        both.restart()
    both.between = lambda point: None
    assert both.work().state == "done"
    certificate = both.package(package.id).certificate or {}
    # The trace that the helper takes part in waits for the helper's archive.
    assert (certificate["rows_before"]["otel_traces"], certificate["rows"]["after"]["otel_traces"]) == (10, 4)
    assert "another agent's archive" in certificate["rows"]["left"]
    assert [one.findings for one in verify_all(both.target)] == [[]]
