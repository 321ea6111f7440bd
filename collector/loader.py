"""From the spool into the store: each batch once, whatever stops in between.

A batch is planned (token, settings, engine version) before it is first tried, and every attempt repeats the same
bytes under the same plan. The store being down or full means waiting; a request that the engine can't read goes
to the dead letters and the rest goes on.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace

from collector.ledger import Dead, Ledger
from collector.receivers.payload import batch_tail
from collector.segment import Corrupt, Segment
from collector.selfobs import Observations
from collector.signals import Signal
from collector.spool import Spool
from collector.store.writer import InsertError, Plan, Writer

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 0.25, 15.0
_DISK_WAIT = 5.0
_SET_ASIDE = 30.0
"""Seconds a batch that fails for no reason found is put behind the others."""
_MEMORY_ATTEMPTS = 3
"""Times a batch may run into the engine's memory cap, the last ones with no insert beside it, before it is examined."""
_SAFE_REPEATS = 9_000
"""Batches after which the tables may have forgotten a token (non_replicated_deduplication_window)."""

Redact = Callable[[Signal, bytes], bytes]
"""What a spooled request becomes before it is kept. Raises `Corrupt` where it can't be read."""


def as_it_is(_: Signal, payload: bytes) -> bytes:
    """No redaction."""
    return payload


@dataclass(frozen=True, slots=True)
class LoaderState:
    """`problem` says why loading stands still or limps, in words; empty when all is well."""

    alive: bool
    problem: str


