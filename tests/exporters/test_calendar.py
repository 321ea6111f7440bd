"""The calendar of months, and what the schedules make of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from exporters.calendar import scheduled
from exporters.targets.base import TargetError
from inventory.contract.records import ScheduleSpec
from inventory.registry import agents
from tests.exporters.world import World

KEPT = ScheduleSpec(title="Kept", authority="tests", period="30 months", enabled=True, verified_by="alice@example.org")


def states(world: World, agent: str) -> dict[str, str]:
    rows = world.records.calendar.answer(world.org, agent, 24).rows
    return {f"{cell.month:%Y-%m}": cell.state for cell in rows[0].months}


def run(world: World, *, dry_run: bool = False) -> Any:
    return dict(scheduled(world.records.calendar, world.registry, [world.org], dry_run))[world.org]


def test_ended_months_are_archived_once_and_supplemented(world: World) -> None:
    world.agent("drafter")
    world.trace("drafter", datetime(2026, 8, 3, tzinfo=UTC))
    world.trace("drafter", datetime(2026, 10, 3, tzinfo=UTC))
    world.trace("drafter", world.now - timedelta(hours=2))
    world.seal()
    this = f"{world.now:%Y-%m}"
    assert states(world, "drafter") | {this: "open"} == {
        "2026-08": "missing", "2026-09": "empty", "2026-10": "missing", "2026-11": "open", this: "open",
    } | {this: "open"}  # fmt: skip
    assert run(world) == {"exports": 0, "of": [], "again": 0, "locked_longer": 0}
    world.schedule("kept", KEPT)
    assert run(world, dry_run=True) == {"would_export": ["drafter 2026-08", "drafter 2026-10"]}
    assert run(world) == {
        "exports": 2, "of": ["drafter 2026-08", "drafter 2026-10"], "again": 0, "locked_longer": 0,
    }  # fmt: skip
    assert states(world, "drafter")["2026-08"] == "under-way"
    done = [world.work(), world.work()]
    assert [(one.state, one.error) for one in done] == [("done", ""), ("done", "")]
    found = states(world, "drafter")
    assert (found["2026-08"], found["2026-09"], found["2026-10"]) == ("complete", "empty", "complete")
    world.now += timedelta(hours=1)
    assert run(world)["exports"] == 0
    world.trace("drafter", datetime(2026, 8, 4, tzinfo=UTC), received=datetime(2026, 9, 1, tzinfo=UTC))
    world.seal()
    assert run(world)["of"] == ["drafter 2026-08 (supplement)"]
    assert world.work().state == "done"
    assert states(world, "drafter")["2026-08"] == "supplemented"
    assert run(world)["exports"] == 0
    cell = world.records.calendar.answer(world.org, "drafter", 24).rows[0].months[0]
    assert (len(cell.packages), cell.traces) == (2, 2)
    assert cell.locked_until == datetime(2029, 3, 1, tzinfo=UTC)


def test_a_month_says_what_is_wrong_with_it(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    world.schedule("kept", KEPT)
    run(world)

    def refuse(point: str) -> None:
        raise TargetError("the bucket is gone")

    world.between = refuse
    assert world.work().state == "failed"
    assert states(world, "drafter")["2026-10"] == "failed"
    cell = world.records.calendar.answer(world.org, "drafter", 24).rows[0].months[0]
    assert cell.why == "the bucket is gone"
    world.between = lambda point: None
    assert run(world)["again"] == 1
    assert world.work().state == "done"
    assert states(world, "drafter")["2026-10"] == "complete"
    hold = world.hold("agent", "drafter")
    assert states(world, "drafter")["2026-10"] == "held"
    assert world.work().result == {"held": True, "objects": 44}
    world.release(hold)
    assert world.work().result["held"] is False
    assert states(world, "drafter")["2026-10"] == "complete"


def test_what_was_exported_before_its_month_was_over_is_not_all_of_it(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    ahead, world.now = world.now, datetime(2026, 10, 20, tzinfo=UTC)
    world.records.calendar._registry.now = lambda: world.now
    package = world.ask("drafter")
    # Sealed by the engine's clock, which is ahead of this one.
    world.work()
    assert world.package(package).state in ("committed", "empty")
    assert states(world, "drafter")["2026-10"] == "open"
    world.now = ahead
    assert states(world, "drafter")["2026-10"] == "missing"


def test_a_period_that_runs_from_retirement_is_locked_until_then_at_least_and_longer_afterwards(world: World) -> None:
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2])
    world.schedule("after", KEPT.model_copy(update={"cutoff": "retirement", "period": "3 years"}))
    package = world.export("drafter")
    assert package.locked_until is not None
    assert package.locked_until.date() == (world.now.replace(year=world.now.year + 3)).date()
    world.now += timedelta(days=100)
    assert run(world)["locked_longer"] == 0
    with world.registry.changing(world.asking()) as change:
        agents.moved(change, agents.get(change.session, world.org, "drafter"), "retired", "")
    retired = world.now
    world.now += timedelta(days=10)
    assert run(world)["locked_longer"] == 1
    assert world.work().state == "done"
    later = world.package(package.id).locked_until
    assert later is not None
    assert later.date() == retired.replace(year=retired.year + 3).date()
    assert run(world)["locked_longer"] == 0
    assert date(2026, 10, 1) == package.starts
