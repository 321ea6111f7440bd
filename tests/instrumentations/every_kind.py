"""Telemetry that uses every kind of value the Python SDK sends, for the recordings of its exporters."""

from __future__ import annotations

import logging
import math
import struct
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from stack_traces import neutral_stack_traces

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)

VALUES: dict[str, Any] = {
    "string": "plain",
    "string.empty": "",
    "string.unicode": "Zürich 東京 🧾 e\u0301 \u202e rtl",
    "string.controls": 'tab\t newline\n quote" backslash\\ nul\x00 bell\x07',
    "string.looks.like.json": '{"a": [1, "2", null]}',
    "string.looks.like.int": "42",
    "string.long": "0123456789abcdef" * 640,
    "bool.true": True,
    "bool.false": False,
    "int": 42,
    "int.zero": 0,
    "int.negative": -1,
    "int.max": INT64_MAX,
    "int.min": INT64_MIN,
    "int.over.double": 2**53 + 1,
    "double": 0.1,
    "double.whole": 3.0,
    "double.negative.zero": -0.0,
    "double.nan": math.nan,
    "double.infinity": math.inf,
    "double.negative.infinity": -math.inf,
    "double.smallest": 5e-324,
    "double.largest": 1.7976931348623157e308,
    "bytes": b"\x00\x01\xfe\xff",
    "bytes.empty": b"",
    "array.strings": ["a", "", "ü", 'with "quotes"'],
    "array.ints": [1, -1, INT64_MAX, INT64_MIN],
    "array.doubles": [0.5, 3.0, -0.0, math.nan, math.inf, -math.inf],
    "array.bools": [True, False],
    "array.empty": [],
}

# Only what the SDK's extended attributes allow: maps, mixed sequences, nothing at all.
NESTED: dict[str, Any] = {
    "map": {"a": 1, "b": "two", "c": 2.5, "d": True, "e": b"\x00\xff", "f": None},
    "map.empty": {},
    "map.odd.keys": {"": "empty", "dots.and spaces": 1, "ü": 2, '"': 3},
    "array.mixed": [1, "two", 2.5, True, None, b"\xff", [INT64_MAX], {"k": math.nan}],
    "array.of.maps": [{"role": "user", "parts": [{"type": "text", "content": "Grüezi"}]}, {}],
    "deep": {"1": [{"2": [{"3": [{"4": {"5": ["six", 6, 6.0, None]}}]}]}]},
    "none": None,
}


def send_traces(provider: TracerProvider) -> None:
    tracer = provider.get_tracer("every-kind", "1.0.0", "https://opentelemetry.io/schemas/1.37.0", {"scope.kind": 1})
    remote = SpanContext(
        trace_id=0x0102030405060708090A0B0C0D0E0F10,
        span_id=0x00F067AA0BA902B7,  # a leading zero byte must survive
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState([("vendor", "a:b"), ("other", "1")]),
    )
    with tracer.start_as_current_span("every kind", kind=SpanKind.SERVER, attributes=VALUES) as root:
        root.add_event("every kind", VALUES, timestamp=root.start_time + 1)  # type: ignore[attr-defined]
        root.add_event("no attributes")
        root.add_event("", {"name": "empty"})
        with tracer.start_as_current_span(
            "links",
            kind=SpanKind.PRODUCER,
            links=[Link(remote, {"why": "follows", "rank": 1}), Link(root.get_span_context())],
        ):
            pass
        with tracer.start_as_current_span("nested", kind=SpanKind.INTERNAL) as nested:
            for key, value in NESTED.items():
                nested.set_attribute(key, value)
        for kind in SpanKind:
            with tracer.start_as_current_span(f"kind {kind.name.lower()}", kind=kind):
                pass
        with tracer.start_as_current_span("status ok") as ok:
            ok.set_status(Status(StatusCode.OK))
        with tracer.start_as_current_span("status error") as error:
            error.set_status(Status(StatusCode.ERROR, "refused: „no“"))
        try:
            with tracer.start_as_current_span("exception", kind=SpanKind.CLIENT):
                raise ValueError("over the limit")
        except ValueError:
            pass
        with tracer.start_as_current_span(""):
            pass
    remote_parent = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    tracer.start_span("remote parent", remote_parent).end()
    provider.get_tracer("", "").start_span("unnamed scope").end()
    trace_of_100(provider)


