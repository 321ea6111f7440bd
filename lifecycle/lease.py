"""Who acts: one process at a time, by a row that expires, and a number that grows with every holder.

Safety rests on the number alone: every transaction that does something checks it, so that a leader that was paused
while another took over can't act, whatever its clock says. The clock decides only how soon another takes over.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.db.cases import Lease as Row
from inventory.db.engine import Database

LASTS: Final = timedelta(seconds=30)
NAME: Final = "lifecycle"


class Fenced(Exception):
    """Somebody else acts now: what was begun is left to them."""


class Lease:
    """One candidate for acting. `take` again and again keeps it. Safe to share between threads."""

    def __init__(
        self,
        database: Database,
        *,
        name: str = NAME,
        holder: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        lasts: timedelta = LASTS,
    ) -> None:
        self._database = database
        self._name = name
        self._now = now
        self._lasts = lasts
        self.holder = holder or f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self.token: int | None = None

    def take(self) -> bool:
        """Take it, or hold it for longer: whether it is ours. Raises DatabaseError."""
        now = self._now()
        with self._database.writing() as session:
            insert = sqlite.insert if self._database.sqlite else postgresql.insert
            session.execute(
                insert(Row)
                .values(name=self._name, holder="", token=0, expires_at=datetime(1970, 1, 1, tzinfo=UTC))
                .on_conflict_do_nothing()
            )
            row = self._row(session)
            ours = row.holder == self.holder and row.token == self.token
            if not ours and row.holder and now < row.expires_at:
                self.token = None
                return False
            if not ours:
                row.holder, row.token = self.holder, row.token + 1
            row.expires_at = now + self._lasts
            token = row.token
        self.token = token
        return True

    def release(self) -> None:
        """So that another needn't wait until it expires."""
        with self._database.writing() as session:
            row = self._row(session)
            if row.holder == self.holder and row.token == self.token:
                row.holder, row.expires_at = "", self._now()
        self.token = None

    def check(self, session: Session) -> None:
        """Raises Fenced unless it is ours, and until the transaction's end nobody takes it."""
        row = self._row(session)
        if self.token is None or row.token != self.token or row.holder != self.holder:
            raise Fenced(f"{row.holder or 'nobody'} holds the lease {self._name} (token {row.token})")

    def _row(self, session: Session) -> Row:
        asked = select(Row).where(Row.name == self._name).with_for_update().execution_options(populate_existing=True)
        return session.scalars(asked).one()
