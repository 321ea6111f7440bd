"""What many tests share: one real engine per test process, and whole collectors in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.settings import StoreSettings
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.engines import SCRATCH, prepare
from tests.server import Server


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An embedded engine with all tables. A process can have only one: tests keep apart by ids of their own."""
    with Store(StoreSettings(path=prepare(tmp_path_factory.mktemp("store") / "engine"))) as opened:
        yield opened


@pytest.fixture(scope="session")
def scratch(store: Store) -> Iterator[Store]:
    """A database with all tables, beside everybody else's: `tests.engines.clear` it before use."""
    with Store(store.settings.model_copy(update={"database": SCRATCH})) as opened:
        yield opened


@pytest.fixture(scope="session")
def writer(store: Store) -> Writer:
    return Writer(store)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A collector in a process of its own, started."""
    running = Server(tmp_path / "data")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A collector for the tests of one module, which keep apart by ids of their own."""
    running = Server(tmp_path_factory.mktemp("server") / "data")
    running.start()
    yield running
    running.stop()
