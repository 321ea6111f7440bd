"""How long operations take, minute by minute, and how tools do: from the rollup of what was received, sealed or not.

Quantiles are estimates (t-digest); a span that was received twice counts twice here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from clickhouse_connect.driver.client import Client

from collector.store.reads import run

MINUTE = 60 * 10**9


class Of(StrEnum):
    """Whose latency. An operation's agent is the one that its span names."""

    AGENT = "agent"
    SERVICE = "service"
    OPERATION = "operation"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class Latency:
    """Operations that started within a step of time. Durations in ns."""

    start_ns: int
    names: Mapping[Of, str]
    calls: int
    errors: int
    p50_ns: int
    p95_ns: int
    p99_ns: int


@dataclass(frozen=True, slots=True)
class ToolFigures:
    """A tool, of one agent if they were told apart. `agents` are those that named it, without the unnamed one."""

    tool: str
    agent: str
    calls: int
    errors: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    agents: Sequence[str]
    services: Sequence[str]
    last_ns: int


def latency(
    client: Client,
    org: str,
    since_ns: int,
    until_ns: int,
    *,
    of: Sequence[Of] = (Of.AGENT,),
    only: Mapping[Of, str] | None = None,
    step_minutes: int = 1,
) -> list[Latency]:
    """Quantiles of each step of [since, until), by name and then by time. Raises `ReadError`."""
    only = only or {}
    rows = run(
        client,
        "latency",
        [f"of_{name}" for name in Of if name in only],
        org=org,
        since=since_ns // MINUTE * 60,
        until=-(-until_ns // MINUTE) * 60,
        step=step_minutes,
        **{f"by_{name}": name in of for name in Of},
        **{f"of_{name}": only[name] for name in Of if name in only},
    )
    return [
        Latency(
            row["start_ns"], {name: row[name] for name in of}, row["calls"], row["errors"], *map(int, row["quantiles"])
        )
        for row in rows
    ]


def tools(
    client: Client, org: str, since_ns: int, until_ns: int, *, tool: str = "", by_agent: bool = False
) -> list[ToolFigures]:
    """Tools by their calls, most first. Raises `ReadError`."""
    rows = run(
        client,
        "tools",
        org=org,
        since=since_ns // MINUTE * 60,
        until=-(-until_ns // MINUTE) * 60,
        tool=tool,
        by_agent=by_agent,
    )
    return [_tool(row) for row in rows]


def _tool(row: dict[str, object]) -> ToolFigures:
    p50, p95, p99 = (int(value) for value in row.pop("quantiles"))  # type: ignore[attr-defined]
    return ToolFigures(**row, p50_ns=p50, p95_ns=p95, p99_ns=p99)  # type: ignore[arg-type]
