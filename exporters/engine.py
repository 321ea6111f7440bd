"""What records ask of the engine: which traces are an agent's, how many rows they have, and to write those to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.store import registry
from collector.store.connection import Store
from collector.store.contents import literal
from exporters.tables import READ, SOURCES, Chosen, Source, read_back

_DAY: Final = timedelta(days=1)
_AT_ONCE: Final = 100_000
_EMPTY: Final = zstandard.compress(b"")


class EngineFailed(Exception):
    """The engine can't answer or write; the message is for people."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What a snapshot holds."""

    traces: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Month:
    """Sealed traces that are here, and when the last of them was sealed."""

    traces: int
    sealed: datetime


class Engine:
    """Reads and files of one store. Safe to share between threads. Raises EngineFailed."""

    def __init__(self, store: Store, *, local: bool | None = None) -> None:
        """`local`: whether the engine reads and writes our files, as an embedded one does."""
        self.store = store
        self._local = store.embedded if local is None else local

    def first_day(self, org: str, agent: str) -> date | None:
        """Of the agent's oldest sealed trace that is here."""
        with self._asking() as client:
            sql = f"SELECT count(), toDate(min(Start)) FROM trace_summaries WHERE {self._mine(client, org, agent)}"
            ((rows, first),) = client.query(sql).result_rows
        return first if rows else None

    def months(self, org: str) -> dict[tuple[str, date], Month]:
        """What is here, by registered agent and the month in which traces began."""
        sql = (
            "SELECT toString(r.Agent) AS agent, toStartOfMonth(t.Start) AS month, uniqExact(t.TraceId), "
            "toUnixTimestamp64Milli(max(t.SealedAt)) FROM ("
            "SELECT Start, TraceId, SealedAt, arrayJoin(AgentKeys) AS AgentKey FROM trace_summaries FINAL "
            "WHERE Org = {org:String}) AS t INNER JOIN (SELECT AgentKey, Agent FROM agent_resolutions FINAL "
            "WHERE Org = {org:String} AND Agent != '') AS r USING AgentKey GROUP BY agent, month"
        )
        with self._asking() as client:
            rows = client.query(sql, parameters={"org": org}).result_rows
        return {
            (agent, month): Month(count, datetime.fromtimestamp(sealed / 1000, UTC))
            for agent, month, count, sealed in rows
        }

    def snapshot(
        self, org: str, agent: str, name: str, starts: date, ends: date, cutoff: datetime, before: Sequence[str]
    ) -> Traces | None:
        """Note the agent's traces that began in [starts, ends), but those that snapshots `before` hold as they are.

        None: there are none. Taken again under another name it is a new one.
        """
        with self._asking() as client:
            for mine in self._chunks(client, org, agent, starts, ends):
                extent = (
                    "SELECT count(), toDate(min(Start)), toDate(max(End)) FROM otel_traces_trace_id_ts "
                    f"WHERE TraceId IN ({mine})"
                )
                ((rows, first, last),) = client.query(extent).result_rows
                if rows:
                    client.command(self._insert(org, name, mine, first - _DAY, last, cutoff, before))
            sql = (
                "SELECT count(), min(FirstDay), max(LastDay) FROM record_traces "
                f"WHERE Org = {literal(org)} AND Snapshot = {literal(name)}"
            )
            ((traces, first, last),) = client.query(sql).result_rows
        return Traces(traces, first, last) if traces else None

    def _chunks(self, client: Client, org: str, agent: str, starts: date, ends: date) -> Iterator[str]:
        """SQL: the ids of an agent's traces, not too many at once: the engine keeps a list of them in memory."""
        mine = self._mine(client, org, agent)
        days = client.query(
            "SELECT toDate(Start) AS day, count() FROM trace_summaries "
            f"WHERE {mine} AND {_started(starts, ends)} GROUP BY day ORDER BY day"
        ).result_rows
        listed: list[date] = []
        together = 0
        for number, (day, traces) in enumerate(days):
            listed.append(day)
            together += traces
            if together < _AT_ONCE and number + 1 < len(days):
                continue
            pieces = -(-together // _AT_ONCE)
            for piece in range(pieces):
                part = f" AND cityHash64(TraceId) % {pieces} = {piece}" if pieces > 1 else ""
                yield (
                    f"SELECT TraceId FROM trace_summaries FINAL WHERE {mine} "
                    f"AND {_started(listed[0], listed[-1] + _DAY)}{part}"
                )
            listed, together = [], 0

    def _mine(self, client: Client, org: str, agent: str) -> str:
        keys = registry.keys_of(client, org, agent)
        listed = ", ".join(map(str, keys))
        return f"Org = {literal(org)} AND hasAny(AgentKeys, CAST([{listed}], 'Array(UInt64)'))"

    @staticmethod
    def _insert(
        org: str, name: str, mine: str, first: date, last: date, cutoff: datetime, before: Sequence[str]
    ) -> str:
        until = f"toDateTime64('{cutoff:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"
        counted = ("Spans", "Logs", "Approvals", "Evaluations")
        tables = ("otel_traces", "otel_logs", "approvals", "evaluations")
        parts = " UNION ALL ".join(
            "SELECT TraceId, toDate(min(Timestamp)) AS first, toDate(max(Timestamp)) AS last, "
            + ", ".join(f"{'count()' if table == of else 'toUInt64(0)'} AS {column}"
                        for column, of in zip(counted, tables, strict=True))
            + f" FROM {table} WHERE Org = {literal(org)} AND toDate(Timestamp) >= '{first}'"
            + (f" AND toDate(Timestamp) <= '{last}'" if table == "otel_traces" else "")
            + f" AND ReceivedAt <= {until} AND TraceId IN ({mine}) GROUP BY TraceId"
            for table in tables
        )  # fmt: skip
        known = ", ".join(literal(one) for one in before)
        unchanged = (
            f" HAVING (TraceId, {', '.join(counted)}) NOT IN (SELECT TraceId, {', '.join(counted)} FROM record_traces "
            f"WHERE Org = {literal(org)} AND Snapshot IN ({known}))"
            if before
            else ""
        )
        sums = ", ".join(f"toUInt32(sum({column})) AS {column}" for column in counted)
        inner = f"SELECT TraceId, min(first) AS FirstDay, max(last) AS LastDay, {sums} FROM ({parts}) AS parts"
        return (
            f"INSERT INTO record_traces (Org, Snapshot, TraceId, FirstDay, LastDay, {', '.join(counted)}) "
            f"SELECT {literal(org)}, {literal(name)}, TraceId, FirstDay, LastDay, {', '.join(counted)} FROM "
            f"({inner} GROUP BY TraceId HAVING sum(parts.Spans) > 0) {unchanged.replace('HAVING', 'WHERE')} "
            "SETTINGS max_threads = 2, async_insert = 0"
        )

    def counts(self, source: Source, chosen: Chosen) -> dict[date, int]:
        """Rows by day, of days that have any."""
        with self._asking() as client:
            if source.name != "contents":
                rows = client.query(source.counts(chosen)).result_rows
                return {day: count for day, count in rows if count}
            found = {}
            day = chosen.first
            while day <= chosen.last:
                sql = f"SELECT count() FROM contents FINAL WHERE {source.where(chosen, day)}"
                if count := int(client.command(sql)):  # type: ignore[arg-type]
                    found[day] = count
                day += _DAY
            return found

    def columns(self, table: str, database: str | None = None) -> dict[str, str]:
        """Names and types, in the table's order."""
        with self._asking() as client:
            rows = client.query(
                "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String} "
                "AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position",
                parameters={"database": database or self.store.database, "table": table},
            ).result_rows
        return {str(name): str(kind) for name, kind in rows}

    def write(self, sql: str, settings: str, path: Path, form: str) -> None:
        """Let the engine write the rows: JSON lines, compressed where the name says so, or Parquet."""
        path.unlink(missing_ok=True)
        with self._asking() as client:
            if self._local:
                client.command(f"INSERT INTO FUNCTION file({literal(str(path))}, {literal(form)}) {sql} {settings}")
            else:
                self._stream(client, sql, settings, path, form)
        if not path.exists():
            path.write_bytes(_EMPTY if path.suffix == ".zst" else b"")

    @staticmethod
    def _stream(client: Client, sql: str, settings: str, path: Path, form: str) -> None:
        """From a server, which has no business with our files."""
        told = {name: value for name, value in _settings(settings).items() if "engine_file" not in name}
        with path.open("wb") as raw, client.raw_stream(sql, fmt=form, settings=told) as stream:
            packer = zstandard.ZstdCompressor(threads=1)
            if path.suffix == ".zst":
                with packer.stream_writer(raw, closefd=False) as file:
                    for piece in stream:
                        file.write(piece)
            else:
                for piece in stream:
                    raw.write(piece)

    def read_back(self, within: Store, table: str, path: Path) -> None:
        """Rows of a file into a table of another database."""
        columns = self.columns(table)  # as they were written; what is only there gets its default
        structure, picked = read_back(columns)
        names = ", ".join(f"`{name}`" for name in columns)
        with self._asking(within) as client:
            if self._local:
                rows = f"file({literal(str(path))}, 'JSONEachRow', {literal(structure)})"
                client.command(f"INSERT INTO {table} ({names}) SELECT {picked} FROM {rows} {READ}")
                return
            # A server doesn't see our files: rows stand as they are written in a table first.
            client.command("DROP TABLE IF EXISTS restoring SYNC")
            client.command(f"CREATE TABLE restoring ({structure}) ENGINE = Memory")
            with (
                path.open("rb") as packed,
                zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as lines,
            ):
                client.raw_insert("restoring", insert_block=lines, fmt="JSONEachRow", settings=_settings(READ))
            client.command(f"INSERT INTO {table} ({names}) SELECT {picked} FROM restoring {READ}")
            client.command("DROP TABLE restoring SYNC")

    def findings(self, chosen: Chosen) -> list[dict[str, Any]]:
        """What was found in the traces, as it stands now."""
        rows = (
            self.store.client()
            .query(
                "SELECT Finding, Key, Agent, TraceId, SpanId, At, Details, FoundAt FROM finding_hits FINAL "
                f"WHERE Org = {literal(chosen.org)} AND NOT Gone AND TraceId IN ({chosen.traces()}) "
                "ORDER BY Finding, Key, At, TraceId, SpanId"
            )
            .named_results()
        )
        return [
            {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
            for row in rows
        ]

    def redactions(self, chosen: Chosen) -> list[dict[str, Any]]:
        """Which rule of which policy replaced how much, in spans and log records."""
        parts = " UNION ALL ".join(
            f"SELECT RedactionPolicy, Redactions FROM {source.table} WHERE {source.where(chosen, None)} "
            "AND notEmpty(Redactions)"
            for source in SOURCES
            if source.table in ("otel_traces", "otel_logs")
        )
        sql = (
            "SELECT RedactionPolicy AS policy, rule, count() AS rows, sum(replaced) AS replaced FROM "
            f"({parts}) ARRAY JOIN mapKeys(Redactions) AS rule, mapValues(Redactions) AS replaced "
            "GROUP BY policy, rule ORDER BY policy, rule"
        )
        with self._asking() as client:
            return [dict(row) for row in client.query(sql).named_results()]

    @contextmanager
    def _asking(self, store: Store | None = None) -> Iterator[Client]:
        try:
            yield (store or self.store).client()
        except ClickHouseError as error:
            name = getattr(error, "name", None) or type(error).__name__
            raise EngineFailed(f"the engine failed ({name}): {str(error)[:500]}") from error


def _settings(text: str) -> dict[str, str]:
    """A SETTINGS clause as names and values."""
    pairs = (one.split(" = ") for one in text.removeprefix("SETTINGS ").split(", "))
    return {name: value.strip("'") for name, value in pairs}


def _started(since: date, until: date) -> str:
    return f"Start >= toDateTime64('{since} 00:00:00', 9, 'UTC') AND Start < toDateTime64('{until} 00:00:00', 9, 'UTC')"


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
