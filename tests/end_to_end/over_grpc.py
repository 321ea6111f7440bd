"""Bytes over gRPC as they are: no message type decides what can be sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from collector.receivers.grpc import SERVICES
from collector.signals import Signal
from tests.server import Server


class Channel:
    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def export(
        self, signal: str, body: bytes, compression: grpc.Compression | None = None
    ) -> tuple[grpc.StatusCode, bytes]:
        """The status code and, when it is OK, the response's bytes."""
        return self.call(f"/{SERVICES[Signal(signal)]}/Export", body, compression)

    def call(
        self, method: str, body: bytes, compression: grpc.Compression | None = None
    ) -> tuple[grpc.StatusCode, bytes]:
        export: Any = self._channel.unary_unary(method)
        try:
            return grpc.StatusCode.OK, export(body, timeout=60, compression=compression)
        except grpc.RpcError as error:
            refused: Any = error
            return refused.code(), b""


@contextmanager
def channel_to(server: Server) -> Iterator[Channel]:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", options=options) as channel:
        yield Channel(channel)
