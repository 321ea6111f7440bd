"""Steps: as agreed or not at all, once, and taken back as they were, whatever breaks in between."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete

from collector.store.connection import Store
from inventory.contract import lifecycle as wire
from inventory.db import cases as db
from inventory.db.engine import Database
from inventory.registry import agents
from lifecycle import policies
from tests.lifecycle.smtp import Box
from tests.lifecycle.target import Target
from tests.lifecycle.test_flow import ALICE, decide, history
from tests.lifecycle.world import BEGIN, Crash, World

_numbers = itertools.count(1)


class Place:
    """A database, an engine and a target outside, on which one process after the other works."""

    def __init__(self, store: Store, database: Database, directory: Path, box: Box) -> None:
        self._parts = (store, database, directory, box)
        self._org = f"steps-{next(_numbers)}-{database.sqlite}"
        self.target = Target("door", "window")
        self.world = self.started()

    def again(self, number: int) -> Place:
        """The same place, as it is now, to be lived on from several times."""
        store, database, directory, box = self._parts
        file = directory / f"copy-{number}.sqlite"
        with (
            closing(sqlite3.connect(str(database.engine.url.database))) as source,
            closing(sqlite3.connect(file)) as target,
        ):
            source.backup(target)
        copy = Place.__new__(Place)
        copy._parts = (store, Database(f"sqlite:///{file}"), directory, box)
        copy._org, copy.target, copy.world = self._org, Target("door", "window"), self.world
        copy.target.on = dict(self.target.on)
        copy.started()
        return copy

    def close(self) -> None:
        self._parts[1].close()

    def started(self) -> World:
        """The next process; the one before is gone, and its lease has run out."""
        store, database, directory, box = self._parts
        before: World | None = getattr(self, "world", None)
        with database.writing() as session:
            session.execute(delete(db.Lease))
        begin = before.now if before is not None else BEGIN
        self.world = World(store, database, directory, box, org=self._org, more=[self.target], begin=begin)
        return self.world

    def due(self) -> World:
        """An agent that the next run disables."""
        world = self.world
        world.person(ALICE)
        world.agent("drafter", ALICE)
        world.policy()
        world.active("drafter")
        world.until("final", "drafter")
        world.pass_days(2)
        world.mail()
        return world


@pytest.fixture
def place(store: Store, sqlite: Database, tmp_path: Path, box: Box) -> Place:
    return Place(store, sqlite, tmp_path, box)


def test_a_crash_between_any_two_steps_ends_right_and_nothing_is_done_twice(place: Place) -> None:
    place.due()
    whole = place.again(0)
    whole.world.run()
    points = whole.world.points
    whole.close()
    assert len(points) == 3 * 4, "a token and two switches: recipe, before, after, noted"
    for number, point in enumerate(points, 1):
        one = place.again(number)
        one.world.crash_at = point
        with pytest.raises(Crash):
            one.world.run()
        assert one.world.state("drafter") == "active", "the case says what is done, not what was begun"
        world = one.started()
        world.run()
        assert world.state("drafter") == "disabled", point
        assert one.target.on == {"door": False, "window": False}
        assert one.target.done == {"off door": 1, "off window": 1}, point
        assert history(world, world.cases()[0]).count("disable") == 1
        one.close()


def test_a_crash_between_any_two_steps_of_undoing_ends_right(place: Place) -> None:
    place.due()
    place.target.on["window"] = False  # it was off before, and stays off when all is given back
    world = place.world
    world.until("disabled", "drafter")
    decide(world, world.cases()[0], "keep", reason="needed")
    points = [f"undo-{number}-{when}" for number in (3, 2, 1) for when in ("before", "after")]
    for number, point in enumerate(points):
        one = place.again(number)
        one.world.crash_at = point
        with pytest.raises(Crash):
            one.world.evaluator.decisions(one.world.org, one.world.lease)
        world = one.started()
        world.evaluator.decisions(world.org, world.lease)
        assert world.state("drafter") == "active", point
        assert one.target.on == {"door": True, "window": False}
        assert world.cases()[0].state == "attested"
        one.close()


def test_what_drifted_since_the_last_warning_is_warned_of_again(place: Place, box: Box) -> None:
    world = place.due()
    place.target.drift = "a key was rotated"
    run = world.run()
    assert run.actions == {"drift": 1}
    case = world.cases()[0]
    assert (case.state, case.locked, world.state("drafter")) == ("reminded", None, "active")
    warned = len(box.received)
    world.until("disabled", "drafter")
    assert box.received[warned].subject.startswith("Last warning")


def test_a_step_that_fails_is_told_and_tried_again(place: Place) -> None:
    world = place.due()
    place.target.broken.add("window")
    run = world.run()
    assert run.failures == ["drafter: switch window off: window is stuck"]
    case = world.cases()[0]
    assert (case.state, case.locked, case.blocked) == ("final", "disable", "switch window off: window is stuck")
    assert world.state("drafter") == "active"
    place.target.broken.clear()
    world.evaluator.decisions(world.org, world.lease)
    assert world.state("drafter") == "disabled"
    assert place.target.done["off door"] == 1


def test_the_kill_switch_stops_between_two_steps_and_what_was_begun_is_finished_later(place: Place) -> None:
    world = place.due()

    def stops(point: str) -> None:
        if point == "2-noted":
            with world.registry.changing(world.asking()) as change:
                policies.set_switch(change, wire.Switch(enforcement=False, reason="an incident"))

    world.between = stops
    world.run()
    assert place.target.on == {"door": False, "window": True}
    for _ in range(2):
        assert not world.evaluator.decisions(world.org, world.lease).failures
    assert place.target.on == {"door": False, "window": True}
    assert (world.cases()[0].blocked, world.state("drafter")) == ("enforcement is switched off", "active")
    with world.registry.changing(world.asking()) as change:
        policies.set_switch(change, wire.Switch(enforcement=True, reason="it is over"))
    world.evaluator.decisions(world.org, world.lease)
    assert place.target.on == {"door": False, "window": False}
    assert world.state("drafter") == "disabled"


def test_what_is_off_and_still_works_is_not_called_off(place: Place) -> None:
    world = place.due()
    place.target.still_works.add("door")
    run = world.run()
    assert "it was done, and still works (it was tried)" in run.failures[0]
    assert world.state("drafter") == "active"


def test_activity_while_a_step_hangs_takes_back_what_was_done(place: Place) -> None:
    world = place.due()
    place.target.broken.add("window")
    world.run()
    assert place.target.on == {"door": False, "window": True}
    world.active("drafter")
    place.target.broken.clear()
    world.run()
    assert place.target.on == {"door": True, "window": True}
    assert (world.cases()[0].state, world.state("drafter")) == ("restored", "active")


def test_an_agent_that_somebody_activates_by_hand_gets_everything_back(place: Place) -> None:
    world = place.due()
    world.run()
    assert place.target.on == {"door": False, "window": False}
    with world.registry.changing(world.asking()) as change:
        agents.move(change, "drafter", "active", "we need it")
    world.run()
    assert place.target.on == {"door": True, "window": True}
    assert world.cases()[0].state == "restored"


def test_a_binding_that_nothing_here_acts_on_is_named_as_work_by_hand(place: Place, box: Box) -> None:
    world = place.world
    world.person(ALICE)
    world.agent("drafter", ALICE, bindings=[{"kind": "other", "ref": "the cron job on host 7"}])
    world.policy()
    world.active("drafter")
    world.until("final", "drafter")
    assert "the cron job on host 7 (other) (by hand: Muster can't)" in box.received[-1].text
    world.until("disabled", "drafter")
    assert [step.state for step in world.rows(db.CaseStep) if step.connector == "none"] == ["by-hand"]
