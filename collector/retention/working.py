"""What is known of plans, and their working tables: `retention_plans`, `retention_traces`, `retention_borders`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from clickhouse_connect.driver.client import Client

from collector.retention.items import Item, Plan
from collector.retention.policy import Kind, moment
from collector.retention.tables import Table
from collector.retention.wording import fill
from collector.store.contents import literal
from collector.store.reads import statement

_NO_DAY = date(1970, 1, 1)
# The same rows may be written again, after their part was dropped.
_INSERT = {"async_insert": 0, "insert_deduplicate": 0}


class Status(StrEnum):
    PLANNED = "planned"
    STARTED = "started"
    DONE = "done"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Known:
    """A plan as it was noted."""

    id: str
    policy: str
    now: datetime
    through: date
    status: Status


class Working:
    """Reads and writes of them, with one client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def note(self, plan: Plan, status: Status) -> None:
        row = [plan.id, plan.policy, plan.now, plan.through, status.value]
        names = ["Plan", "PolicyId", "Now", "Through", "Status"]
        self._client.insert("retention_plans", [row], column_names=names, settings=_INSERT)

    def known(self) -> list[Known]:
        """Plans, the one that last changed first."""
        rows = self._client.query(statement("retention_last_plans")).result_rows
        return [
            Known(plan, policy, moment(now * 1000), through, Status(status))
            for plan, policy, now, through, status in rows
        ]

    def clear(self, plan: str) -> None:
        """Forget a plan's working rows."""
        for table in ("retention_traces", "retention_borders"):
            for (partition,) in self._client.query(
                "SELECT DISTINCT partition_id FROM system.parts WHERE database = currentDatabase() AND active "
                "AND table = {table:String} AND partition = {plan:String}",
                parameters={"table": table, "plan": plan},
            ).result_rows:
                self._client.command(fill("drop", table=table, partition=partition))

    def add_borders(self, plan: str, table: Table, kind: Kind, rows: Iterable[tuple[tuple[str, ...], int]]) -> None:
        named = ["Plan", "Table", "Class", *table.border_columns, "Border"]
        values = [[plan, table.name, kind.value, *whose, border] for whose, border in rows]
        if values:
            self._client.insert("retention_borders", values, column_names=named, settings=_INSERT)

    def add_traces(self, plan: str, rows: Iterable[tuple[str, str, date, int, int]]) -> None:
        """(org, trace, last day, content due, metadata due)."""
        self._add(plan, ((*row, 0) for row in rows))

    def add_all(self, plan: str, traces: str) -> None:
        """Traces that go whole. `traces`: SQL for (org, trace, last day)."""
        self._client.command(
            "INSERT INTO retention_traces (Plan, Org, TraceId, LastDay, Content, Metadata, Held) "
            f"SELECT {literal(plan)}, Org, TraceId, LastDay, 1, 1, 0 FROM ({traces}) SETTINGS async_insert = 0"
        )

    def add_held(self, plan: str, org: str, traces: Iterable[str]) -> None:
        """Traces that stay; "" is all of the organisation."""
        self._add(plan, ((org, trace, _NO_DAY, 0, 0, 1) for trace in traces))

    def _add(self, plan: str, rows: Iterable[tuple[str, str, date, int, int, int]]) -> None:
        named = ["Plan", "Org", "TraceId", "LastDay", "Content", "Metadata", "Held"]
        values = [[plan, *row] for row in rows]
        if values:
            self._client.insert("retention_traces", values, column_names=named, settings=_INSERT)

    def record(self, plan: Plan, items: Iterable[Item], status: str) -> None:
        """Into the log of removals."""
        values = [
            {
                "Plan": plan.id,
                "PolicyId": plan.policy,
                "Org": item.org,
                "Table": item.table,
                "Partition": item.partition,
                "Day": item.day,
                "Class": item.kind.value,
                "Status": status,
                "Rows": item.rows,
                "Bytes": item.bytes,
                "Reason": item.reason,
                "Held": item.held,
            }
            for item in items
        ]
        if values:
            rows = [list(value.values()) for value in values]
            self._client.insert("retention_removals", rows, column_names=list(values[0]), settings=_INSERT)

    def begun(self, plan: Plan) -> list[Item]:
        """What a run began and didn't record as done."""
        rows = self._client.query(statement("retention_started"), parameters={"plan": plan.id}).result_rows
        return [
            Item(table, partition, day, Kind(kind), org, count, size, reason, held)
            for table, partition, day, kind, org, count, size, reason, held in rows
        ]
