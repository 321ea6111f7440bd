"""From an export request to the bytes the engine reads: checked, cleaned, stamped.

What leaves here is canonical protobuf of `store.otlp.SCHEMA`: no unknown fields (a truncated or forged one would
otherwise reach the engine), nested values no deeper than the engine reads, and one stamp per resource.
Python runs per request and per resource, per span only to look at two ids.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from google.protobuf.message import DecodeError, Message

from collector.errors import Malformed, TooLarge
from collector.receivers import otlp_json
from collector.receivers.json_scalars import varint
from collector.receivers.shallow import FULL, SHALLOW
from collector.signals import Encoding, Export, Principal, Signal
from collector.store.otlp import (
    ARRAY_JSON_FIELD,
    BATCH_ID_FIELD,
    DIGEST_KEY_FIELD,
    KVLIST_JSON_FIELD,
    REDACTION_KEY_FIELD,
    STAMP_FIELD,
)

_REQUEST = {
    Signal.TRACES: "ExportTraceServiceRequest",
    Signal.LOGS: "ExportLogsServiceRequest",
    Signal.METRICS: "ExportMetricsServiceRequest",
}
_RESOURCES = {
    Signal.TRACES: "resource_spans",
    Signal.LOGS: "resource_logs",
    Signal.METRICS: "resource_metrics",
}
_SCOPES = {Signal.TRACES: "scope_spans", Signal.LOGS: "scope_logs", Signal.METRICS: "scope_metrics"}

_ITEMS = {Signal.TRACES: "spans", Signal.LOGS: "log_records", Signal.METRICS: "metrics"}

MAX_RESOURCES = 50_000
"""Resources, and scopes, in one request."""
MAX_ITEMS = 200_000
"""Spans, log records or metrics in one request."""

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_NO_TRACE, _NO_SPAN = bytes(_TRACE_ID_BYTES), bytes(_SPAN_ID_BYTES)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A request ready to spool. `items` will become rows; `rejected` never will, and `message` says why."""

    payload: bytes
    items: int
    rejected: int
    message: str


def field(number: int, content: bytes) -> bytes:
    """One length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def stamp(principal: Principal, received_at: int, request_id: str) -> bytes:
    """The private field that says who sent a resource's items; `received_at` in ns since the epoch.

    Every member is written, empty ones too, so that nothing of an earlier one could shine through.
    """
    return field(
        STAMP_FIELD,
        field(1, principal.org.encode())
        + field(2, principal.identity.encode())
        + field(3, principal.method.value.encode())
        + varint(4 << 3 | 1)
        + received_at.to_bytes(8, "little")
        + field(5, request_id.encode()),
    )


def batch_tail(batch_id: str) -> bytes:
    """What ends a batch of concatenated requests: its id, once."""
    return field(BATCH_ID_FIELD, batch_id.encode())


def keys_tail(token: str, arguments: str) -> bytes:
    """What brings a batch's keys to the engine, which must not keep them."""
    return field(REDACTION_KEY_FIELD, token.encode()) + field(DIGEST_KEY_FIELD, arguments.encode())


def decode(export: Export, received_at: int, request_id: str) -> Decoded:
    """Check, clean and stamp one request. Raises `Malformed` for what can never be accepted."""
    message, parts = _parse(export)
    items, rejected, reason = _COUNT[export.signal](message)
    if rejected:
        parts = _serialise(export.signal, message)
    tail = stamp(export.principal, received_at, request_id)
    return Decoded(b"".join([field(1, part + tail) for part in parts]), items, rejected, reason)


def _parse(export: Export) -> tuple[Any, list[bytes]]:
    """The request without unknown fields, and its resources, serialised, nested no deeper than the engine reads."""
    signal, body = export.signal, export.body
    if export.encoding is Encoding.JSON:
        body = otlp_json.to_protobuf(signal, body)
    shallow = _read(SHALLOW[signal], body, signal)
    parts = _serialise(signal, shallow)
    if sum(_framed(part) for part in parts) == len(body):
        return shallow, parts
    # Something was dropped, or the sender writes protobuf another way: the full types tell which.
    full = _read(FULL[signal], body, signal)
    if full.ByteSize() == sum(_framed(part) for part in parts):
        return shallow, parts
    for value in _VALUES[signal](full):
        _flatten(value)
    return full, _serialise(signal, full)


def _read(kind: type[Message], body: bytes, signal: Signal) -> Any:
    try:
        message = kind.FromString(body)
    except DecodeError:
        raise Malformed(
            f"the body is not a valid protobuf {_REQUEST[signal]}: check the exporter's protocol, that strings "
            "are UTF-8 and that values are nested less than 100 levels deep"
        ) from None
    if len(body) > 2 * MAX_RESOURCES:  # no element is smaller than two bytes
        _check_size(signal, message)
    message.DiscardUnknownFields()
    return message


def _check_size(signal: Signal, message: Any) -> None:
    """Refuse what is small on the wire and large everywhere else: empty messages by the million."""
    resources = getattr(message, _RESOURCES[signal])
    if len(resources) > MAX_RESOURCES:
        raise TooLarge(f"{_RESOURCES[signal]} has more than {MAX_RESOURCES} elements; send smaller batches")
    scopes = [scope for resource in resources for scope in getattr(resource, _SCOPES[signal])]
    if len(scopes) > MAX_RESOURCES:
        raise TooLarge(f"{_SCOPES[signal]} has more than {MAX_RESOURCES} elements; send smaller batches")
    if sum(len(getattr(scope, _ITEMS[signal])) for scope in scopes) > MAX_ITEMS:
        raise TooLarge(f"{_ITEMS[signal]} has more than {MAX_ITEMS} elements; send smaller batches")


