"""Numbered migrations: one SQL statement a file, applied in order, each with its checksum.

A row is written before a statement runs and another when it has run, so that a crash between the two is seen.
Every statement can be run again, so one that was interrupted is.

What makes a table is applied once and never changes. What holds no rows is applied whenever it has changed: views, and
files named `….repeat.sql`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from clickhouse_connect.driver.client import Client

from collector.redaction.policy import Policy, shipped
from collector.store import contents, facts, otlp, redacting
from collector.store.connection import Store, StoreError
from collector.store.facts import Facts
from collector.store.metric_points import metric_points

DURABLE = (
    # What makes a retried insert complete exactly its missing parts, and a finished one safe from power loss.
    "non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, "
    # An insert's part is one file instead of two for each of its columns: half the time to write, far fewer syncs.
    "min_bytes_for_wide_part = 100000000"
)

_TABLE = """CREATE TABLE IF NOT EXISTS schema_migrations
(
    Version UInt32,
    Name String,
    Checksum FixedString(64),
    Status Enum8('started' = 1, 'done' = 2),
    At DateTime64(3, 'UTC') DEFAULT now64(3),
    EngineVersion String DEFAULT version()
)
ENGINE = MergeTree ORDER BY (Version, Status)
"""


_IS = "database = currentDatabase() AND name = {name:String}"
_VIEW = re.compile(r"^CREATE (MATERIALIZED )?VIEW IF NOT EXISTS (\w+)(?: TO (\w+))? AS\s", re.MULTILINE)
_FROM_RAW = re.compile(r"FROM raw_(\w+)$", re.MULTILINE)
_WHOLE = re.compile(r"SELECT \* EXCEPT \(Pieces\)\nFROM (\w+)$")


class Status(StrEnum):
    """`STARTED` means that a run was interrupted, `CHANGED` that another text of it ran: the statement is run again."""

    PENDING = "pending"
    STARTED = "started"
    CHANGED = "changed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Migration:
    """One statement, ready to run."""

    version: int
    name: str
    sql: str
    repeat: bool = False

    @property
    def view(self) -> str:
        """The view that it makes, if it does."""
        match = _VIEW.search(self.sql)
        return match[2] if match else ""

    @property
    def repeatable(self) -> bool:
        return self.repeat or bool(self.view)

    @property
    def replacement(self) -> str:
        """The statement for a view that exists. A materialized view takes in what is inserted meanwhile, too."""
        match = _VIEW.search(self.sql)
        assert match is not None
        query = self.sql[match.end() :]
        return (
            f"ALTER TABLE {match[2]} MODIFY QUERY {query}"
            if match[1]
            else f"CREATE OR REPLACE VIEW {match[2]} AS {query}"
        )

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) of the statement as it is run."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """A migration and how far it is."""

    migration: Migration
    status: Status


def load(settings: str = DURABLE, policy: Policy | None = None) -> list[Migration]:
    """The migrations shipped with this version, in order. `settings` is what every kept table gets.

    `policy` is what the views redact by; the shipped one if none is given.
    """
    found: list[Migration] = []
    content = contents.load()
    macros = {
        **Facts(facts.load(), content).macros,
        **content.macros,
        **redacting.macros(policy or shipped()),
        "metric_points": metric_points,
    }
    files = sorted(
        (file for file in resources.files(__package__).joinpath("schema").iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    for file in files:
        number, _, name = file.name.removesuffix(".sql").partition("_")
        sql = otlp.render(file.read_text().replace("{{durable: merge_tree}}", settings), macros).strip()
        found.append(Migration(int(number), name.removesuffix(".repeat"), sql, name.endswith(".repeat")))
    expected = list(range(1, len(found) + 1))
    if [migration.version for migration in found] != expected:
        raise StoreError(f"migrations must be numbered 1 to {len(found)} without gaps")
    return found


def plan(store: Store, migrations: list[Migration] | None = None) -> list[Step]:
    """Every migration with its status. Changes nothing. Raises `StoreError` where history doesn't fit."""
    client = store.client()
    migrations = load() if migrations is None else migrations
    exists = client.command("SELECT count() FROM system.tables WHERE " + _IS, parameters={"name": "schema_migrations"})
    history = _history(client) if exists else {}
    known = {migration.version: migration for migration in migrations}
    for version, (checksum, status) in history.items():
        if version not in known:
            raise StoreError(f"{store.where} has migration {version}, which this version doesn't know: it is newer")
        if status is Status.DONE and checksum != known[version].checksum and not known[version].repeatable:
            raise StoreError(
                f"migration {version} ({known[version].name}) was changed after it ran: "
                "restore the file, and put the change into a new migration"
            )
    return [Step(m, _status(m, *history.get(m.version, ("", Status.PENDING)))) for m in migrations]


def _status(migration: Migration, checksum: str, status: Status) -> Status:
    return Status.CHANGED if status is Status.DONE and checksum != migration.checksum else status


def migrate(store: Store, migrations: list[Migration] | None = None) -> list[Migration]:
    """Run what is pending, was interrupted or has changed; the migrations that ran. Raises as `plan`."""
    client = store.client()
    client.command(_TABLE)
    ran: list[Migration] = []
    for step in sorted(plan(store, migrations), key=_turn):
        if step.status is Status.DONE:
            continue
        view = step.migration.view
        exists = view and client.command("SELECT count() FROM system.tables WHERE " + _IS, parameters={"name": view})
        _record(client, step.migration, Status.STARTED)
        sql = step.migration.replacement if exists else step.migration.sql
        client.command(sql.replace("$database", store.database))
        _record(client, step.migration, Status.DONE)
        ran.append(step.migration)
    return ran


def _turn(step: Step) -> int:
    """Tables go before views, which may be newer than the columns that they fill; new views before changed ones, which
    may read from what those fill.
    """
    return 0 if not step.migration.view else 1 if step.status is Status.PENDING else 2


def _history(client: Client) -> Mapping[int, tuple[str, Status]]:
    rows = client.query(
        "SELECT Version, argMax(Checksum, (Status, At)), max(Status) FROM schema_migrations GROUP BY Version"
    ).result_rows
    return {
        version: (checksum.decode() if isinstance(checksum, bytes) else checksum, Status(status))
        for version, checksum, status in rows
    }


def _record(client: Client, migration: Migration, status: Status) -> None:
    client.insert(
        "schema_migrations",
        [[migration.version, migration.name, migration.checksum, status.value]],
        column_names=["Version", "Name", "Checksum", "Status"],
        settings={"async_insert": 0},
    )


@dataclass(frozen=True, slots=True)
class RawView:
    """A view that reads a raw table: which signal's, what it fills, and where the rows of that are kept."""

    signal: str
    target: str
    table: str
    sql: str


def raw_views(policy: Policy | None = None) -> list[RawView]:
    """What makes a sent item a row."""
    found: list[RawView] = []
    migrations = load(policy=policy)
    kept: dict[str, str] = {}
    for migration in migrations:
        view, whole = _VIEW.search(migration.sql), _WHOLE.search(migration.sql)
        if view and whole:
            kept[whole[1]] = view[3]
    for migration in migrations:
        view, raw = _VIEW.search(migration.sql), _FROM_RAW.search(migration.sql)
        if view and raw:
            found.append(RawView(raw[1], view[3], kept.get(view[3], view[3]), migration.sql))
    return found
