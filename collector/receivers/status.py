"""The one place that says how an answer or an error leaves: HTTP status, gRPC code, body, headers.

The OTLP specification decides which of them a sender retries: 429, 503 and UNAVAILABLE, and
RESOURCE_EXHAUSTED only with RetryInfo. Everything else makes the sender drop its data, so a bug here
answers "unavailable" and never 500: the data stays with the sender until the bug is fixed.
"""

from __future__ import annotations

import logging
import math
import traceback
from dataclasses import dataclass
from typing import Any

import grpc
import orjson
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from collector import errors
from collector.signals import Answer, Encoding, Signal

log = logging.getLogger(__name__)

# Metadata of a gRPC answer is refused by clients over 8 KiB, and the message is in it twice.
MESSAGE_LIMIT = 1_000
RETRY_AFTER_LIMIT = 3_600.0

CONTENT_TYPE = {Encoding.PROTOBUF: "application/x-protobuf", Encoding.JSON: "application/json"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error, ready to leave. `retry_after` is whole seconds, None for what must not be sent again."""

    http: int
    grpc: grpc.StatusCode
    outcome: str
    message: str
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        if self.retry_after is not None:
            return {"retry-after": str(self.retry_after)}
        return {"www-authenticate": "Bearer"} if self.http == 401 else {}

    @property
    def status(self) -> Status:
        details = []
        if self.retry_after is not None:
            detail = AnyMessage()
            detail.Pack(RetryInfo(retry_delay=Duration(seconds=self.retry_after)))
            details.append(detail)
        return Status(code=self.grpc.value[0], message=self.message, details=details)

    def body(self, encoding: Encoding) -> bytes:
        """The google.rpc.Status that the specification wants in every HTTP error."""
        if encoding is Encoding.PROTOBUF:
            return bytes(self.status.SerializeToString())
        status: dict[str, Any] = {"code": self.grpc.value[0], "message": self.message}
        if self.retry_after is not None:
            retry_info = "type.googleapis.com/google.rpc.RetryInfo"
            status["details"] = [{"@type": retry_info, "retryDelay": f"{self.retry_after}s"}]
        return orjson.dumps(status)


_CODES: tuple[tuple[type[errors.CollectorError], int, grpc.StatusCode, str], ...] = (
    (errors.Malformed, 400, grpc.StatusCode.INVALID_ARGUMENT, "malformed"),
    (errors.TooLarge, 413, grpc.StatusCode.RESOURCE_EXHAUSTED, "too_large"),
    (errors.UnsupportedMedia, 415, grpc.StatusCode.UNIMPLEMENTED, "unsupported"),
    (errors.Unauthenticated, 401, grpc.StatusCode.UNAUTHENTICATED, "unauthenticated"),
    (errors.Forbidden, 403, grpc.StatusCode.PERMISSION_DENIED, "forbidden"),
    (errors.Permanent, 400, grpc.StatusCode.INVALID_ARGUMENT, "malformed"),
    (errors.Overloaded, 429, grpc.StatusCode.RESOURCE_EXHAUSTED, "overloaded"),
    (errors.Retryable, 503, grpc.StatusCode.UNAVAILABLE, "unavailable"),
)


def refusal(error: Exception) -> Refusal:
    """How `error` leaves. What is no CollectorError is a bug: it is logged, and the sender keeps its data."""
    for kind, http, code, outcome in _CODES:
        if isinstance(error, kind):
            retry_after = _whole_seconds(error.retry_after) if isinstance(error, errors.Retryable) else None
            return Refusal(http, code, outcome, _clean(str(error)), retry_after)
    _log_bug(error)
    message = "an internal error; the data was not stored: keep it and send it again"
    return Refusal(503, grpc.StatusCode.UNAVAILABLE, "unavailable", message, retry_after=5)


def no_such_path() -> Refusal:
    message = "no such path; the OTLP paths are /v1/traces, /v1/logs and /v1/metrics"
    return Refusal(404, grpc.StatusCode.UNIMPLEMENTED, "unsupported", message)


def wrong_method() -> Refusal:
    message = "OTLP requests are sent with POST"
    return Refusal(405, grpc.StatusCode.UNIMPLEMENTED, "unsupported", message)


def outcome(answer: Answer) -> str:
    if answer.absorbed:
        return "absorbed"
    return "partial" if answer.rejected else "accepted"


def success(signal: Signal, encoding: Encoding, answer: Answer) -> bytes:
    """The Export…ServiceResponse; `partial_success` is set only when there is something to say."""
    protobuf = encoding is Encoding.PROTOBUF
    if not answer.rejected and not answer.message:
        return b"" if protobuf else b"{}"
    rejected, message = answer.rejected, _clean(answer.message)
    if protobuf:
        return _partial(signal, rejected, message)
    # proto3 JSON leaves out defaults and writes int64 as a string.
    partial = {_REJECTED[signal]: str(rejected)} if rejected else {}
    if message:
        partial["errorMessage"] = message
    return orjson.dumps({"partialSuccess": partial})


_REJECTED = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}


def _partial(signal: Signal, rejected: int, message: str) -> bytes:
    match signal:
        case Signal.TRACES:
            spans = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
            return ExportTraceServiceResponse(partial_success=spans).SerializeToString()
        case Signal.LOGS:
            records = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
            return ExportLogsServiceResponse(partial_success=records).SerializeToString()
        case Signal.METRICS:
            points = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
            return ExportMetricsServiceResponse(partial_success=points).SerializeToString()


def _whole_seconds(retry_after: float) -> int:
    return math.ceil(min(RETRY_AFTER_LIMIT, max(1.0, retry_after)))  # this order makes NaN one second


def _clean(message: str) -> str:
    """What protobuf, JSON and gRPC metadata all can carry."""
    return message[:MESSAGE_LIMIT].encode("utf-8", "replace").decode()


def _log_bug(error: BaseException) -> None:
    """Types and source lines, but not the exceptions' texts: those may quote what was sent."""
    lines: list[str] = []
    link: BaseException | None = error
    while link is not None and len(lines) < 1_000:
        lines += [
            f"{type(link).__module__}.{type(link).__qualname__}\n",
            *traceback.format_tb(link.__traceback__),
        ]
        link = link.__cause__ or link.__context__
    log.error("a request failed on a bug; its sender was asked to keep the data\n%s", "".join(lines))
