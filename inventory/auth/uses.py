"""When tokens were used last: kept in memory, and written down now and then."""

from __future__ import annotations

import threading
from datetime import datetime

from inventory.db.engine import Database
from inventory.registry import tokens


class TokenUses:
    """Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def note(self, token: str, at: datetime) -> None:
        with self._lock:
            self._used[token] = at

    def write(self) -> int:
        """Write them down: how many. Call it every minute or so. Raises DatabaseError."""
        with self._lock:
            used, self._used = self._used, {}
        if used:
            with self._database.writing() as session:
                tokens.used(session, used)
        return len(used)
