"""The audit log: who changed what, each entry holding the hash of the one before.

An entry is written in the transaction of the change itself. The database refuses to change or remove entries; whoever
gets round it breaks the chain, which `verify` finds. A tail that was cut off can't be seen from inside: `verify`
compares with heads that were signed and kept elsewhere (`inventory.anchors`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.canonical import canonical, sha256
from inventory.db.engine import Database
from inventory.db.models import Audit

GENESIS: Final = "0" * 64
"""What the first entry names as the one before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What an actor did to an object. `before` and `after` are JSON values; None: it was not, or is no more."""

    org: str
    actor: str
    action: str
    kind: str
    object: str
    before: Any
    after: Any
    request_id: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of the chain: its number (0: there is none) and hash."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain doesn't hold, and why, in words."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk over the chain found. `anchors`: signed heads it was compared with."""

    head: Head
    entries: int
    anchors: int
    breaks: Sequence[Break]

    @property
    def intact(self) -> bool:
        return not self.breaks


def append(database: Database, session: Session, entries: Iterable[Entry], at: datetime) -> None:
    """Put entries at the chain's end; they are there when the session's transaction commits."""
    database.lock_chain(session)
    newest = head(session)
    for entry in entries:
        row = Audit(
            seq=newest.seq + 1,
            at=at,
            org=entry.org,
            actor=entry.actor,
            action=entry.action,
            kind=entry.kind,
            object=entry.object,
            before=None if entry.before is None else canonical(entry.before),
            after=None if entry.after is None else canonical(entry.after),
            request_id=entry.request_id,
            previous=newest.hash,
        )
        row.hash = digest(row)
        session.add(row)
        newest = Head(row.seq, row.hash)
    session.flush()


def head(session: Session) -> Head:
    row = session.execute(select(Audit.seq, Audit.hash).order_by(Audit.seq.desc()).limit(1)).first()
    return Head(0, GENESIS) if row is None else Head(row.seq, row.hash)


def digest(row: Audit) -> str:
    """SHA-256 over every column but the hash itself, as canonical JSON."""
    return sha256(
        canonical(
            {
                "seq": row.seq,
                "at": row.at.isoformat(timespec="microseconds"),
                "org": row.org,
                "actor": row.actor,
                "action": row.action,
                "kind": row.kind,
                "object": row.object,
                "before": row.before,
                "after": row.after,
                "request_id": row.request_id,
                "previous": row.previous,
            }
        )
    )


def verify(session: Session, anchored: Sequence[Head] = (), most: int = 20) -> Verdict:
    """Walk the whole chain and compare it with the heads that were kept elsewhere; `most` breaks are told."""
    expected = {anchor.seq: anchor.hash for anchor in anchored}
    breaks: list[Break] = []
    before, count = Head(0, GENESIS), 0
    for row in _all(session):
        count += 1
        if row.seq != before.seq + 1:
            gone = (
                f"entries {before.seq + 1} to {row.seq - 1} are gone" if row.seq > before.seq else "it is out of order"
            )
            breaks.append(Break(row.seq, gone))
        elif row.previous != before.hash:
            breaks.append(Break(row.seq, f"it doesn't follow entry {before.seq}: one of them was changed"))
        if digest(row) != row.hash:
            breaks.append(Break(row.seq, "its content is not what was written"))
        signed = expected.pop(row.seq, None)
        if signed is not None and signed != row.hash:
            breaks.append(Break(row.seq, "it is not the entry whose hash was signed"))
        before = Head(row.seq, row.hash)
        if len(breaks) >= most:
            break
    else:
        breaks += [
            Break(seq, f"the log ends at entry {before.seq}, but entry {seq} was signed: its tail was cut off")
            for seq in sorted(expected)
            if seq > before.seq
        ]
    return Verdict(before, count, len(anchored), breaks[:most])


def _all(session: Session) -> Iterator[Audit]:
    """Every entry in order, not all at once in memory."""
    rows = session.scalars(select(Audit).order_by(Audit.seq).execution_options(yield_per=1000))
    for row in rows:
        yield row
        session.expunge(row)
