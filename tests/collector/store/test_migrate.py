"""Migrations: each once, in order, and never against a history that doesn't fit."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.store import migrate as migrations
from collector.store.connection import Store, StoreError
from collector.store.migrate import Migration, Status, load, migrate, plan, raw_views

NUMBER = itertools.count()


@pytest.fixture
def fresh(store: Store) -> Iterator[Store]:
    """An empty database beside the session's: a process has one engine path, but as many databases as it likes."""
    name = f"fresh_{next(NUMBER)}"
    with Store(store.settings.model_copy(update={"database": name})) as opened:
        yield opened
        opened.client().command(f"DROP DATABASE {name} SYNC")


def tables(store: Store) -> dict[str, str]:
    sql = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
    rows: Any = store.client().query(sql).result_rows
    return dict(rows)


def history(store: Store) -> list[tuple[Any, ...]]:
    order = "SELECT Version, Name, Checksum, Status FROM schema_migrations ORDER BY Version, Status"
    return [tuple(row) for row in store.client().query(order).result_rows]


def statement(sql: str) -> str:
    """Without its comments."""
    return re.sub("--.*", "", sql)


def some(count: int = 3) -> list[Migration]:
    """Migrations of our own, quick to run."""
    return [
        Migration(number, f"t{number}", f"CREATE TABLE IF NOT EXISTS t{number} (X Int8) ENGINE = MergeTree ORDER BY X")
        for number in range(1, count + 1)
    ]


def test_a_fresh_store_gets_all_and_a_second_run_does_nothing(fresh: Store) -> None:
    ran = migrate(fresh)
    assert sorted(m.version for m in ran) == [m.version for m in load()] == list(range(1, len(ran) + 1))
    created = tables(fresh)
    made = {m.name for m in ran if not m.repeat}
    assert made | {"schema_migrations"} == {name for name in created if not name.startswith(".inner")}
    recorded = history(fresh)
    assert migrate(fresh) == []
    assert (tables(fresh), history(fresh)) == (created, recorded)
    assert {step.status for step in plan(fresh)} == {Status.DONE}


def test_each_migration_is_recorded_before_and_after_it_runs(fresh: Store) -> None:
    migrate(fresh, some())
    assert [(version, name, status) for version, name, _, status in history(fresh)] == [
        (number, f"t{number}", status) for number in (1, 2, 3) for status in ("started", "done")
    ]
    assert {checksum for _, _, checksum, _ in history(fresh)} == {m.checksum.encode() for m in some()}


def versions(*, doubled: bool) -> list[Migration]:
    """A table, what fills it, a view of it; later with a column more, which everything uses."""
    select, column = ("SELECT S * 2 AS X, S AS Y FROM source", ", Y") if doubled else ("SELECT S AS X FROM source", "")
    return [
        Migration(1, "source", "CREATE TABLE IF NOT EXISTS source (S Int8) ENGINE = Null"),
        Migration(2, "kept_mv", f"CREATE MATERIALIZED VIEW IF NOT EXISTS kept_mv TO kept AS {select}"),
        Migration(3, "kept", "CREATE TABLE IF NOT EXISTS kept (X Int8) ENGINE = MergeTree ORDER BY X"),
        Migration(4, "seen", f"CREATE VIEW IF NOT EXISTS seen AS SELECT X{column} FROM kept"),
        Migration(5, "more", f"ALTER TABLE kept ADD COLUMN IF NOT EXISTS {'Y' if doubled else 'Z'} Int8", repeat=True),
    ]


def test_what_holds_no_rows_is_applied_again_when_it_changed(fresh: Store) -> None:
    assert [m.version for m in migrate(fresh, versions(doubled=False))] == [1, 3, 5, 2, 4]
    fresh.client().command("INSERT INTO source VALUES (1)")
    changed = [step.migration.version for step in plan(fresh, versions(doubled=True)) if step.status is Status.CHANGED]
    assert changed == [2, 4, 5]
    assert [m.version for m in migrate(fresh, versions(doubled=True))] == [5, 2, 4]
    fresh.client().command("INSERT INTO source VALUES (5)")
    assert fresh.client().query("SELECT X, Y FROM seen ORDER BY X").result_rows == [(1, 0), (10, 5)]
    assert {step.status for step in plan(fresh, versions(doubled=True))} == {Status.DONE}
    assert migrate(fresh, versions(doubled=True)) == []


def test_a_change_that_was_interrupted_is_run_again(fresh: Store) -> None:
    migrate(fresh, versions(doubled=False))
    broken = versions(doubled=True)
    broken[1] = Migration(
        2, "kept_mv", "CREATE MATERIALIZED VIEW IF NOT EXISTS kept_mv TO kept AS SELECT nothing FROM source"
    )
    with pytest.raises(ClickHouseError):
        migrate(fresh, broken)
    assert [m.version for m in migrate(fresh, versions(doubled=True))] == [2, 4]
    fresh.client().command("INSERT INTO source VALUES (5)")
    assert fresh.client().query("SELECT X, Y FROM seen").result_rows == [(10, 5)]


