"""The spool: a durable queue between the receivers and the store.

    append → group commit (encrypt, write, sync) → acknowledged → sealed → claimed by a loader → stored → destroyed

One writer thread owns the open segments: whatever arrived while it synced becomes the next group, so a sync is
shared by as many requests as load demands. A segment is one batch of the store: it is sealed when it is full,
or when it is `linger` old and a loader has nothing else to do.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from collector.errors import CollectorError, Overloaded, Unavailable
from collector.ledger import Ledger, sequence_of
from collector.segment import Corrupt, Keys, Record, Segment, Sender, Tally, sync_directory
from collector.settings import CollectorSettings
from collector.signals import Signal

log = logging.getLogger(__name__)

_BROKEN = "the collector's spool failed: see its log"
_FADE = 30.0
"""Seconds for which a failed write is a problem. Longer than it takes a sender to come back."""

Done = Callable[[list["Append"], CollectorError | None], None]
"""Called by the writer thread with the appends that are durable now, or that failed."""


@dataclass(slots=True, eq=False)
class Append:
    """A record on its way to disk, and whom to tell."""

    signal: Signal
    record: Record
    done: Done


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What waits now. `oldest` is in seconds."""

    segments: int
    items: dict[Signal, int]
    bytes: int
    oldest: float


class Spool:
    """Thread-safe. `start` before the first append; `close` makes what was appended durable and stops the writer."""

    def __init__(self, settings: CollectorSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        root = settings.spool_path
        self._segments_path = root / "segments"
        self._dead_path = root / "dead"
        for directory in (root, self._segments_path, self._dead_path):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keys = Keys(root / "keys")
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._ready = threading.Condition(self._lock)
        self._pending: list[Append] = []
        self._open: dict[Signal, Segment] = {}
        self._sealed: list[Segment] = []
        self._claimed: set[str] = set()
        self._live: dict[str, Segment] = {}
        self._idle_loaders = 0
        self._closing = False
        self._untold: dict[Append, None] = {}
        self._broken = False
        self._failure, self._failed_at = "", 0.0
        self._free_checked = 0.0
        self._free_bytes = 0
        self._next = dict.fromkeys(Signal, 1)
        self.lost: list[str] = []
        """Segments that the ledger expects and the disk doesn't hold."""
        self.recovered_digests: list[bytes] = []
        self._recover()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Refuse what comes from now on, finish what came, and stop. The rest waits on disk for the next start."""
        with self._lock:
            self._closing = True
            self._work.notify_all()
            self._ready.notify_all()
        if self._thread.ident:
            self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def problem(self) -> str:
        """Why a write failed a moment ago, in words. It fades: only a sender's next attempt can tell."""
        return self._failure if self._failure and monotonic() - self._failed_at < _FADE else ""

    # The senders' side

    def check(self) -> None:
        """Raise what a sender is told when nothing more can be taken in now."""
        state = self.state()
        limits = self._settings
        if self._broken:
            raise Unavailable(_BROKEN, 30)
        if self._closing:
            raise Unavailable("the collector is shutting down: send to another, or again in a moment", 2)
        if state.bytes > limits.spool_max_bytes:
            raise Overloaded(f"{state.bytes} bytes wait to be loaded, more than spool_max_bytes allows: slow down", 5)
        if state.oldest > limits.spool_max_age:
            raise Unavailable(
                f"the oldest request has waited {state.oldest:.0f} s, more than spool_max_age allows: the store is "
                "behind or down",
                30,
            )
        if self._free() < limits.spool_min_free_bytes:
            raise Unavailable("the collector's disk is nearly full (spool_min_free_bytes): make room", 30)

    def append(self, *appends: Append) -> None:
        """Queue records, to be synced together; their `done` is called once they are durable or have failed."""
        with self._lock:
            if self._broken:
                raise Unavailable(_BROKEN, 30)
            if self._closing:
                raise Unavailable("the collector is shutting down: send to another, or again in a moment", 2)
            self._pending += appends
            self._work.notify()

    def state(self) -> SpoolState:
        with self._lock:
            items = dict.fromkeys(Signal, 0)
            oldest = size = 0.0
            now = monotonic()
            for segment in self._live.values():
                items[segment.signal] += segment.items
                size += segment.size
                oldest = max(oldest, now - segment.born)
            return SpoolState(len(self._live), items, int(size), oldest)

    def waiting(self) -> list[tuple[str, Signal, Sender, Tally]]:
        """(segment, signal, sender, tally) of everything acknowledged and not yet stored."""
        with self._lock:
            return [
                (segment.name, segment.signal, sender, Tally(t.received, t.items, t.rejected, t.absorbed))
                for segment in self._live.values()
                for sender, t in segment.tallies.items()
            ]

    # The loaders' side

    def claim(self, timeout: float = 1.0) -> Segment | None:
        """The next batch, or None when there was none in `timeout` seconds or the spool is closing."""
        deadline = monotonic() + timeout
        with self._lock:
            while not self._closing:
                now = monotonic()
                for index, segment in enumerate(self._sealed):
                    if segment.not_before <= now:
                        del self._sealed[index]
                        self._claimed.add(segment.name)
                        return segment
                if now >= deadline:
                    return None
                self._idle_loaders += 1
                self._work.notify()
                self._ready.wait(deadline - now)
                self._idle_loaders -= 1
            return None

    def release(self, segment: Segment, delay: float) -> None:
        """Give a batch back, not to be claimed for `delay` seconds."""
        with self._lock:
            segment.not_before = monotonic() + delay
            self._claimed.discard(segment.name)
            self._sealed.append(segment)
            self._ready.notify()

    def finish(self, segment: Segment) -> None:
        """The batch is stored and the ledger says so: destroy it."""
        segment.destroy(self._keys)
        with self._lock:
            self._claimed.discard(segment.name)
            self._live.pop(segment.name, None)

    # Dead letters

    def bury(self, name: str, signal: Signal, record: Record) -> None:
        """Keep a request that can't be loaded, encrypted, under a name of its own. The same one again is fine."""
        path = self._dead_path / f"{name}.seg"
        if path.exists():
            Segment(name, signal, path, b"").destroy(self._keys)
        segment = Segment.create(self._dead_path, self._keys, signal, name)
        segment.append([record])
        segment.count([record])
        segment.seal()

    def exhume(self, name: str, signal: Signal) -> Record:
        """Read a dead letter. Raises `Corrupt` where it can't be."""
        path = self._dead_path / f"{name}.seg"
        if not path.exists():
            raise Corrupt(f"there is no dead letter {name}")
        return next(Segment(name, signal, path, self._keys.load(name), frames=1).records())

    def forget_dead(self, name: str, signal: Signal) -> None:
        Segment(name, signal, self._dead_path / f"{name}.seg", b"").destroy(self._keys)

    # The writer thread

    def _run(self) -> None:
        try:
            self._write()
        except Exception:
            # Without its writer the spool takes nothing in: `alive` stops readiness, senders are refused. What was
            # acknowledged is still loaded.
            log.exception("the spool's writer died")
            with self._lock:
                self._broken = True
                untold, self._pending = [*self._untold, *self._pending], []
                for signal in list(self._open):
                    self._seal(signal)
            _tell(untold, Unavailable(_BROKEN, 30))

    def _write(self) -> None:
        while True:
            with self._lock:
                while not (self._pending or self._closing or self._due()):
                    self._work.wait(self._until_due())
                pending, self._pending = self._pending, []
                if not pending and self._closing:
                    for signal in list(self._open):
                        self._seal(signal)
                    return
            self._untold = dict.fromkeys(pending)
            for signal in Signal:
                group = [append for append in pending if append.signal is signal]
                if group:
                    self._commit(signal, group)
            with self._lock:
                for signal in self._due():
                    self._seal(signal)

    def _commit(self, signal: Signal, group: list[Append]) -> None:
        for part in self._cut(signal, group):
            try:
                segment = self._open.get(signal) or self._create(signal)
                records = [append.record for append in part]
                segment.append(records)
            except OSError as error:
                log.error("the spool can't be written: %s", error.strerror or type(error).__name__)
                with self._lock:
                    self._seal(signal)
                refusal = Unavailable(
                    f"the collector can't write its spool ({error.strerror}): nothing was taken in; make room or "
                    "check the disk",
                    30,
                )
                self._failure, self._failed_at = str(refusal), monotonic()
                self._answer(part, refusal)
                continue
            self._failure = ""
            with self._lock:
                segment.count(records)
                full = segment.items >= self._settings.batch_items or segment.size >= self._settings.batch_bytes
                if full:
                    self._seal(signal)
            self._answer(part, None)

    def _answer(self, part: list[Append], error: CollectorError | None) -> None:
        for append in part:
            self._untold.pop(append, None)
        _tell(part, error)

    def _cut(self, signal: Signal, group: list[Append]) -> Iterator[list[Append]]:
        """Parts of a group such that no batch grows past its limits by more than one request."""
        segment = self._open.get(signal)
        items, size = (segment.items, segment.size) if segment else (0, 0)
        part: list[Append] = []
        for append in group:
            part.append(append)
            items += append.record.items
            size += len(append.record.payload)
            if items >= self._settings.batch_items or size >= self._settings.batch_bytes:
                yield part
                part, items, size = [], 0, 0
        if part:
            yield part

    def _create(self, signal: Signal) -> Segment:
        number = self._next[signal]
        name = f"{self._ledger.instance}-{signal}-{number:012d}"
        path = self._segments_path / f"{name}.seg"
        if path.exists():  # an empty one that couldn't be removed
            Segment(name, signal, path, b"").destroy(self._keys)
        segment = Segment.create(self._segments_path, self._keys, signal, name)
        self._next[signal] = number + 1
        with self._lock:
            self._open[signal] = segment
            self._live[name] = segment
        return segment

    def _seal(self, signal: Signal) -> None:
        segment = self._open.pop(signal, None)
        if segment is None:
            return
        try:
            segment.seal()
        except OSError as error:
            # Every acknowledged byte was synced; closing has nothing to add.
            log.error("the segment %s was not closed cleanly: %s", segment.name, error.strerror)
        if segment.frames:
            self._sealed.append(segment)
            self._ready.notify()
        else:
            # Its number is used again: a gap would look like a lost batch.
            del self._live[segment.name]
            self._next[signal] = sequence_of(segment.name)
            try:
                segment.destroy(self._keys)
            except OSError as error:
                log.error("the empty segment %s can't be removed yet: %s", segment.name, error.strerror)

    def _due(self) -> list[Signal]:
        """Open segments old enough to load, if a loader is idle and nothing else is ready for it."""
        now = monotonic()
        if self._idle_loaders == 0 or any(segment.not_before <= now for segment in self._sealed):
            return []
        return [s for s, segment in self._open.items() if now - segment.born >= self._linger(segment)]

    def _linger(self, segment: Segment) -> float:
        rush = segment.items >= self._settings.batch_rush_items
        return max(self._settings.batch_linger, self._settings.batch_patience) if rush else self._settings.batch_linger

    def _until_due(self) -> float | None:
        if self._idle_loaders == 0 or not self._open:
            return None
        due = min(segment.born + self._linger(segment) for segment in self._open.values())
        return max(0.001, due - monotonic())

    def _free(self) -> int:
        now = monotonic()
        if now - self._free_checked > 0.5:
            stat = os.statvfs(self._segments_path)
            self._free_bytes = stat.f_bavail * stat.f_frsize
            self._free_checked = now
        return self._free_bytes

    # After a stop

    def _recover(self) -> None:
        """Take back what the last run left: unfinished batches wait again, finished ones go."""
        on_disk: dict[Signal, set[int]] = {signal: set() for signal in Signal}
        for path in self._segments_path.glob("*.corrupt"):
            self._set_aside(path)
        seen = set(self._ledger.digests())
        planned_first = sorted(
            self._segments_path.glob("*.seg"), key=lambda p: (self._ledger.state_of(p.stem) is None, p.stem)
        )
        for path in planned_first:
            signal = Signal(path.stem.split("-")[1])
            number = sequence_of(path.stem)
            if self._ledger.state_of(path.stem) == "stored":
                Segment(path.stem, signal, path, b"").destroy(self._keys)
                continue
            try:
                planned = self._ledger.planned_frames(path.stem)
                segment = Segment.recover(path, self._keys, signal, planned)
            except Corrupt as error:
                log.error("%s: set aside as %s.corrupt", error, path.stem)
                self._set_aside(path.rename(path.with_suffix(".corrupt")))
                continue
            if not segment.frames and not planned:
                # Created, and then nothing was written. Its number is used again: a gap would look like a lost batch.
                segment.destroy(self._keys)
                continue
            if segment.damaged or segment.frames < (planned or 0):
                log.error("requests in %s were changed on disk and can't be read", path)
                self.lost.append(path.stem)
            self._next[signal] = max(self._next[signal], number + 1)
            on_disk[signal].add(number)
            self._exclude_repeats(segment, seen)
            self._live[segment.name] = segment
            self._sealed.append(segment)
        # A key goes with its segment; those of segments set aside stay, or nobody could ever examine them.
        names = {path.stem for folder in (self._segments_path, self._dead_path) for path in folder.iterdir()}
        for key in self._keys.path.iterdir():
            if key.name not in names:
                self._keys.destroy(key.name)
        for path in self._dead_path.glob("*.seg"):
            if not (self._keys.path / path.stem).exists():
                path.unlink()
        for signal in Signal:
            self._next[signal] = max(self._next[signal], self._ledger.last_sequence(signal) + 1)
            for number in self._ledger.missing_sequences(signal, on_disk[signal]):
                name = f"{self._ledger.instance}-{signal}-{number:012d}"
                if name not in self.lost:
                    self.lost.append(name)
        if self.lost:
            log.error("segments are missing from %s: %s", self._segments_path, ", ".join(self.lost[:5]))
        self.recovered_digests = list(seen)
        sync_directory(self._segments_path)

    def _set_aside(self, path: Path) -> None:
        """A segment that can't be read keeps its number and stays for somebody to examine."""
        signal = Signal(path.stem.split("-")[1])
        self._next[signal] = max(self._next[signal], sequence_of(path.stem) + 1)
        self.lost.append(path.stem)

    def _exclude_repeats(self, segment: Segment, seen: set[bytes]) -> None:
        """A request that a failing disk kept although its sender was refused came again: load it once."""
        planned = self._ledger.state_of(segment.name) is not None
        if not planned and not seen.isdisjoint(segment.digests):
            for number, record in enumerate(segment.records()):
                if record.digest in seen:
                    segment.exclude(number, record)
        seen.update(segment.digests)


def _tell(appends: list[Append], error: CollectorError | None) -> None:
    by_listener: dict[Done, list[Append]] = {}
    for append in appends:
        by_listener.setdefault(append.done, []).append(append)
    for done, told in by_listener.items():
        with suppress(RuntimeError):  # the listener's event loop is gone: nobody waits for the answer
            done(told, error)
