"""What a policy would do to what is stored: how often, where, since when. Nothing is shown or changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from clickhouse_connect.driver.client import Client

from collector.redaction.policy import Policy
from collector.redaction.sql import RedactionSql, literal


@dataclass(frozen=True, slots=True)
class Stored:
    """Where texts are kept. What a table doesn't have (yet) is left out.

    `maps` are columns of attributes, `nested` arrays of such, `texts` columns of one text each with the attribute's
    name that they were taken from ("" for none).
    """

    table: str
    day: str
    id: str
    maps: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()


STORED = (
    Stored(
        "otel_traces",
        "toDate(Timestamp)",
        "SpanId",
        ("SpanAttributes", "ResourceAttributes", "ScopeAttributes"),
        ("Events.Attributes", "Links.Attributes"),
        (
            ("SpanName", ""),
            ("StatusMessage", ""),
            ("InputMessages", "gen_ai.input.messages"),
            ("OutputMessages", "gen_ai.output.messages"),
            ("SystemInstructions", "gen_ai.system_instructions"),
            ("ToolArguments", "gen_ai.tool.call.arguments"),
            ("ToolResult", "gen_ai.tool.call.result"),
        ),
    ),
    Stored(
        "otel_logs",
        "toDate(Timestamp)",
        "SpanId",
        ("LogAttributes", "ResourceAttributes", "ScopeAttributes"),
        (),
        (("Body", ""),),
    ),
    Stored("contents", "Day", "lower(hex(Id))", (), (), (("Content", ""),)),
)
"""Pieces of content don't say which attribute they were, so rules for some attributes only are not asked of them."""


@dataclass(slots=True)
class Finding:
    """What one rule would do in one table. `ids` are some of the rows': spans, or pieces of content."""

    rule: str
    table: str
    matches: int = 0
    rows: int = 0
    first: date | None = None
    last: date | None = None
    ids: list[str] = field(default_factory=list)


class DryRun:
    """One question for each table and day, so that it can say how far it is. `findings` grow as `days` is walked."""

    def __init__(
        self, client: Client, policy: Policy, *, most_ids: int = 5, stored: tuple[Stored, ...] = STORED
    ) -> None:
        self._client = client
        self._sql = RedactionSql(policy, key="''")
        self._most_ids = most_ids
        self._stored = [(place, columns) for place in stored if (columns := self._columns(place.table))]
        self._found: dict[tuple[str, str], Finding] = {}

    def days(self, first: date, last: date) -> Iterator[date]:
        """Ask day by day; each is yielded when it is done."""
        day = first
        while day <= last:
            for place, columns in self._stored:
                self._ask(place, columns, day)
            yield day
            day += timedelta(days=1)

    @property
    def findings(self) -> list[Finding]:
        """Most matches first."""
        return sorted(self._found.values(), key=lambda found: (-found.matches, found.rule, found.table))

    def _columns(self, table: str) -> set[str]:
        rows = self._client.query(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
            parameters={"table": table},
        ).result_rows
        return {str(row[0]) for row in rows}

    def _ask(self, place: Stored, columns: set[str], day: date) -> None:
        keys, texts = _arrays(place, columns)
        rows = self._client.query(
            "SELECT rule, sum(times), count(), groupArray({ids:UInt32})(id) FROM "
            "(SELECT id, arrayJoin(mapKeys(counted)) AS rule, counted[rule] AS times FROM "
            f"(SELECT {place.id} AS id, "
            f"{self._sql.counted('suspicious', 'Org', 'all_keys', 'all_texts')} AS counted FROM (SELECT *, "
            f"{self._sql.suspicious('Org', 'all_keys', 'all_texts')} AS suspicious FROM "
            f"(SELECT *, {keys} AS all_keys, {texts} AS all_texts "
            f"FROM {place.table} WHERE {place.day} = {{day:Date}})) WHERE suspicious)) "
            "GROUP BY rule",
            parameters={"day": day, "ids": self._most_ids},
        ).result_rows
        for rule, matches, count, ids in rows:
            found = self._found.setdefault((rule, place.table), Finding(rule, place.table))
            found.matches += matches
            found.rows += count
            found.first, found.last = found.first or day, day
            found.ids += [one for one in ids if one][: self._most_ids - len(found.ids)]


def _arrays(place: Stored, columns: set[str]) -> tuple[str, str]:
    """SQL for the names and the texts of a row."""
    kept = [(column, key) for column, key in place.texts if column in columns]
    keys = [f"[{', '.join(literal(key) for _, key in kept)}]::Array(String)"]
    texts = [f"[{', '.join(column for column, _ in kept)}]::Array(String)"]
    for column in place.maps:
        if column in columns:
            keys.append(f"CAST(mapKeys({column}), 'Array(String)')")
            texts.append(f"mapValues({column})")
    for column in place.nested:
        if column in columns:
            keys.append(f"CAST(arrayFlatten(arrayMap(one -> mapKeys(one), `{column}`)), 'Array(String)')")
            texts.append(f"arrayFlatten(arrayMap(one -> mapValues(one), `{column}`))")
    return f"arrayConcat({', '.join(keys)})", f"arrayConcat({', '.join(texts)})"
