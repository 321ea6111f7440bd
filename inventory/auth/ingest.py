"""Who sends telemetry: the registry's machine tokens, known without asking the database for each request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from collector.errors import Unauthenticated
from collector.receivers.auth import Verifier
from collector.signals import Method, Principal
from inventory.auth.caller import Kind
from inventory.auth.policy import Scope
from inventory.auth.uses import TokenUses
from inventory.db.engine import Database
from inventory.db.models import Token
from inventory.registry import tokens

_REMEDY: Final = "ask an admin for a token: muster tokens issue"


@dataclass(frozen=True, slots=True)
class _Sender:
    principal: Principal
    token: str
    expires: datetime


class Nobody:
    """Takes nobody: for a collector that others can reach and that has no token file of its own."""

    def verify(self, authorization: str | None) -> Principal:
        raise Unauthenticated(f"send 'Authorization: Bearer <token>' with a token of this Muster; {_REMEDY}")


class IngestTokens:
    """A verifier for the collector. Call `refresh` every few seconds; what it says is what is known then.

    Credentials that aren't the registry's go to `others`: a token file's, or nobody's on a machine of one's own.
    """

    def __init__(
        self, database: Database, others: Verifier, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._others = others
        self._now = now
        self._known: Mapping[bytes, _Sender] = {}
        self.uses = TokenUses(database)

    def __repr__(self) -> str:
        return f"IngestTokens({len(self._known)} tokens, {self._others!r})"

    def refresh(self) -> None:
        """Read which tokens may send. Raises DatabaseError: until it succeeds again, what was known goes on."""
        with self._database.reading() as session:
            rows = session.scalars(_accepted(self._now()))
            self._known = {
                row.digest: _Sender(_principal(row), row.id, row.expires_at)
                for row in rows
                if not row.scopes or Scope.INGEST in row.scopes
            }

    def verify(self, authorization: str | None) -> Principal:
        """Raises Unauthenticated or Forbidden. Asks nothing but memory."""
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret.startswith(tokens.PREFIX):
            return self._others.verify(authorization)
        sender = self._known.get(tokens.digest_of(secret))
        if sender is None:
            raise Unauthenticated(
                f"the token is not known here, was revoked or suspended, or may not send telemetry; {_REMEDY}"
            )
        now = self._now()
        if now >= sender.expires:
            raise Unauthenticated(f"the token has expired; {_REMEDY}")
        self.uses.note(sender.token, now)
        return sender.principal


def accepted(session: Session, now: datetime, token: str) -> bool:
    """Whether the collector takes it, as of the next `refresh`."""
    return session.scalar(_accepted(now).where(Token.id == token)) is not None


def _accepted(now: datetime) -> Select[Token]:
    return select(Token).where(
        Token.revoked_at.is_(None),
        Token.suspended_at.is_(None),
        Token.expires_at > now,
        Token.kind != Kind.PERSON.value,
    )


def _principal(row: Token) -> Principal:
    """An agent's token is the agent; a service's is itself; what a gateway sends is what it asserts."""
    if row.kind == Kind.AGENT.value:
        return Principal(row.org, row.agents[0], Method.TOKEN)
    return Principal(row.org, row.name, Method.ASSERTED if row.kind == Kind.GATEWAY.value else Method.TOKEN)