class Loader:
    """A few threads that insert. Only this class takes segments out of the spool."""

    def __init__(
        self,
        spool: Spool,
        ledger: Ledger,
        writer: Writer,
        observations: Observations,
        threads: int = 2,
        redact: Redact = as_it_is,
    ) -> None:
        self._spool = spool
        self._ledger = ledger
        self._writer = writer
        self._observe = observations
        self._redact = redact
        self._stop = threading.Event()
        self._inserts = threading.Semaphore(threads)
        self._one_alone = threading.Lock()
        self._problems: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=self._run, name=f"loader-{number}", daemon=True) for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the inserts under way and end; what waits stays in the spool."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident:
                thread.join()

    @property
    def state(self) -> LoaderState:
        alive = all(thread.is_alive() for thread in self._threads)
        return LoaderState(alive, next(iter(self._problems.copy().values()), ""))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No insert runs meanwhile; what comes waits in the spool."""
        with self._turn(alone=True):
            yield

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                segment = self._spool.claim(timeout=0.5)
                if segment is not None:
                    self._attempt(segment)
        except Exception:
            # Readiness sees that the thread is gone; what it held waits in the spool for the next start.
            log.exception("a loader thread died")

    def _attempt(self, segment: Segment) -> None:
        try:
            self._load(segment)
        except (Corrupt, OSError, sqlite3.Error) as error:
            # Disk trouble on our side, the ledger's included: it may pass, and nothing is given up.
            self._problems[segment.name] = f"batch {segment.name}: {error}"
            log.error("batch %s is put back: %s", segment.name, error)
            self._spool.release(segment, _SET_ASIDE if isinstance(error, Corrupt) else _DISK_WAIT)

    def _load(self, segment: Segment) -> None:
        """Insert one batch, waiting as long as the store makes it wait."""
        recorded = self._ledger.plan_of(segment.name)
        if recorded is None:
            plan, skip = self._writer.plan(segment.name), frozenset(segment.excluded)
            self._ledger.plan(segment, plan, skip)
        elif self._ledger.state_of(segment.name) == "stored":
            self._spool.finish(segment)  # which failed the last time
            self._problems.pop(segment.name, None)
            return
        else:
            plan, skip = recorded
        tried_before = recorded is not None
        wait = _FIRST_WAIT
        memory_failures = 0
        while not self._stop.is_set():
            try:
                if segment.items and not (tried_before and self._already_stored(segment, plan, skip)):
                    started = time.monotonic()
                    with self._turn(alone=memory_failures > 0):
                        self._writer.insert(segment.signal, plan, self._body(segment, skip))
                    self._observe.inserted(segment.signal, segment.items, segment.size, time.monotonic() - started)
                break
            except InsertError as error:
                tried_before = True
                self._problems[segment.name] = f"batch {segment.name}: {error}"
                self._observe.insert_failed(error.name)
                memory_failures += error.memory
                if error.data or memory_failures >= _MEMORY_ATTEMPTS:
                    replanned = self._isolate(segment, plan, skip)
                    if replanned is None:
                        self._spool.release(segment, _SET_ASIDE)
                        return
                    plan, skip = replanned
                    memory_failures = 0
                    continue
                log.warning("batch %s waits %.1f s: %s", segment.name, wait, error)
                self._stop.wait(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
        else:
            self._spool.release(segment, 0)
            return
        self._ledger.stored(segment)
        self._spool.finish(segment)
        self._problems.pop(segment.name, None)

    @contextmanager
    def _turn(self, *, alone: bool) -> Iterator[None]:
        """A permit to insert; `alone`, all of them: nobody else inserts meanwhile."""
        with self._one_alone if alone else nullcontext():
            permits = len(self._threads) if alone else 1
            for _ in range(permits):
                self._inserts.acquire()
            try:
                yield
            finally:
                self._inserts.release(permits)

    def _body(self, segment: Segment, skip: frozenset[int]) -> Iterator[bytes]:
        for number, record in enumerate(segment.records()):
            if number not in skip:
                yield record.payload
        yield batch_tail(segment.name)

    def _already_stored(self, segment: Segment, plan: Plan, skip: frozenset[int]) -> bool:
        """Whether a batch tried before is complete, where repeating it may not be safe any more.

        Within the tables' window the same plan completes exactly what is missing, so it is simply repeated.
        """
        if self._writer.is_current(plan) and self._ledger.planned_after(segment.signal, plan.batch_id) < _SAFE_REPEATS:
            return False
        landed = self._writer.count(segment.signal, plan.batch_id)
        expected = self._items(segment, skip)
        if 0 < landed < expected:
            log.error("batch %s has %d of %d rows and an old plan: completing it", segment.name, landed, expected)
        return landed >= expected

    def _items(self, segment: Segment, skip: frozenset[int]) -> int:
        return sum(record.items for number, record in enumerate(segment.records()) if number not in skip)

    def _isolate(self, segment: Segment, plan: Plan, skip: frozenset[int]) -> tuple[Plan, frozenset[int]] | None:
        """Find the requests that the engine can't read, bury them, and plan the rest anew.

        None where that isn't safe (something of the batch landed) or found nothing: the batch is tried again.
        """
        try:
            if self._writer.count(segment.signal, plan.batch_id):
                log.error("batch %s failed after a part of it landed: it is repeated until complete", segment.name)
                return None
            poison: dict[int, InsertError] = {}
            for number, record in enumerate(segment.records()):
                if number not in skip and record.items:
                    try:
                        self._writer.try_alone(segment.signal, record.payload)
                    except InsertError as error:
                        if not (error.data or error.memory):
                            raise
                        poison[number] = error
        except InsertError as error:
            log.warning("batch %s can't be examined now: %s", segment.name, error)
            return None
        if not poison:
            log.error("batch %s fails, but each of its requests alone does not", segment.name)
            return None
        buried = [self._bury(segment, number, error) for number, error in poison.items()]
        skip = skip | poison.keys()
        plan = self._writer.plan(segment.name, plan.revision + 1)
        self._ledger.plan(segment, plan, skip, buried)
        for entry in buried:
            self._observe.buried(entry.signal, entry.items)
        return plan, skip

    def _bury(self, segment: Segment, number: int, error: InsertError) -> Dead:
        record = next(r for n, r in enumerate(segment.records()) if n == number)
        name = f"{segment.name}-{number}"
        words = str(error)
        try:
            record = replace(record, payload=self._redact(segment.signal, record.payload))
        except Corrupt:
            # Nothing can be redacted in what is no request at all; nobody can read it either. It stays encrypted.
            words += "; not a request of this protocol, so it is kept as it came, encrypted"
        self._spool.bury(name, segment.signal, record)
        log.error("request %s can't be read by the store (%s): kept as a dead letter", name, words)
        return Dead(name, segment.name, segment.signal, record.sender, record.items, words, time.time())
