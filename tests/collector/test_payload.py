"""Decoding: what is written otherwise is read the same, what nobody declared is gone, what can't be kept is counted."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from collector.errors import Malformed
from collector.receivers import otlp_json
from collector.receivers.payload import Decoded, batch_tail, decode, stamp
from collector.receivers.shallow import FULL, SHALLOW
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.otlp import ARRAY_JSON_FIELD, BATCH_ID_FIELD, KVLIST_JSON_FIELD
from tests.collector import wire
from tests.collector.strategies import requests

SENDER = Principal("acme", "claims-bot", Method.TOKEN)
RECEIVED_AT, REQUEST_ID = 1_800_000_000_000_000_000, "0123456789abcdef"
MANY = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
MANY_MORE = settings(MANY, max_examples=5_000, derandomize=False)

signals = st.sampled_from(list(Signal))
any_request = signals.flatmap(lambda signal: st.tuples(st.just(signal), requests(signal)))
randoms = st.integers(0, 2**32).map(Random)


def decoded(signal: Signal, body: bytes, encoding: Encoding = Encoding.PROTOBUF) -> Decoded:
    return decode(Export(signal, encoding, body, SENDER), RECEIVED_AT, REQUEST_ID)


def a_span(**members: Any) -> Span:
    return Span(**{"trace_id": bytes(15) + b"\1", "span_id": bytes(7) + b"\1", "name": "a"} | members)


def traces(*spans: Span) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])


def value_of(result: Decoded) -> bytes:
    """The first attribute's value of the first span, serialised, private members and all."""
    request = ExportTraceServiceRequest.FromString(result.payload)
    return request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.SerializeToString()


def with_value(value: AnyValue) -> Decoded:
    return decoded(Signal.TRACES, traces(a_span(attributes=[KeyValue(key="k", value=value)])).SerializeToString())


def array(*values: AnyValue) -> AnyValue:
    return AnyValue(array_value=ArrayValue(values=values))


def kvlist(**values: AnyValue) -> AnyValue:
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return AnyValue(kvlist_value=KeyValueList(values=pairs))


INT, DOUBLE, TEXT = AnyValue(int_value=1), AnyValue(double_value=1.0), AnyValue(string_value="ü\0")


def oddly_written_is_read_the_same(request: tuple[Signal, Message], random: Random) -> None:
    signal, message = request
    assert decoded(signal, wire.encode(message, random)) == decoded(signal, message.SerializeToString())


def unknown_fields_leave_no_trace(request: tuple[Signal, Message], random: Random) -> None:
    signal, message = request
    body = wire.encode(message, random, unknown=True)
    assert decoded(signal, body) == decoded(signal, message.SerializeToString())


@MANY
@given(any_request, randoms)
def test_oddly_written_protobuf_is_read_the_same(request: tuple[Signal, Message], random: Random) -> None:
    oddly_written_is_read_the_same(request, random)


@MANY
@given(any_request, randoms)
def test_unknown_fields_leave_no_trace(request: tuple[Signal, Message], random: Random) -> None:
    unknown_fields_leave_no_trace(request, random)


@pytest.mark.prove
def test_oddly_written_protobuf_is_read_the_same_in_many_ways() -> None:
    MANY_MORE(given(any_request, randoms)(oddly_written_is_read_the_same))()


@pytest.mark.prove
def test_unknown_fields_leave_no_trace_in_many_ways() -> None:
    MANY_MORE(given(any_request, randoms)(unknown_fields_leave_no_trace))()


@MANY
@given(any_request)
def test_the_payload_is_the_request_with_a_stamp_on_each_resource(request: tuple[Signal, Message]) -> None:
    signal, message = request
    payload = decoded(signal, message.SerializeToString()).payload
    again = FULL[signal].FromString(payload)
    tail = stamp(SENDER, RECEIVED_AT, REQUEST_ID)
    resources: Any = next(iter(again.ListFields()), (None, []))[1]
    assert payload.count(tail) == len(resources)
    assert all(resource.SerializeToString().endswith(tail) for resource in resources)
    # Nothing nests deeper than the engine reads.
    again.DiscardUnknownFields()
    shallow: Any = SHALLOW[signal].FromString(payload)
    shallow.DiscardUnknownFields()
    assert shallow.ByteSize() == again.ByteSize()


