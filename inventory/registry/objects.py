"""What agents, people, teams and definitions have in common: they are found, put, counted and searched the same way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from inventory.db.models import Base, Term
from inventory.registry.errors import Missing

_Row = TypeVar("_Row", bound=Base)
_WORD = re.compile(r"[^\W_]+")
_LONGEST = 64
_MOST_TERMS = 400


def found(session: Session, table: type[_Row], what: str, org: str, *key: str) -> _Row:
    """The row with this key. Raises Missing."""
    row = session.get(table, (org, *key))
    if row is None:
        raise Missing(what, "/".join(key))
    return row


def locked(session: Session, table: type[_Row], what: str, org: str, *key: str) -> _Row:
    """As `found`, and until the transaction's end nobody else changes it: what is compared then still holds."""
    row = session.get(table, (org, *key), with_for_update=True, populate_existing=True)
    if row is None:
        raise Missing(what, "/".join(key))
    return row


def words(*texts: str | None) -> list[str]:
    """Words of texts in lower case; a name with signs in it is a word as a whole too."""
    found: dict[str, None] = {}
    for text in texts:
        for piece in (text or "").casefold().split():
            found[piece.strip(".,;:()[]\"'")[:_LONGEST]] = None
            found.update(dict.fromkeys(word[:_LONGEST] for word in _WORD.findall(piece)))
    found.pop("", None)
    return list(found)


def index(session: Session, org: str, kind: str, agent: str, name: str, texts: Iterable[str | None]) -> None:
    """Let the object be found by these texts' words, and by no others."""
    session.execute(delete(Term).where(Term.org == org, Term.kind == kind, Term.agent == agent, Term.object == name))
    rows: list[dict[str, Any]] = [
        {"org": org, "term": term, "kind": kind, "agent": agent, "object": name} for term in words(*texts)[:_MOST_TERMS]
    ]
    if rows:
        session.execute(insert(Term), rows)
