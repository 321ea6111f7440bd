"""Which tables a package holds rows of, which rows those are, and how they are written and read back.

What stands in the SQL is ours or checked: ids, days, names of tables and columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from collector.store.contents import literal

WRITTEN: Final = (
    "SETTINGS engine_file_truncate_on_insert = 1, output_format_json_quote_64bit_integers = 1, "
    "output_format_json_quote_decimals = 1, output_format_json_quote_denormals = 1, "
    "output_format_json_escape_forward_slashes = 0, date_time_output_format = 'iso', "
    "prefer_column_name_to_alias = 1, output_format_parquet_compression_method = 'zstd', "
    # A group of rows is in memory as a whole: a million of spans, as it would be, is a gigabyte.
    "output_format_parquet_row_group_size = 40000, output_format_parquet_parallel_encoding = 0, "
    # Formatted beside each other, blocks of a day are ten times as much in memory, and a third faster.
    "output_format_parallel_formatting = 0, "
    "max_threads = 2, max_insert_threads = 1"
)
READ: Final = (
    "SETTINGS date_time_input_format = 'best_effort', prefer_column_name_to_alias = 1, "
    "input_format_skip_unknown_fields = 1, max_threads = 2, "
    "input_format_parallel_parsing = 0, max_block_size = 8192, max_insert_block_size = 65536"
)
_PIECE: Final = "FixedString(16)"
_PIECES: Final = "Map(LowCardinality(String), Array(FixedString(16)))"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose rows: an organisation's traces of a snapshot, as received or sealed until `cutoff`."""

    org: str
    snapshot: str
    cutoff: datetime
    first: date
    last: date

    def traces(self, day: date | None = None) -> str:
        """SQL: the ids; of those that have rows on this day."""
        days = f" AND FirstDay <= '{day}' AND LastDay >= '{day}'" if day else ""
        return (
            f"SELECT TraceId FROM record_traces WHERE Org = {literal(self.org)} "
            f"AND Snapshot = {literal(self.snapshot)}{days}"
        )

    @property
    def until(self) -> str:
        return f"toDateTime64('{self.cutoff:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"


@dataclass(frozen=True, slots=True)
class Source:
    """`time`: the column that says on which day a row is. `came`: the one that says since when it is here, "" if none.

    `daily`: a file for each day. `restored`: its rows go back into the table that it is of; others are made from those.
    `block`: rows at once; few where they are wide, many where each block looks all of its texts up.
    """

    name: str
    table: str
    time: str = "Timestamp"
    came: str = "ReceivedAt"
    daily: bool = True
    parquet: bool = False
    final: bool = False
    restored: bool = True
    block: int = 8192

    @property
    def _from(self) -> str:
        return f"{self.table}{' FINAL' if self.final else ''}"

    def where(self, chosen: Chosen, day: date | None) -> str:
        """SQL: the rows, of one day or of all."""
        at = f"toDate({self.time})"
        days = f"{at} = '{day}'" if day else f"{at} BETWEEN '{chosen.first}' AND '{chosen.last}'"
        came = f" AND {self.came} <= {chosen.until}" if self.came else ""
        return f"Org = {literal(chosen.org)} AND {days}{came} AND TraceId IN ({chosen.traces(day)})"

    def counts(self, chosen: Chosen) -> str:
        """Rows by day."""
        return (
            f"SELECT toDate({self.time}) AS day, count() AS rows FROM {self._from} WHERE {self.where(chosen, None)} "
            "GROUP BY day ORDER BY day"
        )

    def rows(self, chosen: Chosen, day: date | None, columns: Mapping[str, str]) -> str:
        """What is written. `columns`: the table's, with their types."""
        return f"SELECT {written(columns)} FROM {self._from} WHERE {self.where(chosen, day)}"

    @property
    def settings(self) -> str:
        """What files of it are written with."""
        return f"{WRITTEN}, max_block_size = {self.block}"

    def path(self, day: date | None, ending: str = "jsonl.zst") -> str:
        return f"data/{self.name}/{day}.{ending}" if self.daily else f"data/{self.name}.{ending}"


