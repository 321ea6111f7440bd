"""What is to be done to packages: one process does a work at a time, and goes on where another was killed.

A work is held by a row that expires and a number that grows with every holder: every transaction of whoever works
checks the number, so that a process that was paused while another took over changes nothing.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.auth.caller import Caller, Kind
from inventory.contract.records import WorkKind
from inventory.db.engine import DatabaseError
from inventory.db.records import RecordWork
from inventory.registry.change import Asking, Change, Registry
from inventory.registry.errors import Missing

log = logging.getLogger(__name__)
ACTOR: Final = "system:records"
LASTS: Final = timedelta(seconds=60)
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SLOWEST: Final = timedelta(minutes=15)


class Fenced(Exception):
    """Somebody else does this work now."""


@dataclass(slots=True)
class Progress:
    """How far a work is; what it counts is said in `what`."""

    what: str = ""
    done: int = 0
    total: int = 0
    bytes: int = 0

    def document(self) -> dict[str, Any]:
        return {"what": self.what, "done": self.done, "total": self.total, "bytes": self.bytes}


@dataclass(slots=True)
class Grip:
    """A work that this process does."""

    org: str
    id: str
    package: str
    kind: WorkKind
    by: str
    token: int
    holder: str
    attempts: int
    registry: Registry
    progress: Progress = field(default_factory=Progress)
    lost: threading.Event = field(default_factory=threading.Event)

    def asking(self) -> Asking:
        """In whose name the registry is changed; who wanted it stands in the work."""
        return asking(self.org, self.id)

    def check(self, session: Session) -> RecordWork:
        """Raises Fenced unless it is ours, and until the transaction's end nobody takes it."""
        row = session.get_one(RecordWork, (self.org, self.id), with_for_update=True, populate_existing=True)
        if row.token != self.token or row.holder != self.holder or row.state != "running":
            self.lost.set()
            raise Fenced(f"{row.holder or 'nobody'} does {self.kind} of {self.package} now")
        return row

    def renew(self) -> None:
        """Keep it, and let others see how far it is. Raises Fenced or DatabaseError."""
        if self.lost.is_set():
            raise Fenced(f"{self.kind} of {self.package} was taken over")
        with self.registry.database.writing() as session:
            row = self.check(session)
            row.expires_at = self.registry.now() + LASTS
            row.progress = self.progress.document()

    def told(self, what: str, done: int | None = None, total: int | None = None) -> None:
        """Say what is being done; others see it at the next turn."""
        self.progress.what = what
        if done is not None:
            self.progress.done = done
        if total is not None:
            self.progress.total = total


def asking(org: str, request: str = "records") -> Asking:
    """Of the records' own jobs."""
    return Asking(Caller(org, ACTOR, Kind.LOCAL), request)


def ask(change: Change, package: str, kind: WorkKind) -> RecordWork:
    """Let it be done. What waits or runs already is not asked for twice."""
    found = change.session.scalars(
        select(RecordWork).where(
            RecordWork.org == change.org, RecordWork.package == package, RecordWork.kind == kind,
            RecordWork.state.in_(("waiting", "running")),
        )
    ).first()  # fmt: skip
    if found is not None:
        found.try_at = min(found.try_at, change.at)
        return found
    row = RecordWork(
        org=change.org, id=f"work_{secrets.token_hex(8)}", package=package, kind=kind, state="waiting",
        by=change.actor, asked_at=change.at, try_at=change.at, attempts=0, holder="", token=0, expires_at=_NEVER,
        progress=Progress().document(), result={}, error="", ended_at=None,
    )  # fmt: skip
    change.session.add(row)
    change.session.flush()
    return row


def get(session: Session, org: str, name: str) -> RecordWork:
    row = session.get(RecordWork, (org, name))
    if row is None:
        raise Missing("work", name)
    return row


class Works:
    """Takes works one after another. Safe to share between processes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.holder = f"{socket.gethostname()}-{secrets.token_hex(4)}"

    def take(self) -> Grip | None:
        """The next that is due and that nobody holds; None: there is none. Raises DatabaseError."""
        now = self._registry.now()
        due = (
            select(RecordWork)
            .where(RecordWork.state.in_(("waiting", "running")), RecordWork.try_at <= now)
            .where(RecordWork.expires_at <= now)
            .order_by(RecordWork.try_at, RecordWork.id)
            .limit(1)
        )
        with self._registry.reading() as session:
            if session.scalars(due).first() is None:
                return None  # nobody is kept from writing for it
        with self._registry.database.writing() as session:
            row = session.scalars(due.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            row.state, row.holder, row.token, row.attempts = "running", self.holder, row.token + 1, row.attempts + 1
            row.expires_at = now + LASTS
            kind: Any = row.kind
            return Grip(row.org, row.id, row.package, kind, row.by, row.token, row.holder, row.attempts, self._registry)

    def done(self, grip: Grip, result: dict[str, Any]) -> None:
        with self._registry.database.writing() as session:
            row = grip.check(session)
            row.progress = grip.progress.document()
            row.state, row.result, row.error, row.ended_at = "done", result, "", self._registry.now()

    def failed(self, grip: Grip, why: str, *, again: bool) -> None:
        """`again`: it is tried once more, later and later."""
        with self._registry.database.writing() as session:
            row = grip.check(session)
            row.error, row.holder, row.expires_at = why, "", _NEVER
            if again:
                row.state = "waiting"
                row.try_at = self._registry.now() + min(timedelta(seconds=5 * 2 ** min(row.attempts, 10)), _SLOWEST)
            else:
                row.state, row.ended_at = "failed", self._registry.now()


@contextmanager
def kept(grip: Grip, every: float = 2.0) -> Iterator[None]:
    """While the work is done its hold is renewed beside it; when it is lost, `grip.lost` is set."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(every):
            try:
                grip.renew()
            except Fenced:
                return
            except DatabaseError as error:
                # It may be back at the next turn; whoever acts checks it again.
                log.warning("the hold on %s can't be renewed: %s", grip.id, error)

    thread = threading.Thread(target=renew, name=f"keeps {grip.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
