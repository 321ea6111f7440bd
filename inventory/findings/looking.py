"""Looking for findings: what was sealed since the last time is prepared once, and every finding is asked of it.

What was found stands in `finding_hits`: found again it is the same row, so that a window may be looked at twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.store.reads import Unavailable, statement
from inventory.findings.definitions import Definition, definitions, prepared

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_TRACES: Final = 50_000
"""Sealed traces that are looked at together: what is prepared of them stands in memory."""
_DAYS: Final = 7
"""How far back it is looked who sends telemetry."""
_OF_AGENTS: Final = frozenset({"seen", "recent"})
"""What only findings about agents as a whole are asked of."""
_SETTINGS: Final = {
    "max_threads": 2,
    "max_memory_usage": 1 << 30,
    "async_insert": 0,
    "prefer_column_name_to_alias": 1,
    "allow_suspicious_low_cardinality_types": 1,
}
_COLUMNS: Final = "Org, Finding, Key, Agent, TraceId, SpanId, At, Details, FoundAt, Gone"


@dataclass(slots=True)
class Looked:
    """`seconds` by name, of what is prepared and of each finding."""

    traces: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """What can be looked at once: traces that were sealed before `until`, and between which moments they lie."""

    until: datetime
    traces: int
    bounds_ns: tuple[int, int]
    sealed_ms: tuple[int, int]


def spread(client: Client, org: str, since: datetime, until: datetime) -> Spread:
    """The first part of what was sealed then, if it is too much for one time. Raises `ReadError`."""
    with _errors():
        until = _cut(client, org, since, until)
        sealed = _millis(since), _millis(until)
        ((traces, first, last),) = client.query(
            "SELECT uniqExact(TraceId), toUnixTimestamp64Nano(min(Start)), "
            "max(toUnixTimestamp64Nano(Start) + toInt64(Duration)) "
            "FROM trace_summaries WHERE Org = {org:String} AND Sign = 1 AND SealedAt >= "
            "fromUnixTimestamp64Milli({from:Int64}) AND SealedAt < fromUnixTimestamp64Milli({until:Int64})",
            parameters={"org": org, "from": sealed[0], "until": sealed[1]},
        ).result_rows  # fmt: skip
    return Spread(until, traces, (first, last + 1) if traces else (0, 0), sealed)


def look(client: Client, org: str, part: Spread, now: datetime, *, last: bool) -> Looked:
    """All of a part. Agents as a whole are looked at with the `last` one. Raises `ReadError`."""
    with _errors():
        return _look(client, org, part, now, last)


def _look(client: Client, org: str, part: Spread, now: datetime, last: bool) -> Looked:
    looked = Looked(part.traces)
    (since, till), (sealed_from, sealed_until) = part.bounds_ns, part.sealed_ms
    asked: dict[str, Any] = {
        "org": org, "from": sealed_from, "until": sealed_until, "since": since, "till": till, "days": _DAYS,
    }  # fmt: skip
    made: list[str] = []
    try:
        for name, sql in prepared().items():
            if name in _OF_AGENTS and not last:
                continue
            began = time.perf_counter()
            client.command(f"DROP TEMPORARY TABLE IF EXISTS {name}")
            client.command(_written(sql), parameters=asked, settings=_SETTINGS)
            made.append(name)
            looked.seconds[name] = time.perf_counter() - began
        for definition in definitions().values():
            if definition.of == "agents" and not last:
                continue
            began = time.perf_counter()
            _found(client, definition, asked, now)
            looked.seconds[definition.name] = time.perf_counter() - began
    finally:
        for name in made:
            client.command(f"DROP TEMPORARY TABLE IF EXISTS {name}")
    return looked


def _found(client: Client, definition: Definition, asked: Mapping[str, Any], now: datetime) -> None:
    """What is found is kept; what was found in the same traces, and is no more, is gone."""
    told = {**asked, "finding": definition.name, "now": _micros(now)}
    client.command(
        f"INSERT INTO finding_hits ({_COLUMNS}) SELECT {{org:String}}, {{finding:String}}, toString(Key), "
        "toString(Agent), TraceId, SpanId, toDateTime64(At, 9), "
        "CAST(Details, 'Map(LowCardinality(String), String)'), fromUnixTimestamp64Micro({now:Int64}), 0 "
        f"FROM ({_written(definition.sql)})",
        parameters=told, settings=_SETTINGS,
    )  # fmt: skip
    where = "TraceId = ''" if definition.of == "agents" else "TraceId IN (SELECT TraceId FROM runs)"
    client.command(
        f"INSERT INTO finding_hits ({_COLUMNS}) SELECT {{org:String}}, {{finding:String}}, Key, '', TraceId, SpanId, "
        "argMax(At, FoundAt), map(), fromUnixTimestamp64Micro({now:Int64}), 1 FROM finding_hits "
        f"WHERE Org = {{org:String}} AND Finding = {{finding:String}} AND {where} GROUP BY Key, TraceId, SpanId "
        "HAVING argMax(Gone, FoundAt) = 0 AND max(FoundAt) < fromUnixTimestamp64Micro({now:Int64})",
        parameters=told, settings=_SETTINGS,
    )  # fmt: skip


def _cut(client: Client, org: str, since: datetime, until: datetime) -> datetime:
    """Until when it can be looked at once."""
    found = client.query(
        "SELECT toUnixTimestamp64Milli(SealedAt) FROM trace_summaries WHERE Org = {org:String} AND Sign = 1 "
        "AND SealedAt >= fromUnixTimestamp64Milli({from:Int64}) AND SealedAt < fromUnixTimestamp64Milli({until:Int64}) "
        "ORDER BY SealedAt LIMIT 1 OFFSET {most:UInt32}",
        parameters={"org": org, "from": _millis(since), "until": _millis(until), "most": _MOST_TRACES},
    ).result_rows  # fmt: skip
    if not found:
        return until
    # All of one moment are sealed together, and are looked at together.
    return min(until, _EPOCH + timedelta(milliseconds=max(found[0][0], _millis(since)) + 1))


def _written(sql: str) -> str:
    return (
        sql.replace("{{since}}", "fromUnixTimestamp64Nano({since:Int64})")
        .replace("{{till}}", "fromUnixTimestamp64Nano({till:Int64})")
        .replace("{{agent_key}}", statement("agent_key").strip())
    )


def _millis(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(milliseconds=1)


def _micros(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        kind = getattr(error, "name", None) or type(error).__name__
        raise Unavailable(f"the engine could not look for findings ({kind})") from error
