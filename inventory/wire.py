"""From the store's rows to the wire."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from collector.store import otlp, rows, trace_filters
from collector.store.ingest_health import IngestHealth
from inventory import contract

_COST_DIGITS = 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Mapping[int, contract.Kind] = {number: name for name, number in otlp.KIND.items()}  # type: ignore[misc]
_SPAN_FIELDS = tuple(one.name for one in dataclass_fields(rows.SpanRow))
_FACT_FIELDS = tuple(one.name for one in dataclass_fields(rows.SpanFacts))
_HEALTH: tuple[contract.Health, ...] = ("ok", "errors", "failed")


def moment(ns: int) -> datetime:
    """UTC, to the microsecond, without passing through a float."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def nanoseconds(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000


def kinds(numbers: Mapping[str, int]) -> dict[str, contract.Kind]:
    return {key: _KINDS.get(number, "string") for key, number in numbers.items()}


def trace(row: rows.TraceRow) -> contract.Trace:
    fields = asdict(row)
    start, received = fields.pop("start_ns"), fields.pop("last_received_ns")
    return contract.Trace(
        **fields,
        start=moment(start),
        start_ns=str(start),
        health=_HEALTH[row.severity],
        last_received=moment(received),
    )


def span(row: rows.SpanRow) -> contract.Span:
    # Not `asdict`, which copies every map of every span.
    fields = {name: getattr(row, name) for name in _SPAN_FIELDS}
    for name in ("org", "identity", "identity_method", "received_ns", "request_id", "batch_id", "raw_times"):
        del fields[name]
    for name in ("attribute_kinds", "resource_attribute_kinds"):
        fields[name] = kinds(fields[name])
    start = fields.pop("start_ns")
    fields["facts"] = _facts(row.facts)
    fields["events"] = [event(item) for item in row.events]
    fields["links"] = [link(item) for item in row.links]
    return contract.Span(
        **fields,
        start=moment(start),
        start_ns=str(start),
        sent_times=[str(time) for time in row.raw_times],
        stamp=contract.Stamp(
            org=row.org,
            identity=row.identity,
            method=row.identity_method,
            received=moment(row.received_ns),
            request_id=row.request_id,
            batch_id=row.batch_id,
        ),
    )


def _facts(row: rows.SpanFacts | None) -> contract.SpanFacts | None:
    return None if row is None else contract.SpanFacts(**{name: getattr(row, name) for name in _FACT_FIELDS})


def event(row: rows.Event) -> contract.Event:
    return contract.Event(
        time=moment(row.time_ns),
        time_ns=str(row.time_ns),
        name=row.name,
        attributes=dict(row.attributes),
        attribute_kinds=kinds(row.attribute_kinds),
    )


def link(row: rows.Link) -> contract.Link:
    return contract.Link(
        trace_id=row.trace_id,
        span_id=row.span_id,
        attributes=dict(row.attributes),
        attribute_kinds=kinds(row.attribute_kinds),
    )


def approval(row: rows.ApprovalRow) -> contract.Approval:
    fields = asdict(row)
    return contract.Approval(time=moment(fields.pop("time_ns")), **fields)


def log(row: rows.LogRow) -> contract.Log:
    fields = asdict(row)
    time, numbers = fields.pop("time_ns"), fields.pop("attribute_kinds")
    return contract.Log(time=moment(time), time_ns=str(time), attribute_kinds=kinds(numbers), **fields)


def detail(row: rows.TraceDetail, as_of: datetime) -> contract.TraceDetail:
    return contract.TraceDetail(
        as_of=as_of,
        trace=trace(row.figures),
        stored_spans=row.stored_spans,
        spans=[span(item) for item in row.spans],
        logs_total=row.logs_total,
        logs=[log(item) for item in row.logs],
        approvals=[approval(item) for item in row.approvals],
    )


def ingest(row: IngestHealth, window: contract.Window) -> contract.Ingest:
    """Minutes in which nothing came are there, as 0."""
    counts = dict(row.minutes)
    first = int(window.since.timestamp()) // 60 * 60
    minutes = [
        contract.Minute(start=datetime.fromtimestamp(second, UTC), spans=counts.get(second, 0))
        for second in range(first, int(window.until.timestamp()) + 1, 60)
    ]
    return contract.Ingest(
        as_of=window.until,
        window=window,
        newest=None if row.newest_ns is None else moment(row.newest_ns),
        spans_total=row.spans,
        minutes=minutes,
    )


def cursor(order: trace_filters.Order, after: trace_filters.After) -> str:
    if order is trace_filters.Order.DEAREST:
        cost = "-" if after.cost is None else str(int(after.cost.scaleb(_COST_DIGITS)))
        return f"dearest.{cost}.{after.start_ns}.{after.trace_id}"
    if order is trace_filters.Order.NEWEST:
        return f"newest.{after.start_ns}.{after.trace_id}"
    return f"worst.{after.severity}.{after.duration_ns}.{after.trace_id}"


def parse_cursor(text: str, order: trace_filters.Order) -> trace_filters.After:
    """Raises ValueError for anything but a cursor of this order."""
    kind, *numbers, trace_id = text.split(".")
    if kind != order:
        raise ValueError(f"it is a cursor of order {kind[:20]!r}, not {order.value!r}")
    cost = None
    if order is trace_filters.Order.DEAREST:
        given, *numbers = numbers
        if given != "-" and not 0 <= int(given) < 10**38:
            raise ValueError("its cost is out of range")
        cost = None if given == "-" else Decimal(int(given)).scaleb(-_COST_DIGITS)
    values = [int(number) for number in numbers]
    if any(abs(value) >= 2**63 for value in values):
        raise ValueError("a number in it is out of range")
    if order is not trace_filters.Order.WORST:
        (start_ns,) = values
        return trace_filters.After(trace_id, start_ns, cost=cost)
    severity, duration_ns = values
    return trace_filters.After(trace_id, 0, severity, duration_ns)


def search_cursor(after: tuple[int, str]) -> str:
    return f"search.{after[0]}.{after[1]}"


def parse_search_cursor(text: str) -> tuple[int, str]:
    """Raises ValueError for anything but a cursor of a search."""
    kind, time_ns, trace_id = text.split(".")
    return _checked(kind, "search", time_ns), trace_id


def decision_cursor(after: tuple[int, str, str, str]) -> str:
    return "approvals." + base64.urlsafe_b64encode(json.dumps(after).encode()).decode()


def parse_decision_cursor(text: str) -> tuple[int, str, str, str]:
    """Raises ValueError for anything but a cursor of a list of decisions."""
    kind, _, packed = text.partition(".")
    time_ns, *rest = json.loads(base64.urlsafe_b64decode(packed))
    trace_id, span_id, approval_id = (str(part) for part in rest)
    return _checked(kind, "approvals", str(time_ns)), trace_id, span_id, approval_id


def _checked(kind: str, expected: str, time_ns: str) -> int:
    if kind != expected:
        raise ValueError(f"it is a cursor of {kind[:20]!r}")
    if not 0 <= int(time_ns) < 2**63:
        raise ValueError("its time is out of range")
    return int(time_ns)
