"""Takes OTLP over HTTP and gRPC on loopback and keeps each request's bytes as they came, only decompressed.

    python capture.py DIRECTORY      prints {"http": N, "grpc": N}, captures until SIGTERM

DIRECTORY gets <nnn>.<traces|logs|metrics>.<pb|json> in order of arrival and, at the end, captured.json: how
each file came and what it holds, counted with opentelemetry-proto.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

SERVICES = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
}
POINTS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def snake_keys(document: Any) -> Any:
    """JSON's lowerCamelCase keys as protobuf's names; enough to count with the same walk."""
    if isinstance(document, dict):
        return {snake(k): snake_keys(v) for k, v in document.items()}
    if isinstance(document, list):
        return [snake_keys(v) for v in document]
    return document


def count(signal_name: str, extension: str, body: bytes) -> dict[str, int]:
    """How many spans, span events, logs or points a request holds."""
    if extension == "json":
        return count_json(signal_name, snake_keys(json.loads(body)))
    # An export request and its *Data message have the same fields.
    if signal_name == "traces":
        spans = [
            span
            for resource in TracesData.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return {"spans": len(spans), "events": sum(len(s.events) for s in spans)}
    if signal_name == "logs":
        logs = LogsData.FromString(body).resource_logs
        return {"logs": sum(len(scope.log_records) for resource in logs for scope in resource.scope_logs)}
    metrics = [
        metric
        for resource in MetricsData.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    # Members that are not set read as empty messages, so at most one of these has points.
    points = sum(len(getattr(metric, kind).data_points) for metric in metrics for kind in POINTS)
    return {"metrics": len(metrics), "points": points}


def count_json(signal_name: str, document: Any) -> dict[str, int]:
    def inner(outer: str, scope: str, leaf: str) -> list[Any]:
        return [
            item
            for resource in document.get(outer, [])
            for scoped in resource.get(scope, [])
            for item in scoped.get(leaf, [])
        ]

    if signal_name == "traces":
        spans = inner("resource_spans", "scope_spans", "spans")
        return {"spans": len(spans), "events": sum(len(s.get("events", [])) for s in spans)}
    if signal_name == "logs":
        return {"logs": len(inner("resource_logs", "scope_logs", "log_records"))}
    metrics = inner("resource_metrics", "scope_metrics", "metrics")
    points = sum(len(m[kind]["data_points"]) for m in metrics for kind in POINTS if kind in m)
    return {"metrics": len(metrics), "points": points}


class Captured:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._files: list[dict[str, Any]] = []

    def add(self, signal_name: str, extension: str, body: bytes, transport: str, encoding: str | None) -> None:
        with self._lock:
            name = f"{len(self._files):03}.{signal_name}.{extension}"
            (self._directory / name).write_bytes(body)
            self._files.append(
                {
                    "file": name,
                    "transport": transport,
                    "content_encoding": encoding,
                    "bytes": len(body),
                    **count(signal_name, extension, body),
                }
            )

    def finish(self) -> None:
        (self._directory / "captured.json").write_text(json.dumps(self._files, indent=2) + "\n")


def http_server(captured: Captured) -> ThreadingHTTPServer:
    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.body()
            encoding = self.headers.get("Content-Encoding", "identity")
            if encoding in ("gzip", "deflate"):
                body = zlib.decompress(body, wbits=47)  # 32 + 15: gzip or zlib, by the header
            as_json = self.headers["Content-Type"].startswith("application/json")
            signal_name = self.path.rsplit("/", 1)[1]
            transport = "http/json" if as_json else "http/protobuf"
            captured.add(signal_name, "json" if as_json else "pb", body, transport, encoding)
            answer = b"{}" if as_json else b""
            self.send_response(200)
            self.send_header("Content-Type", self.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"]))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Receiver)


class Services(grpc.GenericRpcHandler):
    """Every OTLP service; without a deserializer the handler is given the message's bytes."""

    def __init__(self, captured: Captured) -> None:
        self._captured = captured

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        signal_name = SERVICES.get(details.method)
        if signal_name is None:
            return None

        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            # grpcio decompresses, and doesn't say what came.
            self._captured.add(signal_name, "pb", body, "grpc", None)
            return b""

        return grpc.unary_unary_rpc_method_handler(export)


def main() -> None:
    captured = Captured(Path(sys.argv[1]))
    http = http_server(captured)
    rpc = grpc.server(ThreadPoolExecutor(1), handlers=[Services(captured)])
    grpc_port = rpc.add_insecure_port("127.0.0.1:0")
    # shutdown() waits for serve_forever, so it must not run on the thread that serves.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=http.shutdown).start())
    rpc.start()
    print(json.dumps({"http": http.server_address[1], "grpc": grpc_port}), flush=True)
    http.serve_forever()
    rpc.stop(grace=1).wait()
    captured.finish()


if __name__ == "__main__":
    main()
