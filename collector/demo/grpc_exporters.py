"""The SDK's gRPC exporters, with every answer seen: the SDK itself drops partial-success answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

OnAnswer = Callable[[str, Any], None]


class _Stub:
    def __init__(self, stub: Any, on_answer: OnAnswer) -> None:
        self._stub = stub
        self._on_answer = on_answer

    def Export(self, **call: Any) -> Any:  # noqa: N802 (the service's name for it)
        try:
            answer = self._stub.Export(**call)
        except grpc.RpcError as error:
            failed: Any = error  # a grpc.Call as well, which its type doesn't say
            self._on_answer(failed.code().name, None)
            raise
        self._on_answer("OK", answer)
        return answer


def build(
    endpoint: str, headers: dict[str, str], timeout: float, on_answer: OnAnswer
) -> tuple[OTLPSpanExporter, OTLPLogExporter, OTLPMetricExporter]:
    """Exporters for one endpoint (`http://` or no scheme: plain text, `https://`: TLS)."""

    class Watched:
        # The SDK calls this at the start and whenever it reconnects.
        def _initialize_channel_and_stub(self) -> None:
            super()._initialize_channel_and_stub()  # type: ignore[misc]
            vars(self)["_client"] = _Stub(vars(self)["_client"], on_answer)

    class Spans(Watched, OTLPSpanExporter): ...

    class Logs(Watched, OTLPLogExporter): ...

    class Metrics(Watched, OTLPMetricExporter): ...

    options: dict[str, Any] = {"headers": headers, "timeout": timeout}
    if not endpoint.startswith("https://"):
        options["insecure"] = True
    return Spans(endpoint, **options), Logs(endpoint, **options), Metrics(endpoint, **options)
