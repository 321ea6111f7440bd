"""Records as one piece: what they are made of, and the thread that does what is asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.retention.holds import HoldsFailed
from collector.retention.job import RetentionError
from collector.retention.limits import TooMuchAtOnce
from collector.store.connection import Store
from collector.store.reads import ReadError
from exporters import packages, schedules, signing, works
from exporters.calendar import Calendar
from exporters.disposing import Disposer, Disposes
from exporters.engine import Engine, EngineFailed
from exporters.exporting import Exporter, Heartbeats
from exporters.holding import Holder
from exporters.restoring import Restorer
from exporters.settings import RecordsSettings
from exporters.signing import Signer
from exporters.stamping import Authority
from exporters.targets.base import Target, TargetError
from exporters.targets.folder import Folder
from exporters.targets.s3 import S3
from exporters.works import Fenced, Grip, Works, kept
from inventory.db.engine import DatabaseError
from inventory.registry.change import Registry

log = logging.getLogger(__name__)
_LOOKS_EVERY: Final = 1.0


def target_of(settings: RecordsSettings, data: Path) -> Target:
    """Where packages go."""
    directory = settings.directory(data)
    return S3(settings) if directory is None else Folder(directory)


@dataclass(frozen=True, slots=True)
class Records:
    """What does the work, and what the API asks."""

    registry: Registry
    engine: Engine
    target: Target
    signer: Signer
    settings: RecordsSettings
    calendar: Calendar
    restorer: Restorer
    works: Works
    worker: Worker

    @property
    def mode(self) -> str:
        """How objects are locked; a directory locks nothing."""
        return self.settings.lock if self.target.url.startswith("s3://") else "none"


def build(
    registry: Registry,
    store: Store,
    settings: RecordsSettings,
    target: Target,
    signer: Signer,
    retention: Disposes,
    staging: Path,
    *,
    heartbeats: Heartbeats | None = None,
    local: bool | None = None,
    between: Callable[[str], None] = lambda point: None,
) -> Records:
    """`staging`: a directory for files on their way. `heartbeats`: what proves that telemetry came through.
    `local`: whether the engine reads and writes our files; None: an embedded one does.
    """
    engine = Engine(store, local=local)
    if not target.url.startswith("s3://"):
        settings = settings.model_copy(update={"lock": "none"})
    stop = threading.Event()
    exporter = Exporter(
        registry, engine, target, signer, settings, staging, heartbeats=heartbeats, between=between,
        stamper=Authority(settings.tsa_url) if settings.tsa_url else None, stopping=stop.is_set,
    )  # fmt: skip
    restorer = Restorer(registry, engine, target, staging)
    disposer = Disposer(registry, engine, target, signer, restorer, retention, staging, between=between)
    holder = Holder(registry, engine, target)
    taken = Works(registry)
    worker = Worker(
        registry,
        taken,
        {
            "export": exporter.run, "verify": restorer.verify, "restore": restorer.restore, "drop": restorer.drop,
            "hold": holder.run, "lock": holder.lock, "dispose": disposer.run,
        },
        stop,
    )  # fmt: skip
    calendar = Calendar(registry, engine, settings, target.url)
    return Records(registry, engine, target, signer, settings, calendar, restorer, taken, worker)


def begin(made: Records, orgs: list[str]) -> int:
    """Schedules for every organisation without any, none of them enabled: how many were added. The key is published."""
    added = 0
    with made.registry.database.writing() as session:
        signing.published(session, made.signer, made.registry.now())
    for org in orgs:
        with made.registry.changing(works.asking(org)) as change:
            added += schedules.begin(change)
    return added


class Worker:
    """One thread; what it does is one of several kinds, each by its function."""

    def __init__(
        self, registry: Registry, taken: Works, acts: Mapping[str, Callable[[Grip], dict[str, Any]]],
        stop: threading.Event,
    ) -> None:  # fmt: skip
        self._registry = registry
        self._works = taken
        self._acts = acts
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends with the file under way; another process goes on, or this one when it is started again."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def turn(self) -> bool:
        """Do one work, if one is due: whether one was. Raises DatabaseError."""
        grip = self._works.take()
        if grip is None:
            return False
        try:
            with kept(grip):
                done = self._acts[grip.kind](grip)
            self._works.done(grip, done)
        except Fenced as error:
            log.warning("records: %s", error)
        except TargetError as error:
            self._fails(grip, str(error), again=error.passing)
        except (EngineFailed, HoldsFailed, RetentionError, TooMuchAtOnce, ReadError, ClickHouseError, OSError) as error:
            self._fails(grip, f"{error}" or type(error).__name__, again=True)
        except DatabaseError:
            raise  # it can't be noted either: the hold expires, and it is taken again
        except Exception as error:
            log.exception("records: %s of %s failed", grip.kind, grip.package)
            self._fails(grip, f"{type(error).__name__}: {error}"[:1000], again=False)
        return True

    def _fails(self, grip: Grip, why: str, *, again: bool) -> None:
        if self._stop.is_set():
            why, again = "the process ended: it is gone on with when one runs", True
        log.warning("records: %s of %s: %s", grip.kind, grip.package, why)
        try:
            if grip.kind == "export" and not self._stop.is_set():
                with self._registry.database.writing() as session:
                    grip.check(session)
                    packages.get(session, grip.org, grip.package, change=True).error = why
            self._works.failed(grip, why, again=again)
        except Fenced as error:
            log.warning("records: %s", error)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self.turn():
                    continue
            except DatabaseError as error:
                log.warning("records wait: %s", error)
            except Exception:
                log.exception("records can't go on")
            self._stop.wait(_LOOKS_EVERY)
