"""From an Authorization header to a caller: local admin token, tokens of the registry, or an identity provider's."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from sqlalchemy.orm import Session

from inventory.auth.caller import Caller, Kind
from inventory.auth.errors import NotAuthenticated
from inventory.auth.roles import Grant
from inventory.auth.uses import TokenUses
from inventory.db.engine import Database
from inventory.db.models import Person, Token
from inventory.registry import people, tokens

_FRESH: Final = timedelta(seconds=10)
"""How long what is known of a token is believed without asking: a revoked one works for so long at most."""
_MOST: Final = 10_000
LOCAL: Final = Caller("default", "local:admin", Kind.LOCAL)
_REMEDY: Final = "send 'Authorization: Bearer <token>'"


class People(Protocol):
    """Verifies an identity provider's tokens."""

    def caller(self, token: str) -> tuple[str, tuple[Grant, ...]]:
        """The person, and what their groups give. Raises AuthError."""


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    token: str
    expires: datetime
    until: datetime


class Authenticator:
    """Safe to share between threads. `admin`: SHA-256 of the local admin token; None: there is none."""

    def __init__(
        self,
        database: Database,
        *,
        admin: bytes | None = None,
        provider: People | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._admin = admin
        self._provider = provider
        self._now = now
        self._known: dict[bytes, _Known] = {}
        self.uses = TokenUses(database)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Authenticator(admin={self._admin is not None}, provider={self._provider is not None})"

    def caller(self, authorization: str | None) -> Caller:
        """Raises AuthError, and DatabaseError when who it is can't be looked up."""
        if not authorization:
            raise NotAuthenticated(f"no credentials: {_REMEDY}", "missing")
        scheme, _, secret = authorization.partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise NotAuthenticated(f"the authorization is not a bearer token: {_REMEDY}", "malformed")
        digest = tokens.digest_of(secret)
        if self._admin is not None and hmac.compare_digest(digest, self._admin):
            return LOCAL
        if secret.startswith(tokens.PREFIX):
            return self._of_registry(digest)
        if self._provider is None:
            raise NotAuthenticated("the token is not known: ask an admin for one, or see MUSTER_OIDC_ISSUER", "unknown")
        person, grants = self._provider.caller(secret)
        return self._of_person(person, grants)

    def _of_registry(self, digest: bytes) -> Caller:
        now = self._now()
        known = self._known.get(digest)
        if known is None or now >= known.until:
            known = self._looked_up(digest, now)
        if now >= known.expires:
            raise NotAuthenticated("the token has expired: ask an admin for a new one", "expired")
        self.uses.note(known.token, now)
        return known.caller

    def _looked_up(self, digest: bytes, now: datetime) -> _Known:
        with self._database.reading() as session:
            row = tokens.by_digest(session, digest)
            if row is None:
                raise NotAuthenticated("the token is not known: ask an admin for one", "unknown")
            if row.revoked_at is not None:
                self._known.pop(digest, None)
                raise NotAuthenticated("the token was revoked: ask an admin for a new one", "revoked")
            if row.suspended_at is not None:
                self._known.pop(digest, None)
                raise NotAuthenticated("the token's agent is disabled: ask its owner to take it back", "suspended")
            known = _Known(_holder(session, row), row.id, row.expires_at, now + _FRESH)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[digest] = known
        return known

    def _of_person(self, person: str, grants: tuple[Grant, ...]) -> Caller:
        """In the organisation of their first grant. Who isn't in the registry has what their groups give."""
        org = grants[0].org if grants else "default"
        with self._database.reading() as session:
            row = session.get(Person, (org, person))
            if row is not None and not row.active:
                raise NotAuthenticated(f"{person} is no longer active here: ask an admin", "inactive")
            return _as_person(session, org, person, grants)


def _holder(session: Session, row: Token) -> Caller:
    scopes = frozenset(row.scopes) if row.scopes else None
    if row.person is None:
        return Caller(row.org, f"token:{row.id}", Kind(row.kind), agents=frozenset(row.agents), scopes=scopes)
    person = session.get(Person, (row.org, row.person))
    if person is None or not person.active:
        raise NotAuthenticated("the token's person is no longer active here: ask an admin", "inactive")
    holder = _as_person(session, row.org, row.person, ())
    return replace(holder, scopes=scopes, issuer=row.created_by)


def _as_person(session: Session, org: str, person: str, grants: tuple[Grant, ...]) -> Caller:
    teams = frozenset(people.teams_of(session, org, [person])[person])
    all_grants = tuple(dict.fromkeys([*grants, *people.grants_of(session, org, person)]))
    return Caller(org, f"person:{person}", Kind.PERSON, person, all_grants, teams=teams)
