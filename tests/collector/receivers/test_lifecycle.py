"""Receivers when a sender leaves, a port is taken, or it is time to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import grpc.aio
import pytest

from collector.receivers.auth import Anonymous
from collector.receivers.grpc import SERVICES, GrpcReceiver
from collector.receivers.http import http_app
from collector.signals import Answer, Export, Signal
from tests.collector.receivers.serving import Recorded, Scripted


def test_a_sender_that_leaves_mid_body_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    consumer, observer = Scripted(), Recorded()
    app = http_app(consumer, Anonymous(), max_body=100, max_decompressed=100, observe=observer)
    messages = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        pass

    headers = [(b"content-type", b"application/json"), (b"content-length", b"8")]
    scope = {"type": "http", "method": "POST", "path": "/v1/logs", "headers": headers, "query_string": b""}
    with caplog.at_level(logging.DEBUG, "collector"):
        asyncio.run(app(scope, receive, send))
    assert (consumer.seen, observer.calls, caplog.records) == ([], [], [])


def receiver(consumer: Any, port: int = 0) -> GrpcReceiver:
    return GrpcReceiver(consumer, Anonymous(), host="127.0.0.1", port=port, max_message=1000)


def test_a_taken_port_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"can't listen for OTLP/gRPC on 127.0.0.1:{port}"):
            asyncio.run(receiver(Scripted(), port).start())


def test_two_receivers_never_share_a_port() -> None:
    async def twice() -> None:
        first = receiver(Scripted())
        port = await first.start()
        try:
            with pytest.raises(OSError, match="can't listen"):
                await receiver(Scripted(), port).start()
        finally:
            await first.stop(0)

    asyncio.run(twice())


def test_a_request_under_way_is_answered_before_the_stop() -> None:
    class Slow:
        def __init__(self) -> None:
            self.entered, self.go_on = asyncio.Event(), asyncio.Event()

        async def consume(self, export: Export) -> Answer:
            self.entered.set()
            await self.go_on.wait()
            return Answer(1)

    async def stop_meanwhile() -> None:
        consumer = Slow()
        running = receiver(consumer)
        address = f"127.0.0.1:{await running.start()}"
        async with grpc.aio.insecure_channel(address) as channel:
            export: Any = channel.unary_unary(f"/{SERVICES[Signal.LOGS]}/Export")
            answer = asyncio.create_task(_wait(export(b"")))
            await consumer.entered.wait()
            stop = asyncio.create_task(running.stop(30))
            await asyncio.sleep(0)
            consumer.go_on.set()
            assert await answer == b""
            await stop
        await running.stop()  # once more is no error

    asyncio.run(stop_meanwhile())


async def _wait(call: Any) -> Any:
    return await call