@dataclass(frozen=True, slots=True)
class Pieces(Source):
    """What was said: pieces that exported rows of the day refer to."""

    def where(self, chosen: Chosen, day: date | None) -> str:
        named = " UNION ALL ".join(
            "SELECT ServiceName, arrayJoin(arrayFlatten(mapValues(Texts))) FROM "
            f"{source.table} WHERE {source.where(chosen, day)}"
            for source in (SPANS, LOGS)
        )
        return f"Org = {literal(chosen.org)} AND Day = '{day}' AND (ServiceName, Id) IN ({named})"


@dataclass(frozen=True, slots=True)
class Known(Source):
    """What rows of the package refer to by a key, and what that key means."""

    key: str = ""
    referred: str = ""

    def where(self, chosen: Chosen, day: date | None) -> str:
        named = f"SELECT {self.referred} FROM {FACTS.table} WHERE {FACTS.where(chosen, None)}"
        org = f"Org = {literal(chosen.org)} AND " if self.table == "agent_resolutions" else ""
        return f"{org}{self.key} IN ({named})"

    def counts(self, chosen: Chosen) -> str:
        return f"SELECT toDate('{chosen.first}') AS day, count() AS rows FROM {self._from} WHERE " + self.where(
            chosen, None
        )


SPANS: Final = Source("traces", "otel_traces", parquet=True)
LOGS: Final = Source("logs", "otel_logs")
CONTENTS: Final = Pieces("contents", "contents", time="Day", came="", final=True)
FACTS: Final = Source("facts", "span_facts", came="SealedAt")
SUMMARIES: Final = Source("summaries", "trace_summaries", time="Start", came="SealedAt", final=True)
APPROVALS: Final = Source("approvals", "approvals", daily=False)
EVALUATIONS: Final = Source("evaluations", "evaluations", daily=False)
TOOL_CALLS: Final = Source("tool_calls", "tool_calls", restored=False, block=32_768)
PRICES: Final = Known("prices", "prices", daily=False, key="Id", referred="PriceId", came="")
AGENTS: Final = Known(
    "agent_keys", "agent_resolutions", daily=False, key="AgentKey", referred="AgentKey", came="", final=True
)

SOURCES: Final[Sequence[Source]] = (
    SPANS, LOGS, CONTENTS, FACTS, SUMMARIES, TOOL_CALLS, APPROVALS, EVALUATIONS, PRICES, AGENTS,
)  # fmt: skip
BY_NAME: Final[Mapping[str, Source]] = {source.name: source for source in SOURCES}


def written(columns: Mapping[str, str]) -> str:
    """SQL: columns as a file holds them. Digests are hex: a record is text."""
    return ", ".join(_written(name, kind) for name, kind in columns.items())


def read_back(columns: Mapping[str, str]) -> tuple[str, str]:
    """The structure of a file, and SQL that makes columns of it again."""
    structure = ", ".join(f"`{name}` {kind.replace(_PIECE, 'String')}" for name, kind in columns.items())
    return structure, ", ".join(_read(name, kind) for name, kind in columns.items())


def _written(name: str, kind: str) -> str:
    if kind == _PIECE:
        return f"lower(hex(`{name}`)) AS `{name}`"
    if kind == _PIECES:
        return f"mapApply((k, v) -> (k, arrayMap(i -> lower(hex(i)), v)), `{name}`) AS `{name}`"
    return f"`{name}`"


def _read(name: str, kind: str) -> str:
    if kind == _PIECE:
        return f"toFixedString(unhex(`{name}`), 16) AS `{name}`"
    if kind == _PIECES:
        return f"mapApply((k, v) -> (k, arrayMap(i -> toFixedString(unhex(i), 16), v)), `{name}`) AS `{name}`"
    return f"`{name}`"
