"""OTLP over HTTP: POST /v1/traces, /v1/logs, /v1/metrics in protobuf or JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from collector.errors import TooLarge, UnsupportedMedia
from collector.receivers import status
from collector.receivers.auth import Verifier
from collector.receivers.decompress import Coding, coding, decompress
from collector.receivers.observe import Observer, Unobserved
from collector.signals import Consumer, Encoding, Export, Signal

PATHS: Mapping[str, Signal] = {f"/v1/{signal}": signal for signal in Signal}

_ENCODINGS: Mapping[str, Encoding] = {name: encoding for encoding, name in status.CONTENT_TYPE.items()}
# Under this a thread costs more than the decompression.
_INLINE = 1 << 16

Endpoint = Callable[[Request], Awaitable[Response]]


class _Receiver(FastAPI):
    """Exports go straight to their endpoint, which turns every error into a status itself: the framework's own
    layers took a sixth of the event loop's time with 100-span requests. All else goes the usual way.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.exports: dict[str, Endpoint] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.exports.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if endpoint is None:
            await super().__call__(scope, receive, send)
            return
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)


def http_app(
    consumer: Consumer,
    verifier: Verifier,
    *,
    max_body: int,
    max_decompressed: int,
    observe: Observer | None = None,
) -> FastAPI:
    """The receiver as an ASGI app. Limits are in bytes: of the body as sent, and of what it becomes.

    Bodies that are refused early are not waited for: the server reads what still comes and drops it, so that
    the sender gets to see the answer.
    """
    app = _Receiver(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    observer = observe or Unobserved()
    for path, signal in PATHS.items():
        endpoint = _endpoint(signal, consumer, verifier, max_body, max_decompressed, observer)
        app.exports[path] = endpoint
        app.add_route(path, endpoint, methods=["POST"])
    app.add_exception_handler(404, _no_such_path)
    app.add_exception_handler(405, _wrong_method)
    return app


def _endpoint(
    signal: Signal,
    consumer: Consumer,
    verifier: Verifier,
    max_body: int,
    max_decompressed: int,
    observer: Observer,
) -> Endpoint:
    async def export(request: Request) -> Response:
        started = perf_counter()
        encoding = _ENCODINGS.get(_media_type(request))
        body = bytearray()
        try:
            principal = verifier.verify(request.headers.get("authorization"))
            if encoding is None:
                raise UnsupportedMedia(f"content type not supported; send one of {', '.join(_ENCODINGS)}")
            compression = coding(", ".join(request.headers.getlist("content-encoding")))
            await _read(request, body, max_body)
            plain = await _decompress(compression, bytes(body), max_decompressed)
            answer = await consumer.consume(Export(signal, encoding, plain, principal))
            outcome = status.outcome(answer)
            response = _respond(200, encoding, status.success(signal, encoding, answer))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception as error:  # noqa: BLE001 (the boundary: every error becomes a status)
            refusal = status.refusal(error)
            outcome = refusal.outcome
            response = _refuse(refusal, encoding)
        observer.request("http", signal, outcome, perf_counter() - started, len(body))
        return response

    return export


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read(request: Request, body: bytearray, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise _too_large(limit)
    async for chunk in request.stream():
        if len(body) + len(chunk) > limit:
            raise _too_large(limit)
        body += chunk


async def _decompress(compression: Coding, body: bytes, limit: int) -> bytes:
    if compression is Coding.IDENTITY or len(body) <= _INLINE:
        return decompress(compression, body, limit)
    return await asyncio.to_thread(decompress, compression, body, limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is over {limit} bytes; send smaller batches")


def _respond(code: int, encoding: Encoding, body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, code, headers, media_type=status.CONTENT_TYPE[encoding])


def _refuse(refusal: status.Refusal, encoding: Encoding | None) -> Response:
    # Who sends neither protobuf nor JSON is likely a person at a terminal.
    encoding = encoding or Encoding.JSON
    return _respond(refusal.http, encoding, refusal.body(encoding), refusal.headers)


async def _no_such_path(request: Request, error: Exception) -> Response:
    return _refuse(status.no_such_path(), _ENCODINGS.get(_media_type(request)))


async def _wrong_method(request: Request, error: Exception) -> Response:
    response = _refuse(status.wrong_method(), _ENCODINGS.get(_media_type(request)))
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)  # Allow
    return response
