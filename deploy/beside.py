"""What is done beside the requests, every so often, in one thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.store.connection import StoreError
from collector.store.reads import ReadError
from inventory.db.engine import DatabaseError

log = logging.getLogger(__name__)

TICK = 2.0


@dataclass(frozen=True, slots=True)
class Task:
    """`what` completes "can't …". `every`: seconds from one success to the next; after a failure it is tried again at
    the next tick. `at_once`: also at the first tick.
    """

    what: str
    act: Callable[[], object]
    every: float = TICK
    at_once: bool = True

    def run(self) -> bool:
        """Whether it could be done; why not is logged."""
        try:
            self.act()
        except (DatabaseError, ReadError, StoreError, ClickHouseError, OSError) as error:
            log.warning("can't %s: %s", self.what, error)
            return False
        except Exception:
            log.exception("can't %s", self.what)
            return False
        return True


class Beside:
    """A thread with its tasks, in their order."""

    def __init__(self, name: str, *tasks: Task) -> None:
        self._tasks = tasks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends with the task under way."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def _run(self) -> None:
        started = time.monotonic()
        done = [-float("inf") if task.at_once else started for task in self._tasks]
        while not self._stop.wait(TICK):
            now = time.monotonic()
            for number, task in enumerate(self._tasks):
                if now - done[number] >= task.every and task.run():
                    done[number] = now
