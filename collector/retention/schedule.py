"""Retention by itself: a plan and a run at every turn, and a warning where it must not go on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.retention.holds import HoldsFailed
from collector.retention.items import DISPOSITION
from collector.retention.job import Retention, RetentionError
from collector.retention.limits import ClockDoubtful, TooMuchAtOnce
from collector.retention.working import Status

log = logging.getLogger(__name__)

_LOOK_EVERY = 600.0


class RetentionSchedule:
    """One thread. A turn is due `every` seconds after the last run, also across restarts."""

    def __init__(
        self, retention: Retention, *, every: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._retention = retention
        self._every = timedelta(seconds=every)
        self._look_every = min(every, _LOOK_EVERY)
        self._now = now
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self.problem: str | None = None
        """Why the last turn removed nothing or not all, in words for people."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for a run under way, which can take minutes."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def turn(self) -> int | None:
        """Plan and run if it is time; rows removed, None if it wasn't time or couldn't be."""
        now = self._now()
        try:
            last = max(
                (k.now for k in self._retention.known() if k.status is Status.DONE and k.policy != DISPOSITION),
                default=None,
            )
            if last is not None and last <= now < last + self._every:
                return None
            plan = self._retention.plan(now)
            removed = self._retention.run(plan)
        except (RetentionError, HoldsFailed, ClockDoubtful, TooMuchAtOnce) as error:
            self.problem = str(error)
            log.warning("retention: %s", error)
            return None
        except ClickHouseError as error:
            self.problem = f"the store can't be asked ({type(error).__name__})"
            log.warning("retention: %s", self.problem)
            return None
        self.problem = None
        rows = sum(item.rows for item in removed)
        log.info("retention: %d rows of %d parts removed under policy %s", rows, len(removed), plan.policy)
        return rows

    def _run(self) -> None:
        while not self._stop.wait(self._look_every):
            try:
                self.turn()
            except Exception:
                # Nothing here is needed to take telemetry in: it is tried again at the next turn.
                log.exception("retention failed")
