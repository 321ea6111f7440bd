"""Telemetry made by hand, and put into a store the way the collector does it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collector.receivers import payload
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.writer import Writer

MS = 1_000_000
SECOND = 1_000 * MS
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
Value = str | bool | int | float | Sequence[str]

_numbers = itertools.count(1)


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


@dataclass(frozen=True)
class Sent:
    """A span as a sender would describe it; times in ns, `start` since the epoch."""

    trace: int
    span: int
    parent: int = 0
    name: str = "step"
    start: int = 0
    duration: int = 10 * MS
    error: str | None = None
    service: str = "svc"
    attributes: Mapping[str, Value] = field(default_factory=dict)
    events: Sequence[tuple[int, str, Mapping[str, Value]]] = ()


def agent(name: str) -> dict[str, Value]:
    return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}


def chat(model: str, tokens: tuple[int, int] | None = None) -> dict[str, Value]:
    used: dict[str, Value] = {}
    if tokens:
        used = {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    return {"gen_ai.operation.name": "chat", "gen_ai.request.model": model, **used}


def tool(name: str, arguments: str = "{}", result: str = "{}") -> dict[str, Value]:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": arguments,
        "gen_ai.tool.call.result": result,
    }


class Sender:
    """Sends as one organisation; what it sends is in the tables when `spans` or `logs` return."""

    def __init__(self, writer: Writer, org: str, identity: str = "tester", method: Method = Method.TOKEN) -> None:
        self._writer = writer
        self.org = org
        self._principal = Principal(org, identity, method)

    def spans(
        self,
        *spans: Sent,
        received: int | None = None,
        request: str = "request-1",
        resource: Mapping[str, Value] | None = None,
    ) -> None:
        self._insert(Signal.TRACES, _request(spans, resource), received, request)

    def together(
        self, by_receipt: Mapping[int, Sequence[Sent]], *, request: str, resource: Mapping[str, Value] | None = None
    ) -> None:
        """Several requests, by when each came in, in one batch."""
        batch = f"{self.org}-{next(_numbers)}"
        stamped = [
            payload.decode(
                Export(Signal.TRACES, Encoding.PROTOBUF, _request(spans, resource), self._principal),
                received,
                f"{request}-{number}",
            ).payload
            for number, (received, spans) in enumerate(by_receipt.items())
        ]
        self._writer.insert(Signal.TRACES, self._writer.plan(batch), [*stamped, payload.batch_tail(batch)])

    def log(self, trace: int, span: int, body: str, at: int, attributes: Mapping[str, Value] | None = None) -> None:
        message = ExportLogsServiceRequest()
        resource = message.resource_logs.add()
        resource.resource.attributes.extend(_pairs({"service.name": "svc"}))
        record = resource.scope_logs.add().log_records.add(
            time_unix_nano=at, trace_id=trace.to_bytes(16), span_id=span.to_bytes(8), severity_number=13
        )
        record.severity_text = "WARN"
        record.body.string_value = body
        record.attributes.extend(_pairs(attributes or {}))
        self._insert(Signal.LOGS, message.SerializeToString(), at, "request-log")

    def _insert(self, signal: Signal, body: bytes, received: int | None, request: str) -> None:
        export = Export(signal, Encoding.PROTOBUF, body, self._principal)
        batch = f"{self.org}-{next(_numbers)}"
        stamped = payload.decode(export, received or time.time_ns(), request)
        self._writer.insert(signal, self._writer.plan(batch), [stamped.payload, payload.batch_tail(batch)])


def _request(spans: Sequence[Sent], resource: Mapping[str, Value] | None) -> bytes:
    message = ExportTraceServiceRequest()
    for service in dict.fromkeys(span.service for span in spans):
        group = message.resource_spans.add()
        group.resource.attributes.extend(_pairs({"service.name": service, **(resource or {})}))
        scope = group.scope_spans.add()
        scope.scope.name = "tests"
        scope.spans.extend(_span(span) for span in spans if span.service == service)
    return message.SerializeToString()


def _span(sent: Sent) -> Span:
    span = Span(
        trace_id=sent.trace.to_bytes(16),
        span_id=sent.span.to_bytes(8),
        parent_span_id=sent.parent.to_bytes(8) if sent.parent else b"",
        name=sent.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=sent.start,
        end_time_unix_nano=sent.start + sent.duration,
        attributes=_pairs(sent.attributes),
    )
    if sent.error is not None:
        span.status.code = Status.STATUS_CODE_ERROR
        span.status.message = sent.error
    for at, name, attributes in sent.events:
        span.events.add(time_unix_nano=at, name=name, attributes=_pairs(attributes))
    return span


def _pairs(attributes: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(item) for item in value]))
