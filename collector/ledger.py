"""The ledger: what was received from whom, how each batch is inserted, and what became of it.

One SQLite file beside the spool, synced at every commit. A batch's plan is in it before the first attempt, and its
completion before its segment goes, so that whatever a crash interrupts is either repeated to the letter or done.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from collector.segment import Segment, Sender, Tally
from collector.signals import Signal
from collector.store.writer import Plan

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    batch_id TEXT PRIMARY KEY, signal TEXT NOT NULL, sequence INTEGER NOT NULL, revision INTEGER NOT NULL,
    skip TEXT NOT NULL, settings TEXT NOT NULL, schema_digest TEXT NOT NULL, engine TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'stored')),
    frames INTEGER NOT NULL, items INTEGER NOT NULL, planned_at REAL NOT NULL, stored_at REAL, digests BLOB
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS batches_sequence ON batches (signal, sequence);
CREATE TABLE IF NOT EXISTS senders (
    batch_id TEXT NOT NULL, hour INTEGER NOT NULL, org TEXT NOT NULL, identity TEXT NOT NULL,
    received INTEGER NOT NULL, items INTEGER NOT NULL, rejected INTEGER NOT NULL, absorbed INTEGER NOT NULL,
    PRIMARY KEY (batch_id, hour, org, identity)
) STRICT;
CREATE INDEX IF NOT EXISTS senders_hour ON senders (hour);
CREATE TABLE IF NOT EXISTS dead (
    name TEXT PRIMARY KEY, batch_id TEXT NOT NULL, signal TEXT NOT NULL, hour INTEGER NOT NULL, org TEXT NOT NULL,
    identity TEXT NOT NULL, items INTEGER NOT NULL, error TEXT NOT NULL, buried_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'requeued'))
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Dead:
    """A request the engine can't read, kept with its error. `name` is also its segment's."""

    name: str
    batch_id: str
    signal: Signal
    sender: Sender
    items: int
    error: str
    buried_at: float


@dataclass(frozen=True, slots=True)
class BatchShare:
    """What one sender had in one batch in one hour."""

    batch_id: str
    signal: Signal
    sender: Sender
    tally: Tally


class Ledger:
    """Thread-safe; every change is durable when its call returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('instance', ?)", (secrets.token_hex(3),))
        row = self._db.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()
        self.instance: str = row[0]
        """Six hex digits that keep the batch ids of several collectors apart."""

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def last_sequence(self, signal: Signal) -> int:
        """The highest batch number ever planned."""
        row = self._one("SELECT max(sequence) FROM batches WHERE signal = ?", signal)
        return int(row[0] or 0)

    def missing_sequences(self, signal: Signal, on_disk: set[int]) -> list[int]:
        """Batch numbers that are neither planned nor on disk: segments somebody removed. At most 100."""
        with self._lock:
            rows = self._db.execute("SELECT sequence FROM batches WHERE signal = ?", (signal,)).fetchall()
        known = {row[0] for row in rows} | on_disk
        # What was pruned is not missing.
        pruned = self._one("SELECT value FROM meta WHERE key = ?", f"pruned {signal}")
        first = max(min(known, default=1), int(pruned[0]) + 1 if pruned else 1)
        missing = (number for number in range(first, max(known, default=0)) if number not in known)
        return [number for number, _ in zip(missing, range(100), strict=False)]

    # Plans

    def plan_of(self, batch_id: str) -> tuple[Plan, frozenset[int]] | None:
        """The recorded plan of a batch and the frames it leaves out, if it was planned."""
        row = self._one(
            "SELECT revision, settings, schema_digest, engine, skip FROM batches WHERE batch_id = ?", batch_id
        )
        if row is None:
            return None
        return Plan(batch_id, row[0], json.loads(row[1]), row[2], row[3]), frozenset(json.loads(row[4]))

    def state_of(self, batch_id: str) -> Literal["planned", "stored"] | None:
        row = self._one("SELECT state FROM batches WHERE batch_id = ?", batch_id)
        return cast('Literal["planned", "stored"]', row[0]) if row else None

    def planned_frames(self, batch_id: str) -> int | None:
        """How many frames the segment had when its batch was planned; None if it wasn't."""
        row = self._one("SELECT frames FROM batches WHERE batch_id = ?", batch_id)
        return int(row[0]) if row else None

    def planned_after(self, signal: Signal, batch_id: str) -> int:
        """How many batches were planned after this one: the store's deduplication window is finite."""
        # By row, not by time: clocks jump.
        row = self._one(
            "SELECT count(*) FROM batches WHERE signal = ? AND rowid > (SELECT rowid FROM batches WHERE batch_id = ?)",
            signal,
            batch_id,
        )
        return int(row[0])

    def plan(self, segment: Segment, plan: Plan, skip: Iterable[int], dead: Sequence[Dead] = ()) -> None:
        """Record how a segment is inserted, and what of it was buried, before it is tried."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, NULL, NULL)",
                (
                    plan.batch_id,
                    segment.signal,
                    sequence_of(segment.name),
                    plan.revision,
                    json.dumps(sorted(skip)),
                    json.dumps(dict(plan.settings)),
                    plan.schema_digest,
                    plan.engine_version,
                    segment.frames,
                    segment.items - sum(entry.items for entry in dead),
                    time.time(),
                ),
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO dead (name, batch_id, signal, hour, org, identity, items, error, buried_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        letter.name,
                        letter.batch_id,
                        letter.signal,
                        letter.sender.hour,
                        letter.sender.org,
                        letter.sender.identity,
                        letter.items,
                        letter.error,
                        letter.buried_at,
                    )
                    for letter in dead
                ],
            )

    def stored(self, segment: Segment) -> None:
        """The batch is in the tables, fsynced: its segment may go."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "UPDATE batches SET state = 'stored', stored_at = ?, digests = ? WHERE batch_id = ?",
                (time.time(), b"".join(segment.digests), segment.name),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO senders VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (segment.name, s.hour, s.org, s.identity, t.received, t.items, t.rejected, t.absorbed)
                    for s, t in segment.tallies.items()
                ],
            )

    # Digests of requests already taken

    def digests(self) -> list[bytes]:
        """Digests of stored requests not yet forgotten."""
        with self._lock:
            rows = self._db.execute("SELECT digests FROM batches WHERE digests IS NOT NULL").fetchall()
        return [blob[i : i + 16] for (blob,) in rows for i in range(0, len(blob), 16)]

    def mark(self) -> int:
        """A point in the ledger, for `forget_digests`."""
        return int(self._one("SELECT coalesce(max(rowid), 0) FROM batches")[0])

    def forget_digests(self, mark: int) -> None:
        """Drop the digests of batches up to a mark."""
        with self._lock:
            self._db.execute(
                "UPDATE batches SET digests = NULL WHERE rowid <= ? AND state = 'stored' AND digests IS NOT NULL",
                (mark,),
            )

    # Accounts

    def shares(self, since: int, until: int) -> list[BatchShare]:
        """Shares of the stored batches with items received in [since, until), Unix seconds."""
        with self._lock:
            rows = self._db.execute(
                "SELECT batch_id, signal, hour, org, identity, received, s.items, rejected, absorbed "
                "FROM senders s JOIN batches USING (batch_id) WHERE hour >= ? AND hour < ?",
                (since, until),
            ).fetchall()
        return [BatchShare(r[0], Signal(r[1]), Sender(r[2], r[3], r[4]), Tally(*r[5:])) for r in rows]

    def dead(self, since: int = 0, until: int = 1 << 62) -> list[Dead]:
        """Dead letters received in [since, until), oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT name, batch_id, signal, hour, org, identity, items, error, buried_at FROM dead "
                "WHERE state = 'dead' AND hour >= ? AND hour < ? ORDER BY buried_at, name",
                (since, until),
            ).fetchall()
        return [Dead(r[0], r[1], Signal(r[2]), Sender(r[3], r[4], r[5]), *r[6:]) for r in rows]

    def requeued(self, name: str) -> None:
        """A dead letter went back into the spool."""
        with self._lock:
            self._db.execute("UPDATE dead SET state = 'requeued' WHERE name = ?", (name,))

    def prune(self, before: float) -> int:
        """Forget batches stored before a Unix time; how many. The newest of each signal stays, for its number."""
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            old = (
                "SELECT batch_id FROM batches b WHERE state = 'stored' AND stored_at < ? "
                "AND sequence < (SELECT max(sequence) FROM batches WHERE signal = b.signal)"
            )
            self._db.execute(
                "INSERT OR REPLACE INTO meta SELECT 'pruned ' || signal, max(sequence) FROM batches "
                f"WHERE batch_id IN ({old}) GROUP BY signal",
                (before,),
            )
            self._db.execute(f"DELETE FROM senders WHERE batch_id IN ({old})", (before,))
            return self._db.execute(f"DELETE FROM batches WHERE batch_id IN ({old})", (before,)).rowcount

    def _one(self, sql: str, *parameters: str) -> Any:
        with self._lock:
            return self._db.execute(sql, parameters).fetchone()


def sequence_of(name: str) -> int:
    """The number in a segment's name."""
    return int(name.rpartition("-")[2])
