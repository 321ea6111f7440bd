"""Sealing, for the people who run the collector: how it is, and pricing anew."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse

from collector.price_operations import MOST_DAYS
from collector.receivers.auth import Verifier
from collector.sealing.reprice import Progress, Repricing
from collector.sealing.sealer import Sealer
from collector.selfobs import Observations

_DAY = 86_400 * 10**9


def add_seal_operations(app: FastAPI, sealer: Sealer, repricing: Repricing, verifier: Verifier) -> None:
    """Add the routes about seals, beside those of `add_operations`, which says how refusals leave."""

    @app.get("/ops/seals")
    async def seals(request: Request) -> dict[str, Any]:
        principal = verifier.verify(request.headers.get("authorization"))
        state = sealer.state
        return {
            **asdict(state),
            "last_run": state.last_run and state.last_run.isoformat(),
            "newest_seal": state.newest_seal and state.newest_seal.isoformat(),
            "price_book": sealer.book.version,
            "repricing": _progress(repricing.progress(principal.org)),
        }

    @app.post("/ops/seals/reprice")
    async def reprice(request: Request, days: int = Query(ge=1, le=MOST_DAYS)) -> JSONResponse:
        principal = verifier.verify(request.headers.get("authorization"))
        now = time.time_ns()
        # Clocks of senders may run ahead.
        if not repricing.begin(principal.org, now - days * _DAY, now + _DAY):
            return JSONResponse({"message": "calls are being priced anew already: see `muster seals status`"}, 409)
        return JSONResponse({"repricing": _progress(repricing.progress(principal.org))}, 202)


def add_seal_levels(observations: Observations, sealer: Sealer) -> None:
    """Add the sealer's levels to the collector's metrics."""
    add = observations.gauge
    add("muster.seal.backlog", "traces that wait to be sealed", lambda: {(): float(sealer.state.backlog)})
    add("muster.seal.lag", "how long a trace has waited to be sealed", lambda: {(): sealer.state.lag}, "s")
    add("muster.seal.traces", "traces sealed since the start", lambda: {(): float(sealer.state.total.seals)})
    add("muster.seal.spans", "spans read for that", lambda: {(): float(sealer.state.total.rows)})
    add("muster.seal.failing", "1 when nothing can be sealed", lambda: {(): float(bool(sealer.state.problem))})


def _progress(progress: Progress | None) -> dict[str, Any] | None:
    return None if progress is None else asdict(progress)
