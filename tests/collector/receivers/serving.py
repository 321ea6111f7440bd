"""Both receivers on loopback ports, in front of a consumer that answers as it is told.

As a program it serves with limits of 16 MiB (HTTP) and 4 MiB (gRPC), prints the ports, and ends with stdin.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from collector.receivers.auth import Anonymous, Verifier
from collector.receivers.grpc import GrpcReceiver
from collector.receivers.http import http_app
from collector.signals import Answer, Export, Signal

MiB = 1 << 20


@dataclass
class Scripted:
    """A consumer that gives `reply`, or raises it."""

    reply: Answer | Exception = field(default_factory=lambda: Answer(1))
    seen: list[Export] = field(default_factory=list)

    async def consume(self, export: Export) -> Answer:
        self.seen.append(export)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@dataclass
class Recorded:
    """An observer that remembers."""

    calls: list[tuple[str, Signal, str, int]] = field(default_factory=list)

    def request(self, transport: str, signal: Signal, outcome: str, seconds: float, bytes_in: int) -> None:
        assert seconds >= 0
        self.calls.append((transport, signal, outcome, bytes_in))


@dataclass(frozen=True)
class Serving:
    http: int
    grpc: int
    consumer: Scripted
    observer: Recorded


@contextmanager
def serving(verifier: Verifier, *, max_body: int, max_decompressed: int, max_message: int) -> Iterator[Serving]:
    consumer, observer = Scripted(), Recorded()
    app = http_app(consumer, verifier, max_body=max_body, max_decompressed=max_decompressed, observe=observer)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=5))
    listening = socket.create_server(("127.0.0.1", 0))
    started: Future[int] = Future()

    async def serve() -> None:
        receiver = GrpcReceiver(consumer, verifier, host="127.0.0.1", port=0, max_message=max_message, observe=observer)
        try:
            started.set_result(await receiver.start())
        except BaseException as error:
            started.set_exception(error)
            raise
        try:
            await server.serve(sockets=[listening])
        finally:
            await receiver.stop(1)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        port = started.result(30)
        yield Serving(listening.getsockname()[1], port, consumer, observer)
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
        assert not thread.is_alive()


if __name__ == "__main__":
    with serving(Anonymous(), max_body=16 * MiB, max_decompressed=16 * MiB, max_message=4 * MiB) as ports:
        print(json.dumps({"http": ports.http, "grpc": ports.grpc}), flush=True)
        sys.stdin.read()