def test_one_level_of_nesting_stays_protobuf() -> None:
    for value in (INT, TEXT, array(INT, DOUBLE, TEXT, AnyValue()), kvlist(a=INT, b=AnyValue()), array(), kvlist()):
        assert value_of(with_value(value)) == value.SerializeToString()


@pytest.mark.parametrize(
    ("value", "number", "text"),
    [
        (array(array(INT, DOUBLE)), ARRAY_JSON_FIELD, "[[1,1.0]]"),
        (array(kvlist(a=TEXT), AnyValue()), ARRAY_JSON_FIELD, '[{"a":"ü\\u0000"},null]'),
        (kvlist(a=kvlist()), KVLIST_JSON_FIELD, '{"a":{}}'),
        (kvlist(a=array(), b=INT), KVLIST_JSON_FIELD, '{"a":[],"b":1}'),
        (array(array(AnyValue(bytes_value=b"\xff"))), ARRAY_JSON_FIELD, '[["/w=="]]'),
        (
            array(array(AnyValue(bool_value=False), AnyValue(int_value=-(2**63)))),
            ARRAY_JSON_FIELD,
            f"[[false,{-(2**63)}]]",
        ),
        (
            array(array(*(AnyValue(double_value=float(d)) for d in ("nan", "inf", "-inf", "-0", "1e300", "5e-324")))),
            ARRAY_JSON_FIELD,
            '[["NaN","Infinity","-Infinity",-0.0,1e+300,5e-324]]',
        ),
    ],
)
def test_deeper_values_become_json_that_keeps_their_kind(value: AnyValue, number: int, text: str) -> None:
    assert value_of(with_value(value)) == wire.delimited(number, text.encode())
    json.loads(text)


def test_a_key_sent_twice_in_a_deep_map_is_kept_twice() -> None:
    pairs = [KeyValue(key="a", value=array()), KeyValue(key="a", value=INT)]
    value = AnyValue(kvlist_value=KeyValueList(values=pairs))
    assert value_of(with_value(value)) == wire.delimited(KVLIST_JSON_FIELD, b'{"a":[],"a":1}')


def nested(levels: int) -> bytes:
    """A request whose one attribute is 1 within so many arrays; made by hand, since upb makes none this deep."""
    value = INT.SerializeToString()
    for _ in range(levels):
        value = wire.delimited(5, wire.delimited(1, value))
    span = a_span().SerializeToString() + wire.delimited(9, wire.delimited(1, b"k") + wire.delimited(2, value))
    return wire.delimited(1, wire.delimited(2, wire.delimited(2, span)))


def test_values_are_read_to_the_depth_that_protobuf_reads() -> None:
    text = b"[" * 45 + b"1" + b"]" * 45
    assert value_of(decoded(Signal.TRACES, nested(45))) == wire.delimited(ARRAY_JSON_FIELD, text)
    with pytest.raises(Malformed, match="nested less than 100 levels deep"):
        decoded(Signal.TRACES, nested(50))


BAD_IDS = [b"", bytes(16), b"\1" * 15, b"\1" * 17, b"\1" * 8]


@pytest.mark.parametrize("trace_id", BAD_IDS, ids=repr)
def test_a_span_with_an_impossible_trace_id_is_rejected_alone(trace_id: bytes) -> None:
    request = traces(a_span(name="first"), a_span(trace_id=trace_id), a_span(name="last"))
    result = decoded(Signal.TRACES, request.SerializeToString())
    assert (result.items, result.rejected) == (2, 1)
    assert result.message.startswith("1 spans rejected: trace_id must be 16 bytes")
    assert (
        result.payload
        == decoded(Signal.TRACES, traces(a_span(name="first"), a_span(name="last")).SerializeToString()).payload
    )


@pytest.mark.parametrize("span_id", [b"", bytes(8), b"\1" * 7, b"\1" * 9], ids=repr)
def test_a_span_with_an_impossible_span_id_is_rejected_alone(span_id: bytes) -> None:
    result = decoded(Signal.TRACES, traces(a_span(), a_span(span_id=span_id)).SerializeToString())
    assert (result.items, result.rejected) == (1, 1)


