"""Tiny OTLP receivers that keep what they get, in memory."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TraceRequest = trace_service_pb2.ExportTraceServiceRequest
LogsRequest = logs_service_pb2.ExportLogsServiceRequest
MetricsRequest = metrics_service_pb2.ExportMetricsServiceRequest


@dataclass
class Captured:
    """What arrived. `answers` scripts the next HTTP answers: a status, or 0 to cut the connection."""

    traces: list[TraceRequest] = field(default_factory=list)
    logs: list[LogsRequest] = field(default_factory=list)
    metrics: list[MetricsRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    answers: list[int] = field(default_factory=list)
    reject: int = 0
    endpoint: str = ""

    @property
    def spans(self) -> list[tuple[str, Span]]:
        """(service name, span) of all."""
        return [
            (attribute(resource.resource.attributes, "service.name"), span)
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def records(self) -> list[LogRecord]:
        return [r for q in self.logs for res in q.resource_logs for s in res.scope_logs for r in s.log_records]

    @property
    def points(self) -> list[tuple[Metric, Any]]:
        return [
            (metric, point)
            for request in self.metrics
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in getattr(metric, metric.WhichOneof("data") or "").data_points
        ]


def attribute(attributes: Any, key: str) -> Any:
    """The plain value of an attribute, None if absent; nested values stay messages."""
    for pair in attributes:
        if pair.key == key:
            return getattr(pair.value, pair.value.WhichOneof("value"))
    return None


@contextmanager
def http_receiver(*, reject: int = 0) -> Iterator[Captured]:
    captured = Captured(reject=reject)
    kinds: dict[str, tuple[Any, list[Any], Any]] = {
        "/v1/traces": (TraceRequest, captured.traces, trace_service_pb2.ExportTraceServiceResponse),
        "/v1/logs": (LogsRequest, captured.logs, logs_service_pb2.ExportLogsServiceResponse),
        "/v1/metrics": (MetricsRequest, captured.metrics, metrics_service_pb2.ExportMetricsServiceResponse),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with lock:
                status = captured.answers.pop(0) if captured.answers else 200
                if status == 0:
                    self.close_connection = True
                    return
                captured.tokens.add(self.headers["authorization"])
                request, kept, response = kinds[self.path]
                answer = response()
                if status == 200:
                    if self.headers["content-encoding"] == "gzip":
                        body = gzip.decompress(body)
                    captured.bodies.append(body)
                    kept.append(request.FromString(body))
                    if captured.reject and self.path == "/v1/traces":
                        answer.partial_success.rejected_spans = captured.reject
            content = answer.SerializeToString()
            self.send_response(status)
            if status in (429, 503):
                self.send_header("Retry-After", "0")
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    captured.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield captured
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def grpc_receiver() -> Iterator[Captured]:
    captured = Captured()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            if captured.answers:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, f"scripted {captured.answers.pop(0)}")
            captured.tokens.add(dict(context.invocation_metadata()).get("authorization"))
            captured.traces.append(request)
            response = trace_service_pb2.ExportTraceServiceResponse()
            if captured.reject:
                response.partial_success.rejected_spans = captured.reject
            return response

    class Logs(logs_service_pb2_grpc.LogsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            captured.logs.append(request)
            return logs_service_pb2.ExportLogsServiceResponse()

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            captured.metrics.append(request)
            return metrics_service_pb2.ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", 64 << 20)])
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(Traces(), server)
    add = logs_service_pb2_grpc.add_LogsServiceServicer_to_server
    add(Logs(), server)
    add = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server
    add(Metrics(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    captured.endpoint = f"http://127.0.0.1:{port}"
    try:
        yield captured
    finally:
        server.stop(None).wait()
