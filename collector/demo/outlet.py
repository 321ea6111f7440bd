"""The way out: the SDK's OTLP exporters for one endpoint, and exact counts of what was acknowledged."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import opentelemetry.exporter.otlp.proto.http._log_exporter as http_logs
import opentelemetry.exporter.otlp.proto.http.metric_exporter as http_metrics
import opentelemetry.exporter.otlp.proto.http.trace_exporter as http_traces
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

from collector.demo import grpc_exporters

Transport = Literal["http", "grpc"]

# Longer than the SDK's 10 s: a collector that restarts or pushes back is waited for.
TIMEOUT_SECONDS = 30.0
APPROVAL_EVENT = "muster.approval"

Response = ExportTraceServiceResponse | ExportLogsServiceResponse | ExportMetricsServiceResponse


class SendError(Exception):
    """The endpoint did not take what was sent. The message names the endpoint, the cause and the remedy."""


@dataclass(slots=True)
class Totals:
    """What the endpoint acknowledged. `attempts` above `requests` are the SDK's retries.

    `errors` are spans with error status, `approvals` span events and log events. `rejected` are items
    (spans, log records, points) refused by `partial` answers; they are counted in the totals too.
    """

    traces: int = 0
    spans: int = 0
    logs: int = 0
    points: int = 0
    approvals: int = 0
    tool_calls: int = 0
    errors: int = 0
    requests: int = 0
    attempts: int = 0
    partial: int = 0
    rejected: int = 0


class Outlet:
    """Exporters for all three signals. `endpoint` is a base URL; retries are the SDK's.

    Raises `SendError` when nothing listens there, and from every export that fails for good.
    """

    def __init__(self, endpoint: str, *, protocol: Transport = "http", token: str | None = None) -> None:
        self.endpoint = endpoint
        self.totals = Totals()
        self._status: str | None = None
        _reach(endpoint, protocol)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._traces: SpanExporter
        self._logs: LogRecordExporter
        self._metrics: MetricExporter
        if protocol == "grpc":
            self._traces, self._logs, self._metrics = grpc_exporters.build(
                endpoint, headers, TIMEOUT_SECONDS, self.on_answer
            )
        else:
            base = endpoint.rstrip("/")
            options: dict[str, Any] = {"headers": headers, "timeout": TIMEOUT_SECONDS}
            self._traces = http_traces.OTLPSpanExporter(
                f"{base}/v1/traces", session=self._session(ExportTraceServiceResponse), **options
            )
            self._logs = http_logs.OTLPLogExporter(
                f"{base}/v1/logs", session=self._session(ExportLogsServiceResponse), **options
            )
            self._metrics = http_metrics.OTLPMetricExporter(
                f"{base}/v1/metrics", session=self._session(ExportMetricsServiceResponse), **options
            )

    def spans(self, spans: Sequence[ReadableSpan]) -> None:
        with self._answers() as complaints:
            if self._traces.export(spans) is not SpanExportResult.SUCCESS:
                raise self._failed("spans", complaints)
        totals = self.totals
        totals.spans += len(spans)
        for span in spans:
            totals.traces += span.parent is None
            totals.errors += span.status.status_code is StatusCode.ERROR
            totals.tool_calls += (span.attributes or {}).get("gen_ai.operation.name") == "execute_tool"
            totals.approvals += sum(event.name == APPROVAL_EVENT for event in span.events)

    def logs(self, records: Sequence[ReadableLogRecord]) -> None:
        with self._answers() as complaints:
            if self._logs.export(records) is not LogRecordExportResult.SUCCESS:
                raise self._failed("logs", complaints)
        self.totals.logs += len(records)
        self.totals.approvals += sum(record.log_record.event_name == APPROVAL_EVENT for record in records)

    def metrics(self, data: MetricsData, points: int) -> None:
        if not points:
            return
        with self._answers() as complaints:
            if self._metrics.export(data) is not MetricExportResult.SUCCESS:
                raise self._failed("metrics", complaints)
        self.totals.points += points

    def close(self) -> None:
        for exporter in (self._traces, self._logs, self._metrics):
            exporter.shutdown()

    def on_answer(self, status: str, answer: Response | None) -> None:
        self._status = status
        self.totals.attempts += 1
        if answer is not None:
            partial = answer.partial_success
            rejected = sum(number for field, number in partial.ListFields() if field.name.startswith("rejected"))
            self.totals.partial += partial.ByteSize() > 0
            self.totals.rejected += rejected

    def _session(self, response: type[Response]) -> requests.Session:
        def watch(answer: requests.Response, **_: object) -> None:
            is_protobuf = answer.headers.get("content-type", "").startswith("application/x-protobuf")
            body = response.FromString(answer.content) if answer.status_code == 200 and is_protobuf else None
            self.on_answer(str(answer.status_code), body)

        session = requests.Session()
        session.hooks["response"].append(watch)
        return session

    @contextmanager
    def _answers(self) -> Iterator[list[str]]:
        """Keeps the SDK's own log lines away from the terminal: they become part of one error."""
        complaints = _Complaints()
        logger = logging.getLogger("opentelemetry.exporter")
        propagate, logger.propagate = logger.propagate, False
        logger.addHandler(complaints)
        self._status = None
        try:
            yield complaints.lines
            self.totals.requests += 1
        finally:
            logger.removeHandler(complaints)
            logger.propagate = propagate

    def _failed(self, what: str, complaints: list[str]) -> SendError:
        cause = f"it answered {self._status}" if self._status else "the connection failed"
        detail = f" ({complaints[-1]})" if complaints else ""
        return SendError(f"{self.endpoint} did not take {what}: {cause}{detail}. {_remedy(self._status)}")


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _reach(endpoint: str, protocol: Transport) -> None:
    """One plain connection first: the SDK would try for half a minute before saying that nobody is there."""
    url = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    port = url.port or (443 if url.scheme == "https" else 4317 if protocol == "grpc" else 80)
    try:
        socket.create_connection((url.hostname or "", port), timeout=5).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SendError(f"Nothing answers at {endpoint}: {reason}. {_remedy(None)}") from None


def _remedy(status: str | None) -> str:
    match status:
        case None | "UNAVAILABLE":
            return "Is the collector running? Start it (`make up`) or give its address."
        case "401" | "403" | "UNAUTHENTICATED" | "PERMISSION_DENIED":
            return "Give an ingest token that may send to this collector."
        case "404" | "405" | "UNIMPLEMENTED":
            return "Is this an OTLP port? HTTP is 4318 by default, gRPC 4317."
        case "429" | "502" | "503" | "504" | "RESOURCE_EXHAUSTED" | "DEADLINE_EXCEEDED":
            return "The collector is overloaded or shutting down: see its /readyz and send again later."
        case _:
            return "Repeating won't help: see the collector's log for what it refused."