def test_a_parent_or_link_id_of_any_size_is_kept() -> None:
    request = traces(a_span(parent_span_id=b"odd", links=[Span.Link(trace_id=b"", span_id=b"\1")]))
    assert decoded(Signal.TRACES, request.SerializeToString()).rejected == 0


@MANY
@given(requests(Signal.TRACES, invalid_ids=True))
def test_rejected_spans_are_counted_exactly(request: Any) -> None:
    spans = [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
    good = [s for s in spans if len(s.trace_id) == 16 and len(s.span_id) == 8 and any(s.trace_id) and any(s.span_id)]
    result = decoded(Signal.TRACES, request.SerializeToString())
    assert (result.items, result.rejected) == (len(good), len(spans) - len(good))
    assert bool(result.message) == bool(result.rejected)


@MANY
@given(requests(Signal.METRICS))
def test_metrics_of_kinds_that_are_not_kept_are_counted_exactly(request: Any) -> None:
    points = [
        metric.WhichOneof("data")
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for _ in (getattr(metric, metric.WhichOneof("data")).data_points if metric.WhichOneof("data") else ())
    ]
    rejected = [kind for kind in points if kind in ("summary", "exponential_histogram")]
    result = decoded(Signal.METRICS, request.SerializeToString())
    assert (result.items, result.rejected) == (len(points) - len(rejected), len(rejected))
    assert all(kind in result.message for kind in rejected)
    assert bool(result.message) == bool(rejected)


def test_the_message_names_both_kinds_that_were_rejected() -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    metrics.add(name="s").summary.data_points.add(count=1)
    metrics.add(name="e").exponential_histogram.data_points.add(count=1)
    metrics.add(name="g").gauge.data_points.add(as_int=1)
    result = decoded(Signal.METRICS, request.SerializeToString())
    assert (result.items, result.rejected) == (1, 2)
    assert result.message == (
        "2 data points rejected: exponential_histogram and summary metrics are not kept; "
        "configure the SDK to export explicit-bucket histograms"
    )


def test_logs_are_never_rejected() -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(trace_id=b"odd", span_id=b"ids")
    assert decoded(Signal.LOGS, request.SerializeToString()).rejected == 0


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x0a\x05ab", id="truncated"),
        pytest.param(b"\xff" * 20, id="endless varint"),
        pytest.param(b"\x0b", id="open group"),
        pytest.param(b"\x0c", id="group that only ends"),
        pytest.param(b"\x00", id="field number 0"),
        pytest.param(b"\x0a\x03\x1a\x01\xff", id="text that is not UTF-8"),
        pytest.param(b"\x0e", id="wire type 6"),
        pytest.param(wire.tag(900, 2) + b"\x7f" + b"too short", id="unknown field that ends too early"),
    ],
)
def test_what_is_no_protobuf_is_malformed(signal: Signal, body: bytes) -> None:
    with pytest.raises(Malformed, match="not a valid protobuf Export"):
        decoded(signal, body)


@pytest.mark.parametrize("signal", Signal)
def test_an_empty_request_is_fine_and_is_nothing(signal: Signal) -> None:
    assert decoded(signal, b"") == decoded(signal, b"{}", Encoding.JSON) == Decoded(b"", 0, 0, "")


def test_a_field_of_another_wire_type_is_an_unknown_field() -> None:
    forged = wire.tag(1, 0) + wire.varint(7)
    body = traces(a_span()).SerializeToString()
    assert decoded(Signal.TRACES, forged + body + forged) == decoded(Signal.TRACES, body)


def test_json_and_protobuf_give_the_same_payload() -> None:
    body = b"""{"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "000102030405060708090a0b0c0d0e0f", "spanId": "0001020304050607", "name": "a", "kind": 3,
        "attributes": [{"key": "deep", "value": {"arrayValue": {"values": [{"arrayValue": {"values": [
            {"intValue": "9007199254740993"}]}}]}}}]}]}], "forged": 1}], "batchId": "forged"}"""
    message = otlp_json.parse(Signal.TRACES, body)
    result = decoded(Signal.TRACES, body, Encoding.JSON)
    assert result == decoded(Signal.TRACES, message.SerializeToString())
    assert b"[[9007199254740993]]" in result.payload
    assert b"forged" not in result.payload


def test_a_batch_ends_with_its_id() -> None:
    assert batch_tail("b-1") == wire.delimited(BATCH_ID_FIELD, b"b-1")
