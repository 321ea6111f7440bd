"""A plan's works in the order in which they are done: content, then rows with their traces, then rows by their age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from collector.retention.items import DISPOSITION, Plan
from collector.retention.policy import NEVER, Kind
from collector.retention.tables import (
    APPROVALS,
    BY_AGE,
    CONTENTS,
    EVALUATIONS,
    EXTENTS,
    LOGS,
    SPANS,
    WITH_THEIR_TRACE,
    Table,
    first_day,
)
from collector.retention.wording import Texts, Wording, fill


class Stage(StrEnum):
    """Holds are asked before each."""

    CONTENT = "content"
    TRACES = "traces"
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Work:
    """Rows of a table that go for one reason: all that are `due` and `unheld`, in these partitions."""

    stage: Stage
    table: Table
    kind: Kind
    reason: str
    due: str
    unheld: str
    partitions: tuple[str, ...]
    empties: bool = False
    """Rows stay and only their content goes."""
    about: str = ""
    """Which rows' traces holds are asked about, where that isn't those that are `due`."""
    bytes: str = "0"
    """SQL for a row's bytes, where they are known better than by the share of its part."""

    def count(self, partitions: tuple[str, ...]) -> str:
        """Counts by partition and organisation."""
        return fill(
            "count",
            org="''" if self.table is EXTENTS else "toString(Org)",
            table=self.table.name,
            partitions=within(partitions),
            due=self.due,
            unheld=self.unheld,
            bytes=self.bytes,
        )

    def action(self, partition: str, texts: Texts) -> str:
        """The statement that makes them go from one partition."""
        if self.empties:
            return texts.emptying(self.table, partition, self.due, self.unheld)
        return fill("delete", table=self.table.name, partition=partition, due=self.due, unheld=self.unheld)


Partitions = Mapping[str, tuple[str, ...]]
"""Of each table that exists, the ids of its parts."""
Borders = Mapping[tuple[str, Kind], tuple[int, ...]]
"""The different borders of each table and class, ns since the epoch; without NEVER."""


def works(
    plan: Plan, stored: Partitions, borders: Borders, busy: frozenset[date], referring: tuple[Table, ...]
) -> Iterator[Work]:
    """What the plan's working tables say. `referring`: the tables whose rows name pieces."""
    wording, texts = Wording(plan), Texts()

    def until_through(table: Table) -> tuple[str, ...]:
        return tuple(p for p in stored.get(table.name, ()) if first_day(p) <= plan.through)

    def of(table: Table, kind: Kind) -> list[int]:
        return [border for border in borders.get((table.name, kind), ()) if border != NEVER]

    # Log records of no stored trace have what they say in pieces as well.
    strays = [
        wording.by_age(LOGS, kind, of(LOGS, kind), stray=True) for kind in (Kind.CONTENT, Kind.LOGS) if of(LOGS, kind)
    ]
    pieces_due = {SPANS: wording.with_trace("Content", SPANS)}
    if LOGS in referring:
        pieces_due[LOGS] = " OR ".join(f"({one})" for one in (wording.with_trace("Content", LOGS), *strays))
    for partition in until_through(CONTENTS):
        day = first_day(partition)
        if day not in busy:
            due, unheld = wording.pieces(day, pieces_due, of(CONTENTS, Kind.METADATA))
            reason, size = "no row that is kept has it", "length(Content)"
            yield Work(Stage.CONTENT, CONTENTS, Kind.CONTENT, reason, due, unheld, (partition,), bytes=size)
    for table in (SPANS, LOGS, EVALUATIONS):
        size, filled = texts.size(table), texts.condition(table)
        parts = until_through(table)
        if parts:
            due = f"({wording.with_trace('Content AND NOT Metadata', table)}) AND ({filled})"
            reason = "in rows, its trace's content is due"
            yield Work(Stage.CONTENT, table, Kind.CONTENT, reason, due, wording.unheld(table), parts, True, bytes=size)
        if parts and of(table, Kind.CONTENT) and table is not SPANS:
            old = wording.by_age(table, Kind.CONTENT, of(table, Kind.CONTENT), stray=True)
            due, about = f"({old}) AND ({filled})", old if table is LOGS else ""
            reason = "in rows, older than its service's content is kept"
            unheld = wording.unheld(table)
            yield Work(Stage.CONTENT, table, Kind.CONTENT, reason, due, unheld, parts, True, about, size)
    for table in (*((APPROVALS,) if plan.policy == DISPOSITION else ()), *WITH_THEIR_TRACE):
        if parts := until_through(table):
            due = wording.with_trace("Metadata", table)
            yield Work(Stage.TRACES, table, Kind.METADATA, "its trace is due", due, wording.unheld(table), parts)
    if parts := until_through(EXTENTS):
        yield Work(
            Stage.TRACES, EXTENTS, Kind.METADATA, "no row of its trace is left", wording.extents(), "true", parts
        )
    for table, kind in BY_AGE:
        if (parts := until_through(table)) and of(table, kind):
            due = wording.by_age(table, kind, of(table, kind), stray=table in (LOGS, EVALUATIONS))
            yield Work(Stage.AGE, table, kind, "older than it is kept", due, wording.unheld(table), parts)


def within(partitions: tuple[str, ...]) -> str:
    """SQL: a row is in one of them."""
    return f"_partition_id IN ({', '.join(repr(p) for p in partitions)})"
