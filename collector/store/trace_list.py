"""Traces by their figures, a page at a time.

Sealed traces come from their summaries. A trace of which rows came since, or that was never sealed, waits: it comes
from its spans, without what only sealing tells. Both are read in the same order, and put together. Only a trace that
began before all that waits landed is shown as it was last sealed: seconds later it is sealed anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.store.reads import run
from collector.store.rows import TraceRow
from collector.store.trace_filters import After, Order, TraceFilters

_SECOND = 1_000_000_000
MINUTE = 60 * _SECOND
_FIRST_SLICE = 10 * MINUTE
_SLICE_GROWTH = 6
_FOREVER = 2**63 - 1
_SPANS_AT_ONCE = 3_000_000
"""Spans that one read may look at for a condition that no summary can tell, if they came evenly."""
_SPARE = 10
"""Sealed rows read beyond those wanted: superseded ones fall out."""


@dataclass(frozen=True, slots=True)
class TracePage:
    """`after` is None on the last page."""

    traces: Sequence[TraceRow]
    after: After | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Traces that wait to be sealed. What landed for them since `landed_ms` doesn't start before `start_ns`; what
    landed before was sealed.
    """

    traces: int
    start_ns: int
    landed_ms: int

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements call it."""
        return {"landed": self.landed_ms, "came": self.start_ns}


def list_traces(client: Client, org: str, filters: TraceFilters) -> TracePage:
    """A page of traces that match. Raises `ReadError`."""
    wanted = filters.limit + 1
    waiting = waiting_traces(client, org, filters.until_ns)
    rows = _sealed(client, org, filters, waiting, wanted)
    if waiting.traces and not filters.by_cost:
        rows += _waiting(client, org, filters, waiting, wanted)
    rows.sort(key=lambda row: After.of(row).key(filters.order), reverse=True)
    page = with_approvals(client, org, rows[: filters.limit])
    return TracePage(page, After.of(page[-1]) if len(rows) > filters.limit else None)


def figures(client: Client, org: str, trace_ids: Sequence[str]) -> dict[str, TraceRow]:
    """Traces by their ids, wherever in time; without those of which nothing is stored."""
    if not (bounds := bounds_of(client, trace_ids)):
        return {}
    waiting = waiting_traces(client, org)
    conditions = ["settled"] if waiting.traces else []
    asked = {"trace_ids": list(trace_ids), **waiting.parameters, **bounds}
    rows = run(client, "sealed_traces", conditions, org=org, **asked)
    found = {row["trace_id"]: _row(row) for row in rows}
    return found | from_spans(client, org, [trace_id for trace_id in trace_ids if trace_id not in found])


def sealed_trace(client: Client, org: str, trace_id: str, bounds: Mapping[str, Any]) -> TraceRow | None:
    """A trace, whose bounds these are, as it was sealed last, whether or not something came since."""
    rows = run(client, "sealed_traces", **{**bounds, "org": org, "trace_ids": [trace_id]})
    return _row(rows[0]) if rows else None


def from_spans(client: Client, org: str, trace_ids: Sequence[str]) -> dict[str, TraceRow]:
    """Traces summed up from all their spans, without what only sealing tells."""
    ids = list(trace_ids)
    rows = run(client, "traces_figures", org=org, trace_ids=ids, **bounds) if (bounds := bounds_of(client, ids)) else []
    return {row["trace_id"]: TraceRow(**row) for row in rows}


def bounds_of(client: Client, trace_ids: Sequence[str]) -> dict[str, Any]:
    """Parameters `since` and `until` (ns) between which all spans of these traces start, `spans` and `bytes` that came
    in for them (0 where that isn't known); empty if there are none.
    """
    found = run(client, "trace_bounds", trace_ids=list(trace_ids)) if trace_ids else []
    return found[0] if found else {}


def with_approvals(client: Client, org: str, traces: Sequence[TraceRow]) -> list[TraceRow]:
    """The same traces, with how many approvals agents reported in them."""
    if not traces:
        return []
    ids, since = [row.trace_id for row in traces], min(row.start_ns for row in traces)
    rows = run(client, "traces_approvals", org=org, trace_ids=ids, since=since - 60 * MINUTE)
    counts = {row["trace_id"]: row["approvals"] for row in rows}
    return [replace(row, approvals=counts.get(row.trace_id, 0)) for row in traces]


def waiting_traces(client: Client, org: str, until_ns: int = _FOREVER) -> Waiting:
    """What of the organisation's traces isn't sealed as it now is. None is counted if all of them start later than
    that.
    """
    (came,) = run(client, "came", org=org)
    found = Waiting(came["traces"], came["start_ns"], came["landed_ms"])
    return replace(found, traces=0) if found.start_ns >= until_ns else found


def _sealed(client: Client, org: str, filters: TraceFilters, waiting: Waiting, wanted: int) -> list[TraceRow]:
    conditions = [*filters.of_spans, *filters.of_figures, *(["settled_or_before"] if waiting.traces else [])]
    slices, reach = _sealed_slices(client, org, filters)
    rows: list[TraceRow] = []
    for since, until in slices:
        last = filters.after
        while len(rows) < wanted:
            found = run(
                client,
                f"sealed_{filters.order}",
                conditions,
                org=org,
                reach=reach,
                **waiting.parameters,
                **filters.parameters(),
                **_after(filters.order, last, since, until),
                limit=wanted + _SPARE,
            )
            rows += _counting(client, org, found)
            if len(found) < wanted + _SPARE:
                break
            last = After.of(_row(found[-1]))
        if len(rows) >= wanted:
            break
    return rows


def _sealed_slices(client: Client, org: str, filters: TraceFilters) -> tuple[list[tuple[int, int]], int]:
    """Newest first and asking the spans themselves, it pays to stop when the page is full. With them, how long (ns)
    after a slice spans of its traces may start.
    """
    since, until = filters.since_ns, filters.until_ns
    if not filters.by_spans:
        return [(since, until)], 0
    slices: list[tuple[int, int]] = []
    (volume,) = run(client, "window_volume", org=org, since=since // _SECOND, until=until // _SECOND + 1)
    if filters.order is Order.NEWEST:
        if filters.after:
            until = min(until, filters.after.start_ns + 1)
        width = max((until - since) // (volume["spans"] // _SPANS_AT_ONCE + 1), MINUTE)
        while until - width > since:
            slices.append((until - width, until))
            until -= width
    return [*slices, (since, until)], min(volume["longest"], _FOREVER - filters.until_ns)


def _after(order: Order, last: After | None, since: int, until: int) -> dict[str, Any]:
    if order is Order.WORST:
        last = last or After("", 0, severity=3)
        return {
            "since": since,
            "until": until,
            "after_severity": last.severity,
            "after_duration": last.duration_ns,
            "after_id": last.trace_id,
        }
    if order is Order.NEWEST:
        last = last or After("", until)
        until = min(until, last.start_ns + 1)
        return {"since": since, "until": until, "before": last.start_ns, "before_id": last.trace_id}
    before = last.start_ns if last else 0
    cost = 10**13 if last is None else -1 if last.cost is None else last.cost
    key = {"after_cost": str(cost), "before": before, "before_id": last.trace_id if last else ""}
    return {"since": since, "until": until, **key}


def _counting(client: Client, org: str, found: Sequence[dict[str, Any]]) -> list[TraceRow]:
    """Without the seals that a later one took the place of."""
    if not found:
        return []
    starts = [row["start_ns"] for row in found]
    ids = [row["trace_id"] for row in found]
    gone = run(client, "sealed_superseded", org=org, since=min(starts), until=max(starts), trace_ids=ids)
    superseded = {(row["trace_id"], row["seal"]) for row in gone}
    return [_row(row) for row in found if (row["trace_id"], row["seal"]) not in superseded]


def _row(found: dict[str, Any]) -> TraceRow:
    return TraceRow(**{name: value for name, value in found.items() if name != "seal"}, sealed=True)


def _waiting(client: Client, org: str, filters: TraceFilters, waiting: Waiting, wanted: int) -> list[TraceRow]:
    filters = replace(filters, since_ns=max(filters.since_ns, min(waiting.start_ns, filters.until_ns)))
    after = filters.after
    if filters.order is Order.DEAREST and after and after.cost is not None:
        after = None  # They have no known cost, and come after those that do.
    find = _waiting_worst if filters.order is Order.WORST else _waiting_newest
    return find(client, org, filters, after, waiting, wanted)


def _waiting_newest(
    client: Client, org: str, filters: TraceFilters, after: After | None, waiting: Waiting, wanted: int
) -> list[TraceRow]:
    """Reads the window in slices from its end, and stops when there are enough."""
    last = after or After("", filters.until_ns)
    width = _FIRST_SLICE
    low = max(filters.since_ns, last.start_ns - width)
    rows: list[TraceRow] = []
    while True:
        # With filters, the span that matches may lie after the slice in which its trace starts.
        horizon = _FOREVER if filters.narrows else last.start_ns + 1
        position = {"horizon": horizon, "before": last.start_ns, "before_id": last.trace_id}
        keys = run(
            client,
            "waiting_newest",
            filters.of_spans,
            org=org,
            **waiting.parameters,
            **filters.parameters(),
            **_lengths(filters),
            **position,
            since=low,
            limit=wanted,
        )
        found = [After(key["trace_id"], key["start_ns"]) for key in keys]
        rows += _with_figures(client, org, filters, found)
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


def _waiting_worst(
    client: Client, org: str, filters: TraceFilters, after: After | None, waiting: Waiting, wanted: int
) -> list[TraceRow]:
    last = after
    rows: list[TraceRow] = []
    while True:
        keys = run(
            client,
            "waiting_worst",
            filters.of_spans,
            org=org,
            **waiting.parameters,
            **filters.parameters(),
            **_lengths(filters),
            **_after(Order.WORST, last, filters.since_ns, filters.until_ns),
            before=filters.until_ns,
            limit=wanted,
        )
        found = [After(**key) for key in keys]
        rows += _with_figures(client, org, filters, found)
        if len(found) < wanted or len(rows) >= wanted:
            return rows[:wanted]
        last = found[-1]


def _lengths(filters: TraceFilters) -> dict[str, int]:
    longest = _FOREVER if filters.max_duration_ns is None else filters.max_duration_ns
    return {"shortest": filters.min_duration_ns, "longest": longest}


def _with_figures(client: Client, org: str, filters: TraceFilters, found: Sequence[After]) -> list[TraceRow]:
    """Without those that began before where the search began (they belong to an earlier slice or window), and those
    whose own requester or environment is another than that of the span that was found.
    """
    rows = from_spans(client, org, [key.trace_id for key in found])
    pairs = [(key, rows[key.trace_id]) for key in found if key.trace_id in rows]
    return [row for key, row in pairs if key.start_ns == row.start_ns and _its_own(row, filters)]


def _its_own(row: TraceRow, filters: TraceFilters) -> bool:
    return filters.requester in ("", row.requester) and filters.environment in ("", row.environment)
