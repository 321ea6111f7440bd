"""Pricing anew what was sealed by another book: traces whose price changes get a new seal, and keep the old."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.costing import Costing
from collector.repricing import outdated
from collector.sealing.sealer import Sealer, SealReport
from collector.store.connection import Store, StoreError
from collector.store.writer import InsertError

log = logging.getLogger(__name__)

_AT_ONCE = 2_000


def reprice(sealer: Sealer, store: Store, org: str, since: int, until: int) -> Iterator[SealReport]:
    """Seal anew all traces with calls from `since` on and before `until` (ns) that would now be priced otherwise,
    newest first; tells what was done so far. Raises as `Sealer.run_once`; a second run goes on where one was left.
    """
    report = SealReport()
    with store.reader() as client:
        # A costing is one thread's.
        trace_ids = outdated(client, org, since, until, Costing(sealer.book))
        while some := list(islice(trace_ids, _AT_ONCE)):
            report += sealer.seal(some)
            yield report


@dataclass(frozen=True, slots=True)
class Progress:
    """How far re-pricing is. `problem`: why it broke off, in words."""

    running: bool = False
    report: SealReport = field(default_factory=SealReport)
    problem: str = ""


class Repricing:
    """Re-prices in a thread, one organisation after the other."""

    def __init__(self, sealer: Sealer, store: Store) -> None:
        self._sealer = sealer
        self._store = store
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress: dict[str, Progress] = {}

    def progress(self, org: str) -> Progress | None:
        """Of the organisation's last re-pricing; None if there was none since the start."""
        return self._progress.get(org)

    def begin(self, org: str, since: int, until: int) -> bool:
        """Begin; False if one is running."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return False
            self._progress[org] = Progress(running=True)
            self._thread = threading.Thread(target=self._run, args=(org, since, until), name="repricing", daemon=True)
            self._thread.start()
            return True

    def stop(self) -> None:
        """Ends within the time of the batch under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, org: str, since: int, until: int) -> None:
        problem = ""
        try:
            for report in reprice(self._sealer, self._store, org, since, until):
                self._progress[org] = Progress(running=True, report=report)
                if self._stop.is_set():
                    problem = "the collector was stopped: begin again"
                    break
        except (ClickHouseError, StoreError, InsertError, OSError) as error:
            log.warning("re-pricing broke off: %s", type(error).__name__)
            problem = f"it broke off ({getattr(error, 'name', None) or type(error).__name__}): begin again"
        except Exception:
            log.exception("re-pricing failed")
            problem = "it failed: see the collector's log"
        self._progress[org] = replace(self._progress[org], running=False, problem=problem)
