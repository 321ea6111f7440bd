"""Sealing: every few seconds the traces that have become quiet are read, understood, priced and written down.

A trace that goes on for long is sealed in between; what comes later, or another price, makes a new seal, which takes
back what the one before said. One sealer for a store: two would count twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.price_records import PriceRecords
from collector.sealing import stored
from collector.sealing.arrivals import Arrivals, Outcome
from collector.sealing.correction import correct
from collector.sealing.facts import understand
from collector.sealing.pending import Pending
from collector.sealing.stored import Group, Key
from collector.settings import CollectorSettings
from collector.store.connection import Store, StoreError
from collector.store.writer import InsertError

log = logging.getLogger(__name__)

_PATIENCE = 60.0
_MS = 10**6
_MOST_SETTING = "MUSTER_COLLECTOR_SEAL_TRACE_ROWS"

Clock = Callable[[], int]
"""Ns since the epoch."""


@dataclass(frozen=True, slots=True)
class SealReport:
    """What a run did. `rows`: stored rows that were read; `seals`: traces of which something new was written; `gone`:
    traces of which less is stored than their newest seal saw, which are left as they are.
    """

    traces: int = 0
    rows: int = 0
    seals: int = 0
    gone: int = 0
    seconds: float = 0.0

    def __add__(self, other: SealReport) -> SealReport:
        return SealReport(
            self.traces + other.traces,
            self.rows + other.rows,
            self.seals + other.seals,
            self.gone + other.gone,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class SealState:
    """`lag`: seconds that the trace has waited which waits longest; `problem`: why nothing is sealed, in words."""

    alive: bool
    backlog: int
    lag: float
    last_run: datetime | None
    newest_seal: datetime | None
    last: SealReport
    total: SealReport
    problem: str


class Sealer:
    """One thread, and whoever calls `seal`: they take turns. `directory` is the sealer's own, and durable."""

    def __init__(
        self,
        store: Store,
        costing: Costing,
        directory: Path,
        settings: CollectorSettings,
        clock: Clock = time.time_ns,
    ) -> None:
        self._store = store
        self._costing = costing
        self._settings = settings
        self._clock = clock
        self._pending = Pending(directory)
        self._records = PriceRecords(store)
        self._arrivals = Arrivals()
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)
        self._state = SealState(False, 0, 0.0, None, None, SealReport(), SealReport(), "")

    @property
    def book(self) -> PriceBook:
        """The prices that calls get."""
        return self._costing.book

    @property
    def state(self) -> SealState:
        return replace(self._state, alive=self._thread.is_alive())

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends within the time of the batch under way."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def run_once(self) -> SealReport:
        """Seal what is due. Raises ClickHouseError, StoreError, InsertError or OSError: nothing is lost by it."""
        with self._turn:
            began = time.monotonic()
            self._pending.finish(self._store)
            now, quiet = self._clock() // _MS, int(self._settings.seal_quiet * 1000)
            self._arrivals.look(self._store.client(), now)
            due = self._arrivals.due(now, quiet, int(self._settings.seal_open_at_most * 1000))
            self._arrivals.check(self._store.client(), due)
            report = SealReport(traces=len(due))
            missing = set(due)
            for outcomes, part in self._groups(self._arrivals.landed(due)):
                report += part
                for key, outcome in outcomes.items():
                    missing.discard(key)
                    self._arrivals.sealed(key, outcome, now, quiet)
                self._tell(now, report)
                if self._stop.is_set():
                    return report
            for key in missing:
                self._arrivals.sealed(key, Outcome(0, False), now, quiet)
            self._arrivals.keep(self._store.client())
            report = replace(report, seconds=time.monotonic() - began)
            self._tell(now, report)
            self._state = replace(self._state, total=self._state.total + report, problem="")
            return report

    def seal(self, trace_ids: Iterable[str]) -> SealReport:
        """Seal these traces now, whatever their state. Raises as `run_once`."""
        with self._turn:
            began = time.monotonic()
            self._pending.finish(self._store)
            report = SealReport()
            for outcomes, part in self._groups(dict.fromkeys(trace_ids, 0)):
                report += replace(part, traces=len(outcomes))
            report = replace(report, seconds=time.monotonic() - began)
            self._state = replace(self._state, total=self._state.total + report)
            return report

    def _groups(self, traces: Mapping[str, int]) -> Iterator[tuple[dict[Key, Outcome], SealReport]]:
        """Seal group by group: what became of each trace, and what was done."""
        for group in stored.groups(self._store.client(), traces, self._settings.seal_rows):
            yield self._seal(group)

    def _seal(self, group: Group) -> tuple[dict[Key, Outcome], SealReport]:
        client = self._store.client()
        now = self._clock()
        most = self._settings.seal_trace_rows
        cut = group.rows > most and len(group.trace_ids) == 1
        if cut:
            log.warning("a trace has %d spans: the first %d count (%s)", group.rows, most, _MOST_SETTING)
        table = stored.spans(client, group, most if cut else None)
        if not len(table):
            return {}, SealReport()
        facts = understand(table, self._costing, incomplete=cut)
        correction = correct(facts, group.seals, stored.facts(client, group), now // _MS)
        if len(correction.rows):
            at = datetime.fromtimestamp(now / 1e9, UTC)
            self._records.note(facts.costs.rows, self.book.version, at)
            self._pending.insert(self._store, correction.rows)
            self._state = replace(self._state, newest_seal=at)
        self._arrivals.mark(client, facts.keys, now // _MS)
        rows = [group.rows] * len(facts.keys) if cut else facts.stored.tolist()
        outcomes = {
            key: Outcome(count, written)
            for key, count, written in zip(facts.keys, rows, correction.written.tolist(), strict=True)
        }
        done = SealReport(0, len(table), int(correction.written.sum()), int(correction.gone.sum()))
        return outcomes, done

    def _tell(self, now: int, report: SealReport) -> None:
        oldest = self._arrivals.oldest()
        lag = 0.0 if oldest is None else max(0.0, (now - oldest) / 1000)
        at = datetime.fromtimestamp(now / 1000, UTC)
        self._state = replace(self._state, backlog=len(self._arrivals.open), lag=lag, last_run=at, last=report)

    def _run(self) -> None:
        # The loader first repeats what was interrupted, so that nothing is sealed by halves.
        wait = max(self._settings.seal_every, self._settings.seal_quiet)
        while not self._stop.wait(wait):
            wait = self._settings.seal_every
            with self._problems() as problems:
                self.run_once()
            if problems:
                wait = min(_PATIENCE, wait * 5)

    @contextmanager
    def _problems(self) -> Iterator[list[str]]:
        """What fails becomes the state's problem, and is tried again."""
        problems: list[str] = []
        try:
            yield problems
        except (ClickHouseError, StoreError) as error:
            problems.append(f"the store can't be asked now: {getattr(error, 'name', None) or type(error).__name__}")
        except InsertError as error:
            problems.append(f"seals can't be stored: {error}")
        except OSError as error:
            problems.append(f"the sealer's directory can't be written: {error.strerror}")
        except Exception as error:
            # Ingest goes on without seals, and a person is told.
            log.exception("sealing failed")
            problems.append(f"sealing failed ({type(error).__name__}): see the log")
        if problems:
            log.warning("sealing waits: %s", problems[0])
            self._state = replace(self._state, problem=problems[0])
