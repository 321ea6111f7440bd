"""Who read content: a log of its own, written by every process in signed segments, so that readers don't queue.

A read is noted before its answer is sent: `note` returns when the segment that holds it is committed. Reads that come
while a segment is being written go into the next one together.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.anchors import Signer
from inventory.auth.caller import Caller
from inventory.canonical import canonical, sha256
from inventory.db.engine import Database, DatabaseError
from inventory.db.models import ReadSegment

_GENESIS: Final = "0" * 64
_MOST: Final = 5_000


@dataclass(frozen=True, slots=True)
class Read:
    """Somebody saw the content of something."""

    at: datetime
    org: str
    actor: str
    what: str


@dataclass(slots=True)
class _Waiting:
    read: Read
    written: bool = False
    error: Exception | None = None


class ReadLog:
    """Safe to share between threads; one for a process, whose segments are chained."""

    def __init__(
        self, database: Database, signer: Signer, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._signer = signer
        self._now = now
        self._process = uuid.uuid4().hex
        self._number, self._previous = 0, _GENESIS
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def note(self, caller: Caller, what: str) -> None:
        """Durable when it returns. Raises DatabaseError: then nothing may be shown."""
        mine = _Waiting(Read(self._now(), caller.org, caller.actor, what))
        with self._lock:
            self._waiting.append(mine)
        # Whoever gets here first writes for all who wait; the others find their own written.
        with self._writing:
            while not mine.written:
                self._write()
        if mine.error is not None:
            raise mine.error

    def _write(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        error: Exception | None = DatabaseError("the log of content reads can't be written: see the log")
        try:
            with self._database.writing() as session:
                row = self._segment([waiting.read for waiting in batch])
                session.add(row)
            self._number, self._previous, error = row.number, row.hash, None
        except DatabaseError as reason:
            error = reason
        finally:
            for waiting in batch:
                waiting.error, waiting.written = error, True

    def _segment(self, reads: Sequence[Read]) -> ReadSegment:
        row = ReadSegment(
            process=self._process,
            number=self._number + 1,
            first_at=min(read.at for read in reads),
            last_at=max(read.at for read in reads),
            reads=canonical(
                [{"at": read.at.isoformat(), "org": read.org, "actor": read.actor, "what": read.what} for read in reads]
            ),
            previous=self._previous,
        )
        row.hash = _digest(row)
        row.signature = self._signer.sign(row.hash)
        return row


def reads(session: Session, org: str, limit: int = 1000) -> list[Read]:
    """The newest reads of an organisation, newest first."""
    found: list[Read] = []
    segments = session.scalars(
        select(ReadSegment).order_by(ReadSegment.first_at.desc()).execution_options(yield_per=100)
    )
    for segment in segments:
        found += [read for read in _reads_of(segment) if read.org == org]
        if len(found) >= limit:
            break
    return sorted(found, key=lambda read: read.at, reverse=True)[:limit]


def broken(session: Session, signer: Signer) -> list[str]:
    """Segments that aren't what was written, in words. A process's last segments that are gone can't be missed."""
    wrong: list[str] = []
    previous: dict[str, tuple[int, str]] = {}
    segments = session.scalars(
        select(ReadSegment).order_by(ReadSegment.process, ReadSegment.number).execution_options(yield_per=100)
    )
    for row in segments:
        number, before = previous.get(row.process, (0, _GENESIS))
        if row.number != number + 1 or row.previous != before:
            wrong.append(f"segment {row.number} of {row.process}: the one before is gone or was changed")
        if _digest(row) != row.hash or not signer.verify(row.hash, row.signature):
            wrong.append(f"segment {row.number} of {row.process}: it is not what was signed")
        previous[row.process] = row.number, row.hash
    return wrong


def _reads_of(segment: ReadSegment) -> Iterator[Read]:
    entries: list[dict[str, Any]] = json.loads(segment.reads)
    for entry in entries:
        yield Read(datetime.fromisoformat(entry["at"]), entry["org"], entry["actor"], entry["what"])


def _digest(row: ReadSegment) -> str:
    return sha256(
        canonical(
            {
                "process": row.process,
                "number": row.number,
                "first_at": row.first_at.isoformat(timespec="microseconds"),
                "last_at": row.last_at.isoformat(timespec="microseconds"),
                "reads": row.reads,
                "previous": row.previous,
            }
        )
    )
