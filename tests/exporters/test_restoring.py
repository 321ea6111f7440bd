"""Every row comes back as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.store.connection import Store
from exporters.restoring import MARK, database_of
from exporters.tables import SOURCES
from tests.engines import clear
from tests.exporters.world import World

TABLES = [source.table for source in SOURCES if source.restored]
_NASTY = {
    "nul": "a\x00b", "quotes": "\"'`\\", "lines": "one\ntwo\r\n\ttabs", "unicode": "żółć 🜚 \u2028", "path": "a/b",
    "json": '{"a":[1,2,{"b":null}]}', "number": "1e400", "long": "x" * 3000,
}  # fmt: skip


def rows(store: Store, table: str, without: str = "") -> list[str]:
    """All of a table, each row as text that tells every bit of it."""
    columns = [
        name
        for (name,) in store.client().query(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} "
            "ORDER BY position",
            parameters={"table": table},
        ).result_rows
        if name != without
    ]  # fmt: skip
    final = " FINAL" if table in ("trace_summaries", "contents", "agent_resolutions") else ""
    listed = ", ".join(f"`{name}`" for name in columns)
    found = store.client().query(f"SELECT hex(toString(tuple({listed}))) FROM {table}{final}").result_rows
    return sorted(text for (text,) in found)


@pytest.mark.parametrize("local", [True, False], ids=["files of the engine's", "as from a server"])
def test_exported_wiped_and_restored_every_row_is_equal(world: World, local: bool) -> None:
    world.local = local
    world.restart()
    world.agent("drafter")
    world.nasty("drafter", datetime(2026, 10, 5, tzinfo=UTC), _NASTY)
    world.month("drafter", traces=2, days=[2, 17])
    package = world.export("drafter", kind="period")
    before = {table: rows(world.store, table) for table in TABLES}
    assert all(before[table] for table in TABLES if table not in ("otel_logs", "evaluations")), before.keys()
    clear(world.store)
    done = world.do(package.id, "restore")
    assert done.state == "done", done.error
    name = database_of(world.store, package)
    assert (world.package(package.id).restored, done.result["database"]) == (name, name)
    within = world.store.within(name)
    try:
        for table in TABLES:
            back = rows(within, table, without=MARK)
            if table == "agent_resolutions":  # of what the package has, not of all that there is
                assert set(back) < set(before[table])
            else:
                assert back == before[table], table
        marks = within.client().query(f"SELECT DISTINCT toString({MARK}) FROM otel_traces").result_rows
        assert marks == [(package.id,)]
    finally:
        within.close()
