"""Bring the registry's tables to this version, or back: Alembic's migrations, run from here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from inventory.db.engine import Database, DatabaseError

_LOCK = 0x4D696772


def upgrade(database: Database, to: str = "head") -> list[str]:
    """Run what is missing up to a revision: the revisions that ran. Two at once: the second waits and finds nothing."""
    with _alone(database) as connection:
        before = _known(database, connection)
        command.upgrade(_config(connection), to)
        after = _at(connection)
    return _between(before, after)


def downgrade(database: Database, to: str) -> list[str]:
    """Back to a revision, or `base` for none. What only later versions know is lost, and nothing else."""
    with _alone(database) as connection:
        before = _known(database, connection)
        command.downgrade(_config(connection), to)
        after = _at(connection)
    return _between(after, before)[::-1]


def waiting(database: Database) -> list[str]:
    """What `upgrade` would run; nothing is changed. Raises DatabaseError."""
    with database.engine.connect() as connection:
        return _between(_known(database, connection), head())


def check(database: Database) -> None:
    """Raises DatabaseError when the tables are not this version's."""
    if missing := waiting(database):
        raise DatabaseError(f"the registry in {database.where} lacks {len(missing)} migrations: run muster migrate")


def head() -> str:
    found = _scripts().get_current_head()
    assert found is not None
    return found


def _known(database: Database, connection: Connection) -> str | None:
    """The revision it is at. Raises DatabaseError for one that this version doesn't know."""
    found = _at(connection)
    try:
        _scripts().get_revisions(found or "base")
    except CommandError:
        raise DatabaseError(
            f"the registry in {database.where} was written by a newer version of Muster: start that version"
        ) from None
    return found


def _at(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _between(lower: str | None, upper: str | None) -> list[str]:
    """Revisions after `lower` up to `upper`, oldest first."""
    if lower == upper or upper is None:
        return []
    return [script.revision for script in _scripts().iterate_revisions(upper, lower or "base")][::-1]


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """One transaction, and nobody else's migration in it."""
    with database.engine.execution_options(muster="write").connect() as connection:
        if database.sqlite:
            # A table that is made anew is dropped in between: that must not take along what refers to it. Only
            # outside of a transaction can it be said.
            _driver(connection).execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                if not database.sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                yield connection
                if database.sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise DatabaseError(f"a migration of {database.where} would leave references to nothing")
        finally:
            if database.sqlite:
                _driver(connection).execute("PRAGMA foreign_keys = ON")


def _driver(connection: Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.dbapi_connection)
