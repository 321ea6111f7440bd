"""The registry's tables: up and down with what is in them, and what the code says is what is there."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from inventory import audit
from inventory.db import migrate
from inventory.db.engine import Database, DatabaseError
from inventory.db.models import Agent, Base, Term
from inventory.registry import agents, finding
from inventory.registry.change import Registry
from tests.inventory.registry.asking import add, asking, ready, registry


def test_the_tables_are_what_the_models_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_step_goes_down_and_up_again_with_agents_in_the_tables(database: Database) -> None:
    opened = registry(database, "alice")
    for name in ("one", "two"):
        add(opened, name, ready(matchers=[{"service": name}], tags=["x"]))
    with opened.reading() as session:
        before = [agents.snapshot(row) for row in session.scalars(select(Agent).order_by(Agent.id))]
    revisions = migrate.downgrade(database, "0001")
    assert revisions[-1] == "0002"
    with pytest.raises(DatabaseError, match="muster migrate"):
        migrate.check(database)
    assert migrate.upgrade(database) == revisions[::-1]
    migrate.check(database)
    with opened.reading() as session:
        assert [agents.snapshot(row) for row in session.scalars(select(Agent).order_by(Agent.id))] == before
        verdict = audit.verify(session)  # evidence is dropped by no step
        assert (verdict.intact, verdict.entries) == (True, 3)
    with database.writing() as session:
        assert finding.empty(session)
        finding.rebuild(session)
        assert not finding.empty(session)
        assert [one.id for one in finding.find(session, "default", "one", 10)[0]] == ["one"]
    with opened.changing(asking(if_match=1)) as change:
        agents.replace(change, "one", ready(purpose="still works", matchers=[{"service": "one"}]))
    with opened.reading() as session:
        assert session.scalar(select(func.count()).select_from(Term))


def test_down_to_nothing_leaves_the_evidence_and_nothing_else(database: Database) -> None:
    registry(database, "alice")
    migrate.downgrade(database, "base")
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version", "audit", "read_segments"}
    migrate.upgrade(database)
    registry(database, "bob")
    with database.reading() as session:
        verdict = audit.verify(session)
        assert (verdict.intact, verdict.entries) == (True, 2)
    with pytest.raises(DBAPIError, match="append-only"), database.writing() as session:
        session.execute(text("DELETE FROM audit"))


def test_starting_twice_at_once_migrates_once(empty_url: str) -> None:
    ran: list[list[str]] = []

    def start() -> None:
        opened = Database(empty_url)
        ran.append(migrate.upgrade(opened))
        opened.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    # Alembic's context is one for a process: processes do this in parallel, threads here one after the other.
    for thread in threads:
        thread.start()
        thread.join()
    assert sorted(len(one) for one in ran) == [0, len(ran[0]) or len(ran[1])]


def test_a_newer_registry_is_refused_by_an_older_version(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer version"):
        migrate.check(database)
    with pytest.raises(DatabaseError, match="newer version"):
        migrate.upgrade(database)


def test_what_is_committed_outlives_the_connection(empty_url: str) -> None:
    first = Database(empty_url)
    migrate.upgrade(first)
    add(Registry(first), "drafter")
    first.close()
    second = Database(empty_url)
    with second.reading() as session:
        assert agents.get(session, "default", "drafter").revision == 1
    second.close()
