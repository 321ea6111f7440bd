"""What runs by itself beside ingest: the accounts are checked again and again, and old ones forgotten."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.ledger import Ledger
from collector.reconcile import HOUR, Account, unaccounted

log = logging.getLogger(__name__)

_HOURS_CHECKED = 2
_PRUNE_EVERY = 3600.0


class Housekeeping:
    """One thread. `difference` is what the last check found: items missing or too many; None before the first."""

    def __init__(
        self, ledger: Ledger, accounts: Callable[[int, int], list[Account]], *, every: float, keep: float
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._every = every
        self._keep = keep
        self._stop = threading.Event()
        self._pruned = 0.0
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self.difference: int | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def check(self) -> int | None:
        """Reconcile the current hour and the one before; None where the store can't be asked now."""
        until = int(time.time()) // HOUR * HOUR + HOUR
        try:
            self.difference = unaccounted(self._accounts(until - _HOURS_CHECKED * HOUR, until))
        except ClickHouseError as error:
            log.warning("the accounts can't be checked now: %s", type(error).__name__)
            return None
        if self.difference:
            log.error("%d items are not accounted for: see `muster reconcile`", self.difference)
        return self.difference

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self.check()
                if time.monotonic() - self._pruned > _PRUNE_EVERY:
                    self._ledger.prune(time.time() - self._keep)
                    self._pruned = time.monotonic()
            except Exception:
                # Nothing here is needed to take telemetry in: it is tried again at the next turn.
                log.exception("housekeeping failed")
