"""A minimal HTTP/1.1 client connection for POSTs: little CPU, bodies written as they are."""

from __future__ import annotations

import asyncio
from typing import cast

import httptools


class Connection(asyncio.Protocol):
    """One HTTP/1.1 keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self.closed = False
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, float | None, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._retry_after: float | None = None
        self._content = b""

    async def post(self, head: bytes, data: bytes) -> tuple[int, float | None, bytes]:
        """Status, Retry-After in seconds and content. Raises ConnectionError when the connection is lost."""
        if self._transport is None or self.closed:
            raise ConnectionResetError("closed between requests")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.writelines((head, data))
        return await self._answer

    def close(self) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are Transports by behaviour, not by inheritance.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._fail("connection lost")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()
            self._fail("the answer is not HTTP/1.1")

    def on_message_begin(self) -> None:
        self._retry_after, self._content = None, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        # Seconds only: servers of OTLP send no dates here.
        if name.lower() == b"retry-after" and value.strip().isdigit():
            self._retry_after = float(value)

    def on_body(self, body: bytes) -> None:
        self._content += body

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), self._retry_after, self._content))
        # A server that closes after this answer says so now; waiting for its FIN would race the next request.
        if not self._parser.should_keep_alive():
            self.close()

    def _fail(self, message: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(message))