def test_a_plan_says_what_would_run_and_changes_nothing(fresh: Store) -> None:
    assert [(step.migration.version, step.status) for step in plan(fresh, some())] == [
        (number, Status.PENDING) for number in (1, 2, 3)
    ]
    assert tables(fresh) == {}
    migrate(fresh, some(2))
    before = tables(fresh), history(fresh)
    assert [step.status for step in plan(fresh, some())] == [Status.DONE, Status.DONE, Status.PENDING]
    assert (tables(fresh), history(fresh)) == before


def test_only_what_is_new_runs(fresh: Store) -> None:
    migrate(fresh, some(1))
    assert [m.version for m in migrate(fresh, some(3))] == [2, 3]


def test_a_migration_changed_after_it_ran_is_refused(fresh: Store) -> None:
    migrate(fresh, some())
    first, _, third = some()
    changed = [first, Migration(2, "t2", "CREATE TABLE IF NOT EXISTS other (X Int8) ENGINE = Null"), third]
    for use in (plan, migrate):
        with pytest.raises(StoreError, match=r"migration 2 \(t2\) was changed after it ran: restore the file"):
            use(fresh, changed)
    assert "other" not in tables(fresh)


def test_a_store_newer_than_this_version_is_refused(fresh: Store) -> None:
    migrate(fresh, some(3))
    for use in (plan, migrate):
        with pytest.raises(StoreError, match="has migration 3, which this version doesn't know: it is newer"):
            use(fresh, some(2))


def test_an_interrupted_migration_runs_again(fresh: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record = migrations._record

    def crash(client: Any, migration: Migration, status: Status) -> None:
        if migration.version == 2 and status is Status.DONE:
            raise KeyboardInterrupt  # after the statement, before its record
        record(client, migration, status)

    monkeypatch.setattr(migrations, "_record", crash)
    with pytest.raises(KeyboardInterrupt):
        migrate(fresh, some())
    monkeypatch.undo()
    assert [step.status for step in plan(fresh, some())] == [Status.DONE, Status.STARTED, Status.PENDING]
    assert [m.version for m in migrate(fresh, some())] == [2, 3]
    assert {step.status for step in plan(fresh, some())} == {Status.DONE}


def test_an_interrupted_migration_may_be_mended_before_it_runs_again(fresh: Store) -> None:
    broken = [*some(1), Migration(2, "t2", "CREATE TABLE IF NOT EXISTS t2 (X NoSuchType) ENGINE = Null")]
    with pytest.raises(Exception, match="NoSuchType"):
        migrate(fresh, broken)
    assert [m.version for m in migrate(fresh, some(2))] == [2]


def test_every_shipped_migration_can_run_twice(fresh: Store) -> None:
    """A crash between a statement and its record makes it run again."""
    migrations = sorted(load(), key=lambda migration: bool(migration.view))
    for migration in migrations:
        assert "IF NOT EXISTS" in migration.sql or migration.repeat
        fresh.client().command(migration.sql.replace("$database", fresh.database))
    created = tables(fresh)
    for migration in migrations:
        fresh.client().command(migration.sql.replace("$database", fresh.database))
    assert tables(fresh) == created


def test_file_names_count_up_without_gaps_and_name_what_they_create() -> None:
    names = sorted(file.name for file in resources.files("collector.store").joinpath("schema").iterdir())
    assert names == [f"{m.version:04}_{m.name}{'.repeat' * m.repeat}.sql" for m in load()]
    for migration in load():
        assert f"IF NOT EXISTS {migration.name}" in migration.sql or migration.repeat
        assert ";" not in statement(migration.sql), "one statement a file"
        assert "{{" not in migration.sql


def test_every_kept_table_forgets_no_token_too_soon_and_is_synced() -> None:
    kept = [m.sql for m in load() if "MergeTree" in m.sql]
    assert len(kept) == 29
    for sql in kept:
        assert "non_replicated_deduplication_window = 10000" in sql
        assert "fsync_after_insert = 1, fsync_part_directory = 1" in sql
        assert ("TTL" in sql) is ("EXISTS arrivals" in sql), "only a queue may forget by itself"


def test_the_views_that_read_requests_are_known() -> None:
    assert [(view.signal, view.table) for view in raw_views()] == [
        ("metrics", "otel_metrics_gauge"),
        ("metrics", "otel_metrics_sum"),
        ("metrics", "otel_metrics_histogram"),
        ("traces", "otel_traces"),
        ("logs", "otel_logs"),
    ]
    for view in raw_views():
        assert not re.search(r"\b(now|today)\w*\(", statement(view.sql).lower()), "a retry must give the same rows"
