"""What a policy would have done: told before it is enforced, day by day, with what was known on each."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from collector.store.connection import Store
from inventory.contract.lifecycle import PolicySpec
from inventory.db.engine import Database
from inventory.registry.errors import Clash, Missing
from lifecycle import impact
from tests.lifecycle.smtp import Box
from tests.lifecycle.world import BEGIN, DAY, World

_numbers = itertools.count(1)


@pytest.fixture
def world(store: Store, sqlite: Database, tmp_path: Path, box: Box) -> World:
    made = World(store, sqlite, tmp_path, box, org=f"impact-{next(_numbers)}")
    made.person("alice@example.org")
    made.policy(enforced=False, exclude={"tags": ["seldom"]})
    return made


def report(world: World, days: int = 120) -> list[tuple[str, str, int, bool]]:
    """(agent, action, days since the beginning, whether it was active afterwards)."""
    world.publisher.resolve(world.org)
    with world.registry.reading() as session:
        found = impact.report(session, world.store, world.org, "idle-90", days, world.now)
    assert found.wrongly == sum(one.action == "disable" and one.active_again is not None for one in found.impacts)
    return [(one.agent, one.action, (one.at - BEGIN).days, one.active_again is not None) for one in found.impacts]


def test_agents_that_would_have_been_disabled_and_who_of_them_came_back(world: World) -> None:
    for name, tags in (("gone", []), ("yearly", []), ("busy", []), ("excluded", ["seldom"])):
        world.agent(name, "alice@example.org", tags=tags)
    world.active("gone", "yearly", "busy", "excluded")
    for day in (30, 60, 90, 110):
        world.active("busy", at=BEGIN + day * DAY)
    world.active("yearly", at=BEGIN + 100 * DAY)
    world.now = BEGIN + 120 * DAY
    assert report(world) == [
        ("gone", "open", 60, False),
        ("yearly", "open", 60, True),
        ("gone", "notice", 76, False),
        ("yearly", "notice", 76, True),
        ("gone", "disable", 90, False),
        ("yearly", "disable", 90, True),
    ]
    assert not world.cases(), "nothing was opened by looking"
    assert {action for _, action, *_ in report(world, 25)} == {"open", "notice", "disable"}, "already so when it began"


def test_only_idleness_has_a_past(world: World) -> None:
    world.policy(PolicySpec(reason="ownerless"), "ownerless-14")
    with world.registry.reading() as session:
        with pytest.raises(Clash, match="Only idleness"):
            impact.report(session, world.store, world.org, "ownerless-14", 30, world.now)
        with pytest.raises(Missing):
            impact.report(session, world.store, world.org, "none", 30, world.now)
