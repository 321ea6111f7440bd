"""Prices, for the people who run the collector: what has none, what an id means, which prices hold now."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse

from collector.price_book import PriceBook
from collector.price_records import content, price_by_id
from collector.pricing import Unpriced
from collector.receivers.auth import Verifier
from collector.repricing import unpriced
from collector.store.connection import Store, StoreError

MOST_DAYS = 366
_DAY = 86_400 * 10**9


class PriceReports:
    """Answers fit for JSON: times are ISO 8601, amounts texts in US dollars. Raises ClickHouseError or StoreError."""

    def __init__(self, store: Store, book: PriceBook) -> None:
        self._store = store
        self._book = book

    def unpriced(self, org: str, days: int) -> list[dict[str, Any]]:
        """Calls of the last days that have no price, by model and reason, most calls first."""
        now = time.time_ns()
        with self._store.reader() as client:
            found = unpriced(client, org, now - days * _DAY, now + _DAY)  # clocks of senders may run ahead
        return [
            {
                **{name: value for name, value in asdict(row).items() if not name.endswith("_ns")},
                "words": Unpriced[row.reason].value if row.reason in Unpriced.__members__ else row.reason,
                "first": _iso(row.first_ns),
                "last": _iso(row.last_ns),
            }
            for row in found
        ]

    def price(self, price_id: str) -> dict[str, Any] | None:
        """A price that was put on calls; None if no call has this id."""
        with self._store.reader() as client:
            used = price_by_id(client, price_id)
        if used is None:
            return None
        return {
            "id": used.row.id,
            "source": used.row.source,
            "provider": used.row.provider,
            "model": used.row.model,
            **json.loads(content(used.row)),
            "first_used": used.first_used.isoformat(),
            "price_book": used.price_book,
        }

    def book(self) -> dict[str, Any]:
        """The prices that hold now."""
        return {"version": self._book.version, "own_prices": len(self._book.own), "list": self._book.list_version}


def add_price_operations(app: FastAPI, store: Store, book: PriceBook, verifier: Verifier) -> None:
    """Add the routes about prices, beside those of `add_operations`, which says how refusals leave."""
    reports = PriceReports(store, book)

    @app.get("/ops/prices/unpriced")
    async def unpriced_calls(request: Request, days: int = Query(30, ge=1, le=MOST_DAYS)) -> JSONResponse:
        principal = verifier.verify(request.headers.get("authorization"))
        try:
            return JSONResponse(await asyncio.to_thread(reports.unpriced, principal.org, days))
        except (ClickHouseError, StoreError) as error:
            return _unavailable(error)

    @app.get("/ops/prices/book")
    async def price_book(request: Request) -> JSONResponse:
        verifier.verify(request.headers.get("authorization"))
        return JSONResponse(await asyncio.to_thread(reports.book))

    @app.get("/ops/prices/{price_id}")
    async def price(request: Request, price_id: str) -> JSONResponse:
        verifier.verify(request.headers.get("authorization"))
        try:
            found = await asyncio.to_thread(reports.price, price_id)
        except (ClickHouseError, StoreError) as error:
            return _unavailable(error)
        if found is None:
            return JSONResponse({"message": "no call was ever priced by this id: ids are on the calls"}, 404)
        return JSONResponse(found)


def _unavailable(error: Exception) -> JSONResponse:
    name = getattr(error, "name", None) or type(error).__name__
    return JSONResponse({"message": f"the store can't be asked now: {name}"}, 503)


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).isoformat()
