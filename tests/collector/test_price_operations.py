"""Who may ask about prices, and what is said when the store can't answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from collector.errors import Unauthenticated
from collector.price_book import PriceBook
from collector.price_operations import add_price_operations
from collector.receivers.auth import Anonymous, Verifier
from collector.signals import Principal
from collector.store.connection import Store

PATHS = ["/ops/prices/unpriced", "/ops/prices/book", "/ops/prices/0123456789abcdef"]


class Nobody:
    """Lets nobody in."""

    def verify(self, authorization: str | None) -> Principal:
        raise Unauthenticated("no")


@pytest.fixture
def empty(store: Store) -> Iterator[Store]:
    """A store without tables."""
    with Store(store.settings.model_copy(update={"database": "no_prices"})) as opened:
        yield opened
        opened.client().command("DROP DATABASE no_prices SYNC")


def ask(store: Store, verifier: Verifier, path: str) -> httpx.Response:
    app = FastAPI()
    add_price_operations(app, store, PriceBook(), verifier)

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://collector") as client:
            return await client.get(path)

    return asyncio.run(get())


@pytest.mark.parametrize("path", PATHS)
def test_every_route_wants_the_credentials_that_telemetry_does(store: Store, path: str) -> None:
    with pytest.raises(Unauthenticated):
        ask(store, Nobody(), path)


@pytest.mark.parametrize("path", [PATHS[0], PATHS[2]])
def test_a_store_that_can_t_answer_is_unavailable(empty: Store, path: str) -> None:
    answer = ask(empty, Anonymous(), path)
    assert answer.status_code == 503
    assert "can't be asked now" in answer.json()["message"]


@pytest.mark.parametrize("days", [0, 367])
def test_days_are_a_year_at_most(store: Store, days: int) -> None:
    assert ask(store, Anonymous(), f"{PATHS[0]}?days={days}").status_code == 422
