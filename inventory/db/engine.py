"""The relational database: SQLite in WAL mode, or PostgreSQL. A transaction that has ended is on disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from sqlalchemy import URL, Connection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError, OperationalError
from sqlalchemy.orm import Session

_SETTING = "MUSTER_DATABASE_URL"
_BUSY_MS = 15_000
_CHAIN_LOCK = 0x4D757374  # of pg_advisory_xact_lock; any number that nobody else here takes


class DatabaseError(Exception):
    """The registry's database can't be used; the message says which and what to do."""


class Database:
    """One pool of connections. Safe to share between threads; close it when the process ends."""

    def __init__(self, url: str) -> None:
        parsed = _checked(url)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self.where = parsed.render_as_string(hide_password=True)
        if self.sqlite:
            self.engine = create_engine(parsed, connect_args={"timeout": _BUSY_MS / 1000})
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            # A connection that the server or a proxy closed is found before it is used.
            self.engine = create_engine(
                parsed,
                pool_pre_ping=True,
                pool_size=8,
                max_overflow=8,
                connect_args={"connect_timeout": 5, "application_name": "muster", "options": "-c timezone=UTC"},
            )

    def __repr__(self) -> str:
        return f"Database({self.where!r})"

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state. Raises DatabaseError when the database can't be had."""
        with self._session("read") as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at its end, or changes nothing. Raises DatabaseError when the database can't be had.

        On SQLite writers come one after the other from the start, so that none finds out late that it can't.
        """
        with self._session("write") as session:
            yield session
            session.commit()

    @contextmanager
    def _session(self, mode: Literal["read", "write"]) -> Iterator[Session]:
        try:
            with Session(self.engine.execution_options(muster=mode), expire_on_commit=False) as session:
                try:
                    yield session
                except BaseException:
                    if self.sqlite and session.in_transaction():
                        _forget(session)
                    raise
        except OperationalError as error:
            raise DatabaseError(
                f"the registry's database {self.where} can't be used ({_reason(error)}): check that it runs and that "
                f"{_SETTING} names it"
            ) from error

    def lock_chain(self, session: Session) -> None:
        """From here to the transaction's end nobody else appends to the audit chain."""
        if not self.sqlite:  # there a writer is alone anyway
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CHAIN_LOCK})


def _forget(session: Session) -> None:
    """An unread result that the traceback holds keeps its snapshot beyond the rollback, and no later transaction of
    that connection could write: it isn't used again.
    """
    with suppress(InvalidRequestError):  # a flush that failed has given the connection back already
        driver = session.connection().connection.dbapi_connection
        if driver is not None:
            driver.rollback()
        session.invalidate()


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text may hold a password: it isn't repeated.
        raise DatabaseError(
            f"{_SETTING} is no database URL: use sqlite:////path or postgresql://user@host/name"
        ) from None
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return parsed.set(drivername="sqlite+pysqlite")
    raise DatabaseError(
        f"{_SETTING} names a database of kind {backend}: Muster keeps its registry in sqlite or postgresql"
    )


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # committed means on disk: WAL alone may lose the last commits with the power
        "foreign_keys = ON",
        f"busy_timeout = {_BUSY_MS}",
        "trusted_schema = OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("muster") == "write"
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _reason(error: DBAPIError) -> str:
    """The driver's first line. psycopg's can hold host and user, never the password."""
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
