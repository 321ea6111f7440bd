"""Sealing as the collector does it, when a test says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.sealing.sealer import Sealer
from collector.settings import CollectorSettings
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.inventory.telemetry import Sender, trace_id


class Sealing:
    """Seals traces by their numbers."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._sealer = Sealer(store, Costing(PriceBook()), directory, CollectorSettings())

    def __call__(self, traces: Iterable[int]) -> None:
        self._sealer.seal([trace_id(number) for number in traces])


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with store.reader() as reader:
        yield reader


@pytest.fixture
def sender(writer: Writer, request: pytest.FixtureRequest) -> Sender:
    """An organisation for each test, since they share the engine."""
    return Sender(writer, f"{request.module.__name__.rpartition('.')[2]}-{request.node.name}")


@pytest.fixture
def seal(store: Store, tmp_path: Path) -> Sealing:
    return Sealing(store, tmp_path / "sealing")
