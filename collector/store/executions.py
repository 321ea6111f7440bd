"""Tool calls of a trace, as approvals are held against them."""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from collector.store.reads import run
from collector.store.trace_list import bounds_of


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments_digest`: of what was sent, before redaction; empty: no arguments, or none told."""

    span_id: str
    start_ns: int
    tool: str
    tool_call_id: str
    approval_id: str
    arguments_digest: str
    failed: bool


def tool_calls(client: Client, org: str, trace_id: str, limit: int = 1_000) -> list[ToolCall]:
    """By start. Raises `ReadError`."""
    bounds = bounds_of(client, [trace_id]) if trace_id else {}
    if not bounds:
        return []
    where = {"org": org, "trace_id": trace_id, "since": bounds["since"], "until": bounds["until"]}
    rows = run(client, "approval_executions", **where, limit=limit)
    return [ToolCall(**{**row, "failed": bool(row["failed"])}) for row in rows]
