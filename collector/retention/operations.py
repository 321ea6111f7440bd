"""Retention, for the people who run the collector: what would go, a run of it, and what went."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse

from collector.receivers.auth import Verifier
from collector.retention.holds import HoldsFailed
from collector.retention.items import Item, Plan
from collector.retention.job import Progress, Retention, RetentionError, Running
from collector.retention.limits import ClockDoubtful, Limits, TooMuchAtOnce
from collector.store.connection import Store, StoreError
from collector.store.reads import statement

log = logging.getLogger(__name__)

REFUSALS = (RetentionError, HoldsFailed, ClockDoubtful, TooMuchAtOnce)
MOST_DAYS = 3660


@dataclass(slots=True)
class Run:
    """A run under way or done."""

    plan: str
    progress: Progress
    finished: bool = False
    error: str = ""

    def report(self) -> dict[str, Any]:
        removed = [item_report(item) for item in list(self.progress.removed)]
        return {
            "plan": self.plan,
            "rows": self.progress.rows,
            "done": self.progress.done,
            "finished": self.finished,
            "error": self.error,
            "removed": removed if self.finished else [],
        }


class RetentionDesk:
    """Plans and runs on demand; a run goes on in a thread of its own while its progress is asked for."""

    def __init__(self, retention: Retention, store: Store) -> None:
        self._retention = retention
        self._store = store
        self._lock = threading.Lock()
        self._run: Run | None = None

    def plan(self, limits: Limits, confirm_clock: bool) -> dict[str, Any]:
        """Raises ClickHouseError and what `Retention.plan` does."""
        plan = self._retention.plan(datetime.now(UTC), limits=limits, confirm_clock=confirm_clock)
        return plan_report(plan)

    def start(self, plan: str, limits: Limits) -> dict[str, Any]:
        """Raises Running."""
        with self._lock:
            if self._run is not None and not self._run.finished:
                raise Running("another run is under way: ask for its progress")
            self._run = run = Run(plan, Progress())
        threading.Thread(target=self._do, args=(run, limits), name="retention-run", daemon=True).start()
        return run.report()

    def progress(self) -> dict[str, Any] | None:
        run = self._run
        return None if run is None else run.report()

    def removals(self, org: str, days: int) -> list[dict[str, Any]]:
        """What went of an organisation's, newest first."""
        with self._store.reader() as client:
            rows = client.query(statement("retention_removals"), parameters={"org": org, "days": days}).named_results()
            return [
                {
                    name.lower(): value if isinstance(value, int | str) else value.isoformat()
                    for name, value in row.items()
                }
                for row in rows
            ]

    def limits(self, days: int | None, most_rows: int | None, most_percent: float | None) -> Limits:
        """The collector's limits, or others for this once."""
        limits = self._retention.limits
        return replace(
            limits,
            days=limits.days if days is None else days,
            rows=limits.rows if most_rows is None else most_rows,
            percent=limits.percent if most_percent is None else most_percent,
        )

    def _do(self, run: Run, limits: Limits) -> None:
        try:
            self._retention.run(run.plan, limits=limits, progress=run.progress)
        except (*REFUSALS, StoreError) as error:
            run.error = str(error)
        except Exception as error:
            # The thread's end: whoever asks for progress is told.
            log.exception("a run of retention failed")
            run.error = f"the run broke off ({type(error).__name__}): run again, it goes on where it was"
        run.finished = True


def plan_report(plan: Plan) -> dict[str, Any]:
    """Fit for JSON."""
    return {
        "plan": plan.id,
        "policy": plan.policy,
        "now": plan.now.isoformat(),
        "through": plan.through.isoformat(),
        "resumed": plan.resumed,
        "later": plan.later,
        "rows": plan.rows,
        "bytes": plan.bytes,
        "items": [item_report(item) for item in plan.items],
    }


def item_report(item: Item) -> dict[str, Any]:
    """Fit for JSON."""
    return {
        "table": item.table,
        "day": item.day.isoformat(),
        "org": item.org,
        "class": item.kind.value,
        "rows": item.rows,
        "bytes": item.bytes,
        "reason": item.reason,
        "held": item.held,
    }


def add_retention_operations(app: FastAPI, store: Store, retention: Retention, verifier: Verifier) -> None:
    """Add the routes about retention, beside those of `add_operations`, which says how refusals leave."""
    desk = RetentionDesk(retention, store)

    @app.post("/ops/retention/plan")
    async def plan(
        request: Request, days: int | None = Query(None, ge=1, le=MOST_DAYS), confirm_clock: bool = False
    ) -> JSONResponse:
        verifier.verify(request.headers.get("authorization"))
        limits = desk.limits(days, None, None)
        try:
            return JSONResponse(await asyncio.to_thread(desk.plan, limits, confirm_clock))
        except REFUSALS as error:
            return JSONResponse({"message": str(error)}, 409)
        except (ClickHouseError, StoreError) as error:
            return _unavailable(error)

    @app.post("/ops/retention/run/{plan_id}")
    async def run(
        request: Request,
        plan_id: str,
        most_rows: int | None = Query(None, ge=1),
        most_percent: float | None = Query(None, gt=0, le=100),
    ) -> JSONResponse:
        verifier.verify(request.headers.get("authorization"))
        try:
            return JSONResponse(desk.start(plan_id, desk.limits(None, most_rows, most_percent)))
        except Running as error:
            return JSONResponse({"message": str(error)}, 409)

    @app.get("/ops/retention/run")
    async def progress(request: Request) -> JSONResponse:
        verifier.verify(request.headers.get("authorization"))
        found = desk.progress()
        if found is None:
            return JSONResponse({"message": "nothing was run since the collector started"}, 404)
        return JSONResponse(found)

    @app.get("/ops/retention/removals")
    async def removals(request: Request, days: int = Query(30, ge=1, le=MOST_DAYS)) -> JSONResponse:
        principal = verifier.verify(request.headers.get("authorization"))
        try:
            return JSONResponse(await asyncio.to_thread(desk.removals, principal.org, days))
        except (ClickHouseError, StoreError) as error:
            return _unavailable(error)


def _unavailable(error: Exception) -> JSONResponse:
    name = getattr(error, "name", None) or type(error).__name__
    return JSONResponse({"message": f"the store can't be asked now: {name}"}, 503)
