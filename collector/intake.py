"""What every receiver hands its exports to: recognise repeats, decode, spool, answer once durable."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import time
from collections import deque

from collector.dedup import Window, digest
from collector.errors import CollectorError, Overloaded
from collector.ledger import Ledger
from collector.receivers import payload
from collector.segment import Record
from collector.selfobs import Observations
from collector.settings import CollectorSettings
from collector.signals import Answer, Export, Signal
from collector.spool import Append, Spool

log = logging.getLogger(__name__)

_NO_DIGEST = bytes(16)
_LARGE = 1 << 20
_MARKS = 13
"""A few more than the window's buckets, so that the ledger forgets a digest after the window does."""


class Intake:
    """A `Consumer`. Lives on one event loop, which alone touches its state; the spool's thread calls back into it."""

    def __init__(self, spool: Spool, ledger: Ledger, settings: CollectorSettings, observations: Observations) -> None:
        self._spool = spool
        self._ledger = ledger
        self._observe = observations
        self._max_in_flight = settings.max_in_flight_bytes
        self._in_flight = 0
        self._large = asyncio.Semaphore(1)
        self._window = Window(settings.dedup_window, [*ledger.digests(), *spool.recovered_digests])
        self._underway: dict[bytes, asyncio.Future[None]] = {}
        self._marks: deque[int] = deque()
        self._waiters: dict[Append, asyncio.Future[None]] = {}
        self._gathered: list[Append] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def consume(self, export: Export) -> Answer:
        """Raises `CollectorError`; then nothing of the export was kept."""
        size = len(export.body)
        if self._in_flight and self._in_flight + size > self._max_in_flight:
            raise Overloaded("too many bytes are being received at once (max_in_flight_bytes): slow down", 1)
        self._spool.check()
        # A task of its own: a sender that hangs up must not leave a request half taken, on disk but not recognised.
        self._in_flight += size
        taking = asyncio.ensure_future(self._take(export))
        taking.add_done_callback(lambda task: self._taken(task, size))
        answer = await asyncio.shield(taking)
        self._observe.answered(export.signal, answer)
        return answer

    def _taken(self, task: asyncio.Task[Answer], size: int) -> None:
        self._in_flight -= size
        if not task.cancelled():
            task.exception()  # seen here in case nobody waits for it any more

    async def _take(self, export: Export) -> Answer:
        self._forget()
        key = digest(export)
        while (underway := self._underway.get(key)) is not None:
            # The same request is being written: it decides. If it fails, this one tries in its stead.
            await asyncio.wait([underway])
        if key in self._window:
            return await self._absorb(export)
        finished = asyncio.get_running_loop().create_future()
        self._underway[key] = finished
        try:
            received_at = time.time_ns()
            decoded = await self._decode(export, received_at, secrets.token_hex(8))
            record = Record(
                received_at,
                decoded.items + decoded.rejected,
                decoded.items,
                decoded.rejected,
                0,
                key,
                export.principal.org,
                export.principal.identity,
                decoded.payload if decoded.items else b"",
            )
            if record.received:
                await self._write(export.signal, record, key)
            return Answer(decoded.items, decoded.rejected, message=decoded.message)
        finally:
            del self._underway[key]
            finished.set_result(None)

    async def _absorb(self, export: Export) -> Answer:
        """Count the repeat; its items were stored the first time."""
        decoded = await self._decode(export, 0, "")
        principal = export.principal
        note = Record(
            time.time_ns(),
            decoded.items + decoded.rejected,
            0,
            decoded.rejected,
            decoded.items,
            _NO_DIGEST,
            principal.org,
            principal.identity,
            b"",
        )
        await self._write(export.signal, note, None)
        return Answer(decoded.items, decoded.rejected, absorbed=True, message=decoded.message)

    async def _decode(self, export: Export, received_at: int, request_id: str) -> payload.Decoded:
        """Small requests at once; a large one beside the loop, and one at a time, for the memory it may take."""
        if len(export.body) <= _LARGE:
            return payload.decode(export, received_at, request_id)
        async with self._large:
            return await asyncio.to_thread(payload.decode, export, received_at, request_id)

    async def _write(self, signal: Signal, record: Record, key: bytes | None) -> None:
        self._loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = self._loop.create_future()
        append = Append(signal, record, self._done)
        self._waiters[append] = written
        # What one turn of the loop takes in is written as one group: a sync, and a thread woken, for all of it.
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered.append(append)
        try:
            await written
        finally:
            self._waiters.pop(append, None)
        if key is not None:
            self._window.add(key)

    def _flush(self) -> None:
        appends, self._gathered = self._gathered, []
        try:
            self._spool.append(*appends)
        except CollectorError as error:
            self._resolve(appends, error)

    def _done(self, appends: list[Append], error: CollectorError | None) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._resolve, appends, error)

    def _resolve(self, appends: list[Append], error: CollectorError | None) -> None:
        for append in appends:
            waiter = self._waiters.pop(append, None)
            if waiter is None or waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

    def _forget(self) -> None:
        if not self._window.turn():
            return
        try:
            self._marks.append(self._ledger.mark())
            if len(self._marks) > _MARKS:
                self._ledger.forget_digests(self._marks[0])
                del self._marks[0]
        except sqlite3.Error as error:
            # Remembering longer costs a little space, refusing this request would cost more.
            log.warning("old digests can't be dropped from the ledger now: %s", error)
