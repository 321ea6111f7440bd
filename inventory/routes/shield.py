"""Around the application: no body beyond the limit, and headers that browsers obey."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inventory.contract import Problem

MAX_BODY: Final = 8 * 1024 * 1024
_DOCS: Final = ("/docs", "/redoc")
_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


class _TooLarge(Exception):
    pass


class Shield:
    """Middleware. A body that grows beyond `max_body` is answered with 413, whatever its length was said to be."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY) -> None:
        self._app = app
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read, refused = 0, False

        async def limited() -> Message:
            nonlocal read, refused
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_body:
                # Whoever reads it takes any error for a body that is no JSON: the answer is made here.
                refused = True
                await self._refuse(scope, framed)
                raise _TooLarge
            return message

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.get("headers", [])}
                headers = [*_HEADERS] if scope["path"].startswith(_DOCS) else [*_HEADERS, _POLICY]
                message["headers"] = [*message.get("headers", []), *(one for one in headers if one[0] not in given)]
            await send(message)

        async def unless_refused(message: Message) -> None:
            if not refused:
                await framed(message)

        said = dict(scope["headers"]).get(b"content-length", b"0")
        if said.isdigit() and int(said) > self._max_body:
            await self._refuse(scope, framed)
            return
        with suppress(_TooLarge):
            await self._app(scope, limited, unless_refused)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        problem = Problem(
            type="urn:muster:problem:too-large",
            title="The body is too large",
            status=413,
            detail=f"At most {self._max_body:,} bytes are taken.",
            remedy="send it in parts: documents in several applies, contents as digests of what is kept elsewhere",
            instance=scope["path"],
        )
        headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": problem.model_dump_json().encode()})
