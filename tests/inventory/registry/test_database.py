"""The database after something went wrong: the next one finds it as it should be."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from inventory.db.engine import Database
from inventory.db.models import Agent
from inventory.registry.change import Registry
from tests.inventory.registry.asking import add, registry


class Bug(Exception):
    """Of ours."""


@pytest.mark.parametrize("mode", ["reading", "writing"])
def test_an_unread_result_that_a_traceback_holds_does_not_lock_anybody_out(
    database: Database, empty_url: str, mode: str
) -> None:
    other = Database(empty_url)
    opened: Registry = registry(database)
    for number in range(20):
        add(opened, f"agent-{number}")
    held = []

    def fail() -> None:
        with getattr(database, mode)() as session:
            held.append(session.execute(select(Agent.id)))
            raise Bug

    caught = []
    for _ in range(3):
        with pytest.raises(Bug) as error:
            fail()
        caught.append(error)
        add(Registry(other), f"other-{len(caught)}")
    for number in range(27):
        add(opened, f"later-{number}")
    with database.reading() as session:
        assert len(session.scalars(select(Agent.id)).all()) == 50
    assert len(held) == len(caught) == 3
    other.close()
