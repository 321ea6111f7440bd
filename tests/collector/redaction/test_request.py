"""A spooled request is redacted as the views would have redacted it, and loses nothing else."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.receivers.payload import decode
from collector.redaction.policy import Policy, parse, shipped
from collector.redaction.redactor import Redactor
from collector.redaction.request import RequestRedaction
from collector.redaction.spooled import spooled_types
from collector.redaction.value_text import text_of
from collector.segment import Corrupt
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.collector.store.batches import Batch
from tests.collector.strategies import any_values, requests

ARGUMENTS = ("gen_ai.tool.call.arguments", "tool_call.function.arguments")
NOW = 1_800_000_000_000_000_000


def spooled(message: Any, signal: Signal = Signal.TRACES) -> bytes:
    sender = Principal("acme", "agent-7", Method.TOKEN)
    return decode(Export(signal, Encoding.PROTOBUF, message.SerializeToString(), sender), NOW, "request-1").payload


def redaction(policy: Policy | None = None) -> RequestRedaction:
    return RequestRedaction(Redactor(policy or shipped(), "key"), lambda text: f"digest of {len(text)}", ARGUMENTS)


def span_of(request: Any) -> Any:
    return request.resource_spans[0].scope_spans[0].spans[0]


def traces() -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    scope.spans.add(trace_id=bytes(15) + b"1", span_id=bytes(7) + b"1", name="mail a@example.com")
    return message


def test_every_text_of_a_trace_is_redacted() -> None:
    message = traces()
    resource = message.resource_spans[0]
    span = span_of(message)
    span.status.message = "to a@example.com"
    event, link = span.events.add(name="e"), span.links.add(trace_id=bytes(16), span_id=bytes(8))
    scope = resource.scope_spans[0].scope
    for attributes in (
        resource.resource.attributes,
        scope.attributes,
        span.attributes,
        event.attributes,
        link.attributes,
    ):
        attributes.add(key="text").value.string_value = "a@example.com"
        attributes.add(key="list").value.array_value.values.add().string_value = "a@example.com"
        attributes.add(key="map").value.kvlist_value.values.add(key="k").value.string_value = "a@example.com"
        deep = attributes.add(key="deep").value.array_value.values.add().array_value.values.add()
        deep.string_value = "a@example.com"
        attributes.add(key="card").value.int_value = 4111111111111111
    payload = redaction()(Signal.TRACES, spooled(message))
    assert b"a@example.com" not in payload
    read: Any = spooled_types()[Signal.TRACES].FromString(payload)
    found = {pair.key: pair.value for pair in span_of(read).attributes}
    token = Redactor(shipped(), "key").redact("acme", "", "a@example.com").text
    assert span_of(read).name == f"mail {token}"
    assert found["text"].string_value == token
    assert found["list"].array_json == f'["{token}"]'
    assert found["map"].kvlist_json == f'{{"k":"{token}"}}'
    assert found["deep"].array_json == f'[["{token}"]]'
    assert found["card"].string_value == "[redacted:payment-card]"


def test_every_text_of_logs_and_metrics_is_redacted() -> None:
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "from a@example.com"
    record.attributes.add(key="x").value.string_value = "a@example.com"
    metrics = ExportMetricsServiceRequest()
    resource = metrics.resource_metrics.add()
    resource.resource.attributes.add(key="x").value.string_value = "a@example.com"
    point = resource.scope_metrics.add().metrics.add(name="m").sum.data_points.add(as_int=1)
    point.attributes.add(key="x").value.string_value = "a@example.com"
    point.exemplars.add().filtered_attributes.add(key="x").value.string_value = "a@example.com"
    for signal, message in ((Signal.LOGS, logs), (Signal.METRICS, metrics)):
        assert b"a@example.com" not in redaction()(signal, spooled(message, signal))


def test_an_organisations_rules_are_asked_by_the_stamp() -> None:
    message = traces()
    for org, expected in (("acme", "step [redacted:one]"), ("other", "step one")):
        policy = parse(f"[[rule]]\nname='one'\npattern='one'\naction='mask'\norgs=['{org}']".encode(), "p.toml")
        span_of(message).name = "step one"
        read: Any = spooled_types()[Signal.TRACES].FromString(redaction(policy)(Signal.TRACES, spooled(message)))
        assert span_of(read).name == expected


def test_the_digest_of_arguments_is_taken_before_and_once() -> None:
    message = traces()
    span_of(message).attributes.add(key=ARGUMENTS[1]).value.string_value = "{}"
    span_of(message).attributes.add(key=ARGUMENTS[0]).value.string_value = '{"to":"a@example.com"}'
    once = redaction()(Signal.TRACES, spooled(message))
    read: Any = spooled_types()[Signal.TRACES].FromString(once)
    assert span_of(read).arguments_digest == "digest of 22"
    assert redaction()(Signal.TRACES, once) == once


@settings(max_examples=30, deadline=None)
@given(message=requests(Signal.TRACES))
def test_what_no_rule_touches_comes_back_to_the_byte(message: Any) -> None:
    nothing = redaction(parse(b'extend = "none"', "none.toml"))
    payload = spooled(message)
    assert nothing(Signal.TRACES, payload) == payload


def test_what_cannot_be_read_is_not_kept() -> None:
    with pytest.raises(Corrupt, match="can't be read"):
        redaction()(Signal.TRACES, b"\xff\xff")


DOUBLES = [
    0.0,
    -0.0,
    1.0,
    0.1,
    1e20,
    1e21,
    123456789012345680000.0,
    1e-6,
    1e-7,
    1.5e300,
    5e-324,
    1 / 3,
    1e15,
    1e16,
    123456.789,
    1.7976931348623157e308,
    float("nan"),
    float("inf"),
    float("-inf"),
]


@pytest.mark.parametrize("bits", range(200))
def test_a_double_is_written_as_the_engine_writes_it(store: Store, bits: int) -> None:
    number = DOUBLES[bits] if bits < len(DOUBLES) else struct.unpack("d", struct.pack("Q", bits * 92233720368547758))[0]
    value = span_of(traces()).attributes.add().value
    value.double_value = number
    (row,) = store.client().query("SELECT toString({x:Float64})", parameters={"x": number}).result_rows
    assert text_of(value) == row[0]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(any_values, min_size=1, max_size=40))
def test_a_value_is_written_as_the_engine_writes_it(store: Store, writer: Writer, values: list[Any]) -> None:
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    for number, value in enumerate(values):
        scope.log_records.add(body=value, observed_time_unix_nano=number)
    batch = Batch(writer, Signal.LOGS, message)
    batch.insert()
    rows = store.client().query(
        "SELECT Body FROM otel_logs WHERE BatchId = {batch:String} ORDER BY ObservedTime",
        parameters={"batch": batch.name},
    )
    read: Any = spooled_types()[Signal.LOGS].FromString(spooled(message, Signal.LOGS))
    expected = [text_of(record.body) for record in read.resource_logs[0].scope_logs[0].log_records]
    assert [row[0] for row in rows.result_rows] == expected
