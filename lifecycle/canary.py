"""The canary: a span that goes all the way that agents' spans go, so that silence can be told from blindness.

It has an organisation and a token of its own, so that nobody's lists hold it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from sqlalchemy import delete

from inventory.db.models import Organisation, Token
from inventory.registry import tokens
from inventory.registry.change import Registry
from lifecycle.looking import HEARTBEAT_ORG, HEARTBEAT_SERVICE

_LASTS: Final = timedelta(days=30)
_RENEWED: Final = timedelta(days=7)
_KNOWN_AFTER: Final = 5.0
"""Seconds until collectors know a new token."""


class CanaryError(Exception):
    """The span wasn't taken: telemetry may not come through."""


class Canary:
    """Sends a span, and says whether it was taken. What it proves is seen where it is read again."""

    def __init__(
        self, registry: Registry, endpoint: Callable[[], str], wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._wait = wait
        self._registry = registry
        self._endpoint = endpoint
        self._secret = ""
        self._until: datetime | None = None
        self._provider = TracerProvider(
            resource=Resource({"service.name": HEARTBEAT_SERVICE, "deployment.environment.name": "muster"})
        )
        self._tracer = self._provider.get_tracer("muster.canary")

    def __repr__(self) -> str:
        return "Canary()"

    def run(self) -> None:
        """Raises CanaryError."""
        exporter = OTLPSpanExporter(
            endpoint=f"{self._endpoint()}/v1/traces", headers={"authorization": f"Bearer {self._token()}"}, timeout=5
        )
        span = self._tracer.start_span("heartbeat")
        span.end()
        assert isinstance(span, ReadableSpan)
        try:
            if exporter.export([span]) is not SpanExportResult.SUCCESS:
                raise CanaryError("the collector did not take the heartbeat: no case advances until it does")
        finally:
            exporter.shutdown()  # type: ignore[no-untyped-call]

    def _token(self) -> str:
        """One of its own for each process, renewed in time, and kept in memory alone."""
        now = self._registry.now()
        if self._until is not None and now < self._until - _RENEWED:
            return self._secret
        secret = tokens.PREFIX + secrets.token_urlsafe(32)
        with self._registry.database.writing() as session:
            if session.get(Organisation, HEARTBEAT_ORG) is None:
                session.add(Organisation(id=HEARTBEAT_ORG, name="Muster itself", created_at=now))
            session.execute(delete(Token).where(Token.org == HEARTBEAT_ORG, Token.expires_at < now))
            session.add(
                Token(
                    id=f"tok_{secrets.token_hex(8)}", org=HEARTBEAT_ORG, kind="service", name=HEARTBEAT_SERVICE,
                    digest=tokens.digest_of(secret), person=None, agents=[], scopes=["ingest"], created_at=now,
                    created_by="muster:lifecycle", expires_at=now + _LASTS, revoked_at=None, revoked_by=None,
                    last_used_at=None, suspended_at=None,
                )
            )  # fmt: skip
        self._wait(_KNOWN_AFTER)
        self._secret, self._until = secret, now + _LASTS
        return secret
