"""Tokens: made, shown once, kept as digests, used, revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from inventory.auth.caller import Caller, Kind
from inventory.auth.policy import MACHINES, Scope
from inventory.contract import people as wire
from inventory.db.models import Agent, Json, Token
from inventory.registry import pages, people
from inventory.registry.change import Asking, Change
from inventory.registry.errors import Forbidden, Missing, Unfit

KIND: Final = "token"
PREFIX: Final = "muster_"
"""What a token begins with, so that a scanner that looks for leaked ones knows it."""


def digest_of(secret: str) -> bytes:
    """A token has 256 random bits: a plain hash tells nothing of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def issue(change: Change, new: wire.NewToken) -> tuple[Token, str]:
    """A token and its secret. Raises Unfit for who or what isn't known, or scopes that its kind never has."""
    session, org = change.session, change.org
    wrong: list[tuple[str, str, str]] = []
    known = set(session.scalars(select(Agent.id).where(Agent.org == org, Agent.id.in_(new.agents))))
    unknown = sorted(set(new.agents) - known)
    if unknown:
        wrong.append(("body.agents", f"not registered: {', '.join(unknown)}", "register them first: POST /v1/agents"))
    allowed = MACHINES.get(Kind(new.kind), frozenset(Scope))
    beyond = sorted(scope.value for scope in new.scopes if scope not in allowed)
    if beyond:
        wrong.append(("body.scopes", f"a token of kind {new.kind} never has {', '.join(beyond)}", "leave them out"))
    if new.person is not None:
        people.person(session, org, new.person)
    if wrong:
        raise Unfit(*wrong)
    secret = PREFIX + secrets.token_urlsafe(32)
    row = Token(
        id=f"tok_{secrets.token_hex(8)}", org=org, kind=new.kind, name=new.name, digest=digest_of(secret),
        person=new.person, agents=sorted(known), scopes=sorted({scope.value for scope in new.scopes}),
        created_at=change.at, created_by=change.actor, expires_at=change.at + timedelta(days=new.days),
        revoked_at=None, revoked_by=None, last_used_at=None, suspended_at=None,
    )  # fmt: skip
    session.add(row)
    change.record("issue", KIND, row.id, None, snapshot(row))
    return row, secret


def get(session: Session, org: str, name: str) -> Token:
    """Raises Missing."""
    row = session.get(Token, name)
    if row is None or row.org != org:
        raise Missing(KIND, name)
    return row


def revoke(change: Change, name: str, reason: str) -> Token:
    """Not accepted any more, from the next seconds on. Raises Missing. Revoked already: nothing changes."""
    row = get(change.session, change.org, name)
    if row.revoked_at is None:
        before = snapshot(row)
        row.revoked_at, row.revoked_by = change.at, change.actor
        change.record("revoke", KIND, name, before, {**snapshot(row), "reason": reason})
    return row


def suspend(change: Change, row: Token, at: datetime | None) -> None:
    """Not accepted from the next seconds on; None: accepted again."""
    before = snapshot(row)
    row.suspended_at = at
    change.record("resume" if at is None else "suspend", KIND, row.id, before, snapshot(row))


def may_issue(caller: Caller, new: wire.NewToken, everything: bool) -> None:
    """An admin any; a person their own for scripts, but not with a token that was narrowed. Raises Forbidden."""
    own = new.kind == "person" and new.person is not None and new.person == caller.person
    if everything or (own and caller.scopes is None):
        return
    raise Forbidden(
        "You can't issue this token",
        "Only an admin issues tokens for others and for machines.",
        "ask an admin, or issue one of kind person for yourself",
    )


def not_kept(asking: Asking) -> None:
    """Raises Unfit for a key that would make us keep the answer, and the secret in it."""
    if asking.idempotency_key is not None:
        raise Unfit(
            (
                "header.idempotency-key",
                "a token's secret is shown once and kept nowhere, so the answer can't be given again",
                "leave it out; if the answer was lost, revoke the token and issue another",
            )
        )


def listed(
    session: Session, org: str, limit: int, cursor: str | None, *, only_person: str | None = None
) -> tuple[Sequence[Token], str | None]:
    """A page by id, and the cursor of the next."""
    of = ["tokens", org, only_person]
    asked = select(Token).where(Token.org == org)
    if only_person is not None:
        asked = asked.where(Token.person == only_person)
    return pages.by(session, asked, Token.id, of, limit, cursor)


def by_digest(session: Session, digest: bytes) -> Token | None:
    return session.scalar(select(Token).where(Token.digest == digest))


def used(session: Session, moments: Mapping[str, datetime]) -> None:
    """Note when tokens were used last. No audit entry: it would be one a minute for each."""
    for name, at in sorted(moments.items()):
        session.execute(
            update(Token)
            .where(Token.id == name, (Token.last_used_at.is_(None)) | (Token.last_used_at < at))
            .values(last_used_at=at)
        )


def snapshot(row: Token) -> Json:
    """Without the digest: what can't be used to look for the token has no place in a log."""
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "person": row.person,
        "agents": row.agents,
        "scopes": row.scopes,
        "expires_at": row.expires_at.isoformat(),
        "revoked_by": row.revoked_by,
        "suspended_at": row.suspended_at.isoformat() if row.suspended_at else None,
    }


def answers(rows: Iterable[Token]) -> list[wire.Token]:
    return [wire.Token.model_validate({name: getattr(row, name) for name in wire.Token.model_fields}) for row in rows]
