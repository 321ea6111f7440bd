"""What pages and tools read: typed functions over the statements in `reads/`, with bound parameters.

Times are nanoseconds since the epoch, durations nanoseconds, ids lower-case hex. Every function takes a client of
`Store.reader()`, which limits memory and time, and raises

    ReadError
    ├── TooMuch          the engine's limit for one read: ask for less
    └── Unavailable      the engine failed or is gone
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.store.rows import (
    After,
    ApprovalRow,
    Event,
    IngestHealth,
    Link,
    LogRow,
    Order,
    SpanRow,
    TraceDetail,
    TraceFilters,
    TracePage,
    TraceRow,
)

MINUTE = 60 * 1_000_000_000
_FIRST_SLICE = 10 * MINUTE
_SLICE_GROWTH = 6
_FOREVER = 2**63 - 1
_LIMIT_CODES = frozenset({158, 159, 160, 241, 307, 396})  # rows, time, speed, memory, bytes, result

MAX_LOGS = 1_000
MAX_APPROVALS = 1_000
TEXT_BUDGET = 32 * 1024 * 1024
"""Bytes of text that one trace may bring along; above it long texts are cut, and say so."""
WHOLE_TEXT = 2**31
_SHORT_TEXT = 2_000


class ReadError(Exception):
    """A read failed; the message is for people and quotes no data."""


class TooMuch(ReadError):
    pass


class Unavailable(ReadError):
    pass


@cache
def statement(name: str) -> str:
    """The text of `reads/<name>.sql`, with what it includes."""
    folder = resources.files(__package__).joinpath("reads")
    text = folder.joinpath(f"{name}.sql").read_text()
    return text.replace("{{matching}}", folder.joinpath("matching.sql").read_text().strip())


def list_traces(client: Client, org: str, filters: TraceFilters) -> TracePage:
    """A page of traces. Newest first reads the window in slices from its end and stops when the page is full."""
    find = _newest if filters.order is Order.NEWEST else _worst
    keys = find(client, org, filters)
    more = len(keys) > filters.limit
    keys = keys[: filters.limit]
    counts = _approvals(client, org, [row.trace_id for _, row in keys])
    page = [replace(row, approvals=counts.get(row.trace_id, 0)) for _, row in keys]
    return TracePage(page, keys[-1][0] if more else None)


def get_trace(client: Client, org: str, trace_id: str, limit: int) -> TraceDetail | None:
    """A trace with up to `limit` spans, its logs and approvals; None if no span of it is stored."""
    figures = _figures(client, org, [trace_id]).get(trace_id)
    extent = _run(client, "trace_extent", org=org, trace_id=trace_id)
    if figures is None or not extent:
        return None
    start, end, stored = extent[0]["start_ns"], extent[0]["end_ns"], extent[0]["spans"]
    where = {"org": org, "trace_id": trace_id, "start": start, "end": end}
    text = WHOLE_TEXT if extent[0]["bytes"] <= TEXT_BUDGET else _SHORT_TEXT
    spans = _spans(client, where, text=text, limit=limit)
    logs = _run(client, "trace_logs", **where, text=_SHORT_TEXT * 10, limit=MAX_LOGS)
    total = logs[0]["total"] if logs else 0
    approvals = _run(client, "trace_approvals", org=org, trace_id=trace_id, limit=MAX_APPROVALS)
    return TraceDetail(
        replace(figures, approvals=_approvals(client, org, [trace_id]).get(trace_id, 0)),
        stored,
        spans,
        [LogRow(**{name: value for name, value in row.items() if name != "total"}) for row in logs],
        total,
        [ApprovalRow(**row) for row in approvals],
    )


def get_span(client: Client, org: str, trace_id: str, span_id: str) -> SpanRow | None:
    """The first received copy of a span with its texts whole; None if it isn't stored."""
    extent = _run(client, "trace_extent", org=org, trace_id=trace_id)
    if not extent:
        return None
    where = {"org": org, "trace_id": trace_id, "start": extent[0]["start_ns"], "end": extent[0]["end_ns"]}
    copies = _spans(client, where, text=WHOLE_TEXT, limit=10, span_id=span_id)
    return next((span for span in copies if not span.duplicate), None)


def ingest_health(client: Client, org: str, since_ns: int) -> IngestHealth:
    """When a span last came, and how many came in each minute from `since_ns` on."""
    newest = _run(client, "ingest_newest", org=org)
    minutes = [(r["minute"], r["spans"]) for r in _run(client, "ingest_minutes", org=org, since=since_ns)]
    return IngestHealth(newest[0]["received_ns"], newest[0]["spans"], minutes) if newest else IngestHealth(None, 0)


