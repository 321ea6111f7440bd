"""A sender per receiver and encoding; each tells what it saw in the same words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector.receivers.grpc import SERVICES
from collector.signals import Encoding, Signal
from tests.collector.receivers.serving import Serving

TOKEN, EXPIRED = "a-token", "an-expired-token"

RESPONSES: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}


@dataclass
class Reply:
    """What a sender sees. `code` is an HTTP status or the name of a gRPC code."""

    code: int | str
    message: Any
    retry_after: str | None = None
    retry_info: float | None = None


class OverHttp:
    transport = "http"

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.content_type = {Encoding.PROTOBUF: "application/x-protobuf", Encoding.JSON: "application/json"}[encoding]

    def send(self, ports: Serving, signal: Signal, body: bytes, token: str | None = TOKEN) -> Reply:
        authorization = {"authorization": f"Bearer {token}"} if token else {}
        return self.post(ports, f"/v1/{signal}", body, **authorization)

    def post(self, ports: Serving, path: str, content: Any, method: str = "POST", **headers: str) -> Reply:
        named = {"content-type": self.content_type} | {k.replace("_", "-"): v for k, v in headers.items()}
        url = f"http://127.0.0.1:{ports.http}{path}"
        response = httpx.request(method, url, content=content, headers=named, timeout=30)
        success = response.status_code == 200
        kind = RESPONSES[Signal(path.rpartition("/")[2])] if success else Status
        # What is neither protobuf nor JSON is answered in JSON.
        encoding = Encoding.PROTOBUF if named["content-type"] == "application/x-protobuf" else Encoding.JSON
        if encoding is Encoding.PROTOBUF:
            assert response.headers["content-type"] == "application/x-protobuf"
            message: Any = kind.FromString(response.content)
        else:
            assert response.headers["content-type"] == "application/json"
            message = json_format.Parse(response.content, kind())
        retry_info = None if success else retry_info_of(message)
        return Reply(response.status_code, message, response.headers.get("retry-after"), retry_info)


class OverGrpc:
    transport = "grpc"
    encoding = Encoding.PROTOBUF

    def send(
        self,
        ports: Serving,
        signal: Signal,
        body: bytes,
        token: str | None = TOKEN,
        compression: grpc.Compression | None = None,
    ) -> Reply:
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(f"127.0.0.1:{ports.grpc}", options=options) as channel:
            export: Any = channel.unary_unary(f"/{SERVICES[signal]}/Export")
            metadata = [("authorization", f"Bearer {token}")] if token else []
            try:
                response = export(body, timeout=60, metadata=metadata, compression=compression)
            except grpc.RpcError as error:
                return self._refused(error)
        return Reply("OK", RESPONSES[signal].FromString(response))

    def _refused(self, error: Any) -> Reply:
        status = Status()
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                status = Status.FromString(value)
                assert status.message == error.details()
                assert status.code == error.code().value[0]
        return Reply(error.code().name, status, retry_info=retry_info_of(status))


def retry_info_of(status: Any) -> float | None:
    info = RetryInfo()
    for detail in status.details:
        assert detail.Unpack(info)
        return float(info.retry_delay.ToTimedelta().total_seconds())
    return None


PROTOBUF, JSON, GRPC = OverHttp(Encoding.PROTOBUF), OverHttp(Encoding.JSON), OverGrpc()
Sender = OverHttp | OverGrpc