def _serialise(signal: Signal, message: Any) -> list[bytes]:
    return [resource.SerializeToString() for resource in getattr(message, _RESOURCES[signal])]


def _framed(part: bytes) -> int:
    """Bytes of a resource in its request: tag, length and content."""
    return 1 + (len(part).bit_length() + 6) // 7 + len(part) if part else 2


# Counting, and rejecting what has no meaning


def _count_spans(message: Any) -> tuple[int, int, str]:
    items = rejected = 0
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            spans = scope.spans
            bad = [
                index
                for index, span in enumerate(spans)
                if len(trace_id := span.trace_id) != _TRACE_ID_BYTES
                or len(span_id := span.span_id) != _SPAN_ID_BYTES
                or trace_id == _NO_TRACE
                or span_id == _NO_SPAN
            ]
            for index in reversed(bad):
                del spans[index]
            items += len(spans)
            rejected += len(bad)
    reason = (
        f"{rejected} spans rejected: trace_id must be 16 bytes and span_id 8 bytes, not all zero; "
        "send the ids the SDK generated"
        if rejected
        else ""
    )
    return items, rejected, reason


def _count_logs(message: Any) -> tuple[int, int, str]:
    return sum(len(s.log_records) for r in message.resource_logs for s in r.scope_logs), 0, ""


_KEPT_METRICS = ("gauge", "sum", "histogram")


def _count_points(message: Any) -> tuple[int, int, str]:
    items = rejected = 0
    kinds: set[str] = set()
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            for index in range(len(scope.metrics) - 1, -1, -1):
                metric = scope.metrics[index]
                kind = metric.WhichOneof("data")
                points = len(getattr(metric, kind).data_points) if kind else 0
                if kind is None or kind in _KEPT_METRICS:
                    items += points
                else:
                    rejected += points
                    kinds.add(kind)
                    del scope.metrics[index]
    reason = (
        f"{rejected} data points rejected: {' and '.join(sorted(kinds))} metrics are not kept; "
        "configure the SDK to export explicit-bucket histograms"
        if rejected
        else ""
    )
    return items, rejected, reason


_COUNT = {Signal.TRACES: _count_spans, Signal.LOGS: _count_logs, Signal.METRICS: _count_points}


# Values nested deeper than the engine reads


def _common_values(resource: Any, scopes: str) -> Iterator[Any]:
    for pair in resource.resource.attributes:
        yield pair.value
    for scope in getattr(resource, scopes):
        for pair in scope.scope.attributes:
            yield pair.value


def _pairs(attributes: Iterable[Any]) -> Iterator[Any]:
    return (pair.value for pair in attributes)


def _span_values(message: Any) -> Iterator[Any]:
    for resource in message.resource_spans:
        yield from _common_values(resource, "scope_spans")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield from _pairs(span.attributes)
                for event in span.events:
                    yield from _pairs(event.attributes)
                for link in span.links:
                    yield from _pairs(link.attributes)


def _log_values(message: Any) -> Iterator[Any]:
    for resource in message.resource_logs:
        yield from _common_values(resource, "scope_logs")
        for scope in resource.scope_logs:
            for record in scope.log_records:
                if record.HasField("body"):
                    yield record.body
                yield from _pairs(record.attributes)


def _point_values(message: Any) -> Iterator[Any]:
    for resource in message.resource_metrics:
        yield from _common_values(resource, "scope_metrics")
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield from _pairs(metric.metadata)
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind in _KEPT_METRICS else ():
                    yield from _pairs(point.attributes)
                    for exemplar in point.exemplars:
                        yield from _pairs(exemplar.filtered_attributes)


_VALUES = {Signal.TRACES: _span_values, Signal.LOGS: _log_values, Signal.METRICS: _point_values}
_NESTED_KINDS = ("array_value", "kvlist_value")


def _flatten(value: Any) -> None:
    """Replace a value nested deeper than one level by its JSON text, in a private member that keeps its kind."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        members = value.array_value.values
        if any(member.WhichOneof("value") in _NESTED_KINDS for member in members):
            _replace(value, ARRAY_JSON_FIELD)
    elif kind == "kvlist_value":
        pairs = value.kvlist_value.values
        if any(pair.value.WhichOneof("value") in _NESTED_KINDS for pair in pairs):
            _replace(value, KVLIST_JSON_FIELD)


def _replace(value: Any, number: int) -> None:
    text = _json(value)
    value.Clear()
    value.MergeFromString(field(number, text))


def _json(value: Any) -> bytes:
    """JSON text of an AnyValue: whole doubles keep their ".0", bytes are base64, unset is null.

    Doubled keys of a kvlist are kept as they came, which orjson's dicts could not.
    """
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return orjson.dumps(value.string_value)
    if kind == "kvlist_value":
        pairs = value.kvlist_value.values
        return b"{" + b",".join([orjson.dumps(p.key) + b":" + _json(p.value) for p in pairs]) + b"}"
    if kind == "array_value":
        return b"[" + b",".join([_json(member) for member in value.array_value.values]) + b"]"
    if kind == "int_value":
        return b"%d" % value.int_value
    if kind == "bool_value":
        return b"true" if value.bool_value else b"false"
    if kind == "double_value":
        return _json_double(value.double_value)
    if kind == "bytes_value":
        return b'"' + base64.b64encode(value.bytes_value) + b'"'
    return b"null"


def _json_double(number: float) -> bytes:
    if math.isnan(number):
        return b'"NaN"'
    if math.isinf(number):
        return b'"Infinity"' if number > 0 else b'"-Infinity"'
    return orjson.dumps(number)