def trace_of_100(provider: TracerProvider) -> None:
    """A wide and deep trace, so that one request carries many spans."""
    tracer = provider.get_tracer("claims.workflow")
    with tracer.start_as_current_span("workflow claims-intake"):
        for agent in range(4):
            name = f"agent-{agent}"
            with tracer.start_as_current_span(f"invoke_agent {name}", attributes={"gen_ai.agent.name": name}):
                for step in range(12):
                    attributes: dict[str, Any] = {
                        "gen_ai.operation.name": "chat",
                        "gen_ai.request.model": "gpt-4o-mini",
                        "gen_ai.usage.input_tokens": 100 + step,
                        "gen_ai.response.finish_reasons": ["stop"],
                    }
                    with tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=attributes):
                        pass
                    with tracer.start_as_current_span("execute_tool pay") as tool:
                        tool.add_event("muster.approval", {"muster.approval.decision": "denied"})


def send_logs(provider: LoggerProvider) -> None:
    logger = provider.get_logger("every-kind", "1.0.0", "https://opentelemetry.io/schemas/1.37.0", {"scope.kind": 1})
    moment = 1_760_000_000_123_456_789
    bodies: list[Any] = [*VALUES.values(), *NESTED.values()]
    for number, body in enumerate(bodies):
        logger.emit(
            LogRecord(
                timestamp=moment + number,
                observed_timestamp=moment + number + 1,
                severity_number=SeverityNumber.INFO,
                severity_text="INFO",
                body=body,
                event_name="every.body",
            )
        )
    logger.emit(LogRecord(timestamp=moment, body="every attribute", attributes={**VALUES, **NESTED}))
    for severity in SeverityNumber:
        logger.emit(LogRecord(timestamp=moment, severity_number=severity, severity_text=severity.name))
    logger.emit(LogRecord(observed_timestamp=moment, event_name="only.observed"))


def send_log_of_a_span(tracers: TracerProvider, loggers: LoggerProvider) -> None:
    """The standard library's logging, inside a span: trace and span ids on the record."""
    log = logging.getLogger("claims")
    log.addHandler(handler := LoggingHandler(logger_provider=loggers))
    handler.addFilter(without_directory)
    with tracers.get_tracer("claims").start_as_current_span("logging"):
        log.warning("excess of %s applied", 300, extra={"claim_id": "CLM-2041", "amounts": [1, 2]})


def without_directory(record: logging.LogRecord) -> bool:
    """The exporter sends the path; which directory the recording ran in is nobody's business."""
    record.pathname = Path(record.pathname).name
    return True


def send_metrics(provider: MeterProvider) -> None:
    meter = provider.get_meter("every-kind", "1.0.0", "https://opentelemetry.io/schemas/1.37.0", {"scope.kind": 1})
    requests = meter.create_counter("requests", "{request}", "Requests, with „quotes“")
    requests.add(1, {"route": "/claims", "ok": True})
    requests.add(2**53 + 1, {"route": "/claims", "ok": False, "code": 429})
    requests.add(3)
    cost = meter.create_counter("cost", "USD")
    cost.add(0.000125, {"model": "gpt-4o-mini"})
    open_claims = meter.create_up_down_counter("open_claims", "{claim}")
    open_claims.add(-4, {"branch": "Zürich"})
    gauge = meter.create_gauge("temperature", "Cel")
    gauge.set(-0.0, {"where": "attic"})
    gauge.set(21.5, {"where": "cellar"})
    meter.create_gauge("queue.length").set(INT64_MAX)

    def observe(options: CallbackOptions) -> list[Observation]:
        return [Observation(7, {"shard": 0}), Observation(9, {"shard": 1})]

    meter.create_observable_gauge("observed.gauge", [observe])
    meter.create_observable_counter("observed.counter", [observe])
    meter.create_observable_up_down_counter("observed.up_down", [observe])
    duration = meter.create_histogram(
        "gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=[0.01, 0.1, 1, 10]
    )
    for seconds in (0.005, 0.05, 0.5, 0.5, 5, 50):
        duration.record(seconds, {"gen_ai.request.model": "gpt-4o-mini"})
    tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")
    for count in (1, 1420, 85):
        tokens.record(count, {"gen_ai.token.type": "input"})
    sizes = meter.create_histogram("sizes.exponential", "By")
    for size in (0, 1, 3, 1000, 2**40):
        sizes.record(size, {"packed": struct.calcsize("<d")})


def send(spans: SpanExporter, logs: LogRecordExporter, metrics: MetricExporter) -> None:
    """One of everything through the exporters given."""
    neutral_stack_traces()
    resource = Resource.create({"service.instance.id": "3", "numbers": [1, 2], "ratio": 0.5, "flag": True})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(BatchSpanProcessor(spans))
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
    exponential = View(
        instrument_name="sizes.exponential", aggregation=ExponentialBucketHistogramAggregation(max_size=8)
    )
    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=600_000)
    meters = MeterProvider([reader], resource=resource, views=[exponential])
    send_traces(tracers)
    send_logs(loggers)
    send_log_of_a_span(tracers, loggers)
    send_metrics(meters)
    tracers.shutdown()
    loggers.shutdown()
    meters.shutdown()
