"""What model calls cost, by whom and when: sealed traces only, and how many still wait to be counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from clickhouse_connect.driver.client import Client

from collector.store.reads import run
from collector.store.trace_list import waiting_traces

_HOUR = 3_600 * 10**9


class By(StrEnum):
    """What spend is told apart by. `AGENT` is the nearest one that a call belongs to, `ROOT_AGENT` the outermost."""

    AGENT = "agent"
    ROOT_AGENT = "root_agent"
    SERVICE = "service"
    ENVIRONMENT = "environment"
    WORKFLOW = "workflow"
    RELEASE = "release"
    PROVIDER = "provider"
    MODEL = "model"


class Bucket(StrEnum):
    """Days are those of UTC."""

    HOUR = "hour"
    DAY = "day"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SpendQuery:
    """Calls that started in [since, until), widened to whole hours. `only` has exact names."""

    since_ns: int
    until_ns: int
    by: Sequence[By] = (By.MODEL,)
    bucket: Bucket = Bucket.DAY
    only: Mapping[By, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spend:
    """Calls of a bucket that share their names. `cost` (US dollars) is the sum of what is known, None where nothing is:
    `unpriced` calls are not in it; nor in the token sums `tokens_unknown` calls. `tier_unknown` calls were priced as
    the standard service tier.
    """

    start_ns: int
    names: Mapping[By, str]
    calls: int
    unpriced: int
    tokens_unknown: int
    tier_unknown: int
    cost: Decimal | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None


@dataclass(frozen=True, slots=True)
class SpendTable:
    """`waiting` traces of the organisation aren't sealed as they now are: their calls are not, or not all, counted."""

    since_ns: int
    until_ns: int
    rows: Sequence[Spend]
    waiting: int


def spend(client: Client, org: str, query: SpendQuery) -> SpendTable:
    """By bucket, dearest first. Raises `ReadError`."""
    since, until = query.since_ns // _HOUR * _HOUR, -(-query.until_ns // _HOUR) * _HOUR
    rows = run(
        client,
        "spend",
        [f"only_{by}" for by in By if by in query.only],
        org=org,
        since=since // 10**9,
        until=until // 10**9,
        bucket=query.bucket.value,
        **{f"by_{by}": by in query.by for by in By},
        **{f"only_{by}": query.only[by] for by in By if by in query.only},
    )
    return SpendTable(since, until, [_row(row, query.by) for row in rows], waiting_traces(client, org).traces)


def _row(row: dict[str, object], by: Sequence[By]) -> Spend:
    names = {name: str(row[name]) for name in by}
    figures = {name: value for name, value in row.items() if name not in set(By)}
    calls = figures["calls"]
    if calls == figures["unpriced"]:
        figures["cost"] = None
    if calls == figures["tokens_unknown"]:
        figures |= {name: None for name in figures if name.endswith("_tokens")}
    return Spend(names=names, **figures)  # type: ignore[arg-type]
