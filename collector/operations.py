"""The collector about itself, beside its OTLP paths: health, metrics, accounts, dead letters.

`/healthz` and `/readyz` and `/metrics` are open, as probes and Prometheus expect; they tell numbers and states. The
rest wants the same credentials as telemetry does.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from collector.deadletters import DeadLetters
from collector.errors import CollectorError
from collector.ingest import Ingest
from collector.receivers import status
from collector.receivers.auth import Verifier
from collector.reconcile import HOUR, Account, unaccounted
from collector.segment import Corrupt
from collector.store.connection import StoreError


def add_operations(app: FastAPI, ingest: Ingest, verifier: Verifier) -> None:
    """Add the operations' routes to the OTLP/HTTP receiver's app."""

    def authorise(request: Request) -> None:
        verifier.verify(request.headers.get("authorization"))

    async def refused(_: Request, error: Exception) -> Response:
        refusal = status.refusal(error)
        return JSONResponse({"message": refusal.message}, refusal.http, dict(refusal.headers))

    app.add_exception_handler(CollectorError, refused)
    dead_letters = DeadLetters(ingest.spool, ingest.ledger)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        problems, warnings = await asyncio.to_thread(lambda: (ingest.problems(), ingest.warnings()))
        state = {"ready": not problems, "problems": problems, "warnings": warnings}
        return JSONResponse(state, 503 if problems else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(ingest.observations.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/ops/reconciliation")
    async def reconciliation(request: Request, hours: int = Query(24, ge=1, le=24 * 7)) -> JSONResponse:
        authorise(request)
        until = int(time.time()) // HOUR * HOUR + HOUR
        try:
            accounts = await asyncio.to_thread(ingest.accounts, until - hours * HOUR, until)
        except (ClickHouseError, StoreError) as error:
            name = getattr(error, "name", None) or type(error).__name__
            return JSONResponse({"message": f"the store can't be asked now: {name}"}, 503)
        return JSONResponse({"unaccounted": unaccounted(accounts), "accounts": [_account(a) for a in accounts]})

    @app.get("/ops/dead")
    async def dead(request: Request) -> list[dict[str, Any]]:
        authorise(request)
        return [
            {
                "name": letter.name,
                "signal": letter.signal.value,
                "org": letter.sender.org,
                "identity": letter.sender.identity,
                "items": letter.items,
                "error": letter.error,
                "buried_at": datetime.fromtimestamp(letter.buried_at, UTC).isoformat(),
            }
            for letter in ingest.ledger.dead()
        ]

    @app.post("/ops/dead/{name}/requeue")
    async def requeue(request: Request, name: str) -> JSONResponse:
        authorise(request)
        try:
            items = await asyncio.to_thread(dead_letters.requeue, name)
        except KeyError:
            return JSONResponse({"message": f"there is no dead letter {name}: list them at /ops/dead"}, 404)
        except Corrupt as error:
            return JSONResponse({"message": str(error)}, 409)
        return JSONResponse({"requeued": items})


def _account(account: Account) -> dict[str, Any]:
    return {
        "hour": datetime.fromtimestamp(account.sender.hour, UTC).isoformat(),
        "signal": account.signal.value,
        "org": account.sender.org,
        "identity": account.sender.identity,
        "received": account.received,
        "stored": account.stored,
        "absorbed": account.absorbed,
        "rejected": account.rejected,
        "waiting": account.waiting,
        "dead": account.dead,
        "difference": account.difference,
    }
