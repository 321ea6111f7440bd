"""OTLP over gRPC: the Export method of the three collector services.

Requests stay bytes: no message is parsed here. gRPC's core decompresses (gzip, deflate) and stops at the size
limit while doing so; it answers RESOURCE_EXHAUSTED itself for what is too large (the observer is not told).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from collector.errors import Malformed
from collector.receivers import status
from collector.receivers.auth import Verifier
from collector.receivers.observe import Observer, Unobserved
from collector.signals import Consumer, Encoding, Export, Signal

SERVICES: Mapping[Signal, str] = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}

if TYPE_CHECKING:  # grpc's classes are generic in its stubs only
    Context = grpc.aio.ServicerContext[bytes, bytes]
    Method = grpc.RpcMethodHandler[bytes, bytes]
    Handler = Callable[[AsyncIterator[bytes], Context], Awaitable[bytes]]


class GrpcReceiver:
    """Listens from `start()` to `stop()`. `max_message` bounds a request after decompression, in bytes."""

    def __init__(
        self,
        consumer: Consumer,
        verifier: Verifier,
        *,
        host: str,
        port: int,
        max_message: int,
        observe: Observer | None = None,
    ) -> None:
        self._handlers = {signal: _handler(signal, consumer, verifier, observe or Unobserved()) for signal in SERVICES}
        self._address = f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
        self._max_message = max_message
        self._server: grpc.aio.Server | None = None

    async def start(self) -> int:
        """The port it listens on: the one asked for, or what port 0 became. OSError when it can't."""
        # Without so_reuseport=0 two processes would share the port and each get some of the requests.
        options = [("grpc.max_receive_message_length", self._max_message), ("grpc.so_reuseport", 0)]
        server = grpc.aio.server(options=options)
        for signal, service in SERVICES.items():
            # On the wire a unary call; as one, grpc.aio would never answer a call that ends without its message.
            export: Method = grpc.stream_unary_rpc_method_handler(self._handlers[signal])
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": export}),))
        try:
            port = server.add_insecure_port(self._address)
        except RuntimeError:
            port = 0
        if not port:
            raise OSError(f"can't listen for OTLP/gRPC on {self._address}: is the port taken, the address this host's?")
        await server.start()
        self._server = server
        return port

    async def stop(self, grace: float = 5.0) -> None:
        """Takes no new requests and lets those under way finish within `grace` seconds."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(grace)


def _handler(signal: Signal, consumer: Consumer, verifier: Verifier, observer: Observer) -> Handler:
    async def export(messages: AsyncIterator[bytes], context: Context) -> bytes:
        started = perf_counter()
        refusal = None
        body = response = b""
        try:
            principal = verifier.verify(_authorization(context))
            body = await _first(messages)
            answer = await consumer.consume(Export(signal, Encoding.PROTOBUF, body, principal))
            outcome = status.outcome(answer)
            response = status.success(signal, Encoding.PROTOBUF, answer)
        except Exception as error:  # noqa: BLE001 (the boundary: every error becomes a status)
            refusal = status.refusal(error)
            outcome = refusal.outcome
        observer.request("grpc", signal, outcome, perf_counter() - started, len(body))
        if refusal is not None:
            details = (("grpc-status-details-bin", refusal.status.SerializeToString()),)
            await context.abort(refusal.grpc, refusal.message, details)
        return response

    return export


async def _first(messages: AsyncIterator[bytes]) -> bytes:
    async for message in messages:
        return message
    raise Malformed("the call ended before its message did; send one Export request a call")


def _authorization(context: Context) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            return value if isinstance(value, str) else value.decode("latin-1")
    return None
