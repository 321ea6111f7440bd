"""Records on a real engine, both databases, and a folder as target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.store.connection import Store
from inventory.db import migrate
from inventory.db.engine import Database
from tests.engines import clear
from tests.exporters.world import World
from tests.inventory.conftest import database, empty_url, postgres

__all__ = ["database", "empty_url", "postgres"]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    migrate.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def world(scratch: Store, sqlite: Database, tmp_path: Path) -> World:
    """An empty store, and a folder as target."""
    clear(scratch)
    return World(scratch, sqlite, tmp_path)
