"""Asking a running collector, which alone may hold the embedded engine."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
import typer

Endpoint = Annotated[str, typer.Option(envvar="MUSTER_ENDPOINT", help="OTLP/HTTP address of the collector.")]
Token = Annotated[str | None, typer.Option(envvar="MUSTER_TOKEN", help="Bearer token, if the collector wants one.")]
HTTP = "http://127.0.0.1:4318"


class NoCollector(OSError):
    """Nobody answers at the address."""


def ask(method: str, endpoint: str, path: str, token: str | None) -> Any:
    """The answer's JSON. Raises OSError with the collector's words, `NoCollector` where there is none."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        response = httpx.request(method, endpoint.rstrip("/") + path, headers=headers, timeout=120)
    except httpx.TransportError as error:
        raise NoCollector(
            f"no collector answers at {endpoint} ({type(error).__name__}): start one with `make up`, or name "
            "another with --endpoint"
        ) from error
    if response.is_success:
        return response.json()
    try:
        words = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        words = f"{response.status_code} {response.reason_phrase}"
    raise OSError(f"{endpoint} answers: {words}")