def _newest(client: Client, org: str, filters: TraceFilters) -> list[tuple[After, TraceRow]]:
    """Up to limit + 1 traces with their sort keys."""
    wanted = filters.limit + 1
    last = filters.after or After("", filters.until_ns)
    width = _FIRST_SLICE
    low = max(filters.since_ns, last.start_ns - width)
    rows: list[tuple[After, TraceRow]] = []
    while True:
        # With filters, the span that matches may lie after the slice in which its trace starts.
        horizon = _FOREVER if filters.narrows else last.start_ns + 1
        keys = _run(
            client,
            "traces_newest",
            **_matching(org, filters, low),
            horizon=horizon,
            before=last.start_ns,
            before_id=last.trace_id,
            limit=wanted,
        )
        found = [After(key["trace_id"], key["start_ns"]) for key in keys]
        rows += _with_figures(client, org, found)
        if len(rows) >= wanted:
            return rows[:wanted]
        if len(found) == wanted:
            last = found[-1]
        elif low <= filters.since_ns:
            return rows
        else:
            last = After("", low)
            width *= _SLICE_GROWTH
            low = max(filters.since_ns, low - width)


def _worst(client: Client, org: str, filters: TraceFilters) -> list[tuple[After, TraceRow]]:
    """Up to limit + 1 traces with their sort keys."""
    wanted = filters.limit + 1
    last = filters.after or After("", 0, severity=3)
    rows: list[tuple[After, TraceRow]] = []
    while True:
        keys = _run(
            client,
            "traces_worst",
            **_matching(org, filters, filters.since_ns),
            before=filters.until_ns,
            after_severity=last.severity,
            after_duration=last.duration_ns,
            after_id=last.trace_id,
            limit=wanted,
        )
        found = [After(**key) for key in keys]
        rows += _with_figures(client, org, found)
        if len(found) < wanted or len(rows) >= wanted:
            return rows[:wanted]
        last = found[-1]


def _with_figures(client: Client, org: str, found: list[After]) -> list[tuple[After, TraceRow]]:
    """Without those that began before where the search began: they belong to an earlier slice or window."""
    figures = _figures(client, org, [key.trace_id for key in found])
    pairs = [(key, figures[key.trace_id]) for key in found if key.trace_id in figures]
    return [(key, row) for key, row in pairs if key.start_ns == row.start_ns]


def _matching(org: str, filters: TraceFilters, since: int) -> dict[str, Any]:
    return {
        "org": org,
        "since": since,
        "service": filters.service,
        "agent": filters.agent,
        "failed": filters.failed,
        "text": filters.text,
        "min_duration": filters.min_duration_ns,
    }


def _figures(client: Client, org: str, trace_ids: list[str]) -> dict[str, TraceRow]:
    rows = _run(client, "traces_figures", org=org, trace_ids=trace_ids) if trace_ids else []
    return {row["trace_id"]: TraceRow(**row) for row in rows}


def _approvals(client: Client, org: str, trace_ids: list[str]) -> dict[str, int]:
    rows = _run(client, "traces_approvals", org=org, trace_ids=trace_ids) if trace_ids else []
    return {row["trace_id"]: row["approvals"] for row in rows}


def _spans(client: Client, where: Mapping[str, Any], *, text: int, limit: int, span_id: str = "") -> list[SpanRow]:
    spans = [_span(row) for row in _run(client, "trace_spans", **where, text=text, limit=limit, span_id=span_id)]
    first: dict[str, SpanRow] = {}
    for span in spans:
        seen = first.setdefault(span.span_id, span)
        if (span.received_ns, span.request_id) < (seen.received_ns, seen.request_id):
            first[span.span_id] = span
    return [span if first[span.span_id] is span else replace(span, duplicate=True) for span in spans]


def _span(row: dict[str, Any]) -> SpanRow:
    events = zip(*(row.pop(f"event_{part}") for part in ("times", "names", "attributes", "kinds")), strict=False)
    links = zip(*(row.pop(f"link_{part}") for part in ("trace_ids", "span_ids", "attributes", "kinds")), strict=False)
    return SpanRow(**row, events=[Event(*event) for event in events], links=[Link(*link) for link in links])


def _run(client: Client, name: str, **parameters: Any) -> list[dict[str, Any]]:
    try:
        result = client.query(statement(name), parameters=parameters)
    except ClickHouseError as error:
        code, kind = getattr(error, "code", None), getattr(error, "name", None) or type(error).__name__
        if code in _LIMIT_CODES:
            raise TooMuch(f"the engine stopped a read at its limit ({kind})") from error
        raise Unavailable(f"the engine could not answer ({kind})") from error
    return list(result.named_results())
