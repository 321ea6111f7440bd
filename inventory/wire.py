"""From the store's rows to the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from collector.store import otlp, rows
from inventory import contract

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Mapping[int, contract.Kind] = {number: name for name, number in otlp.KIND.items()}  # type: ignore[misc]
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
    fields = asdict(row)
    for name in ("org", "identity", "identity_method", "received_ns", "request_id", "batch_id", "raw_times"):
        del fields[name]
    for name in ("attribute_kinds", "resource_attribute_kinds"):
        fields[name] = kinds(fields[name])
    start = fields.pop("start_ns")
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


def ingest(row: rows.IngestHealth, window: contract.Window) -> contract.Ingest:
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


def cursor(order: rows.Order, after: rows.After) -> str:
    if order is rows.Order.NEWEST:
        return f"newest.{after.start_ns}.{after.trace_id}"
    return f"worst.{after.severity}.{after.duration_ns}.{after.trace_id}"


def parse_cursor(text: str, order: rows.Order) -> rows.After:
    """Raises ValueError for anything but a cursor of this order."""
    kind, *numbers, trace_id = text.split(".")
    if kind != order:
        raise ValueError(f"it is a cursor of order {kind[:20]!r}, not {order.value!r}")
    values = [int(number) for number in numbers]
    if any(abs(value) >= 2**63 for value in values):
        raise ValueError("a number in it is out of range")
    if order is rows.Order.NEWEST:
        (start_ns,) = values
        return rows.After(trace_id, start_ns)
    severity, duration_ns = values
    return rows.After(trace_id, 0, severity, duration_ns)
