"""The lifecycle on a real engine, both databases and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory.db import migrate
from inventory.db.engine import Database
from tests.inventory.conftest import database, empty_url, postgres
from tests.lifecycle.smtp import Box, serving

__all__ = ["database", "empty_url", "postgres"]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """What depends on the database runs on both (`database`); the rest on this one alone."""
    opened = Database(f"sqlite:///{tmp_path / 'one.sqlite'}")
    migrate.upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def box() -> Iterator[Box]:
    with serving() as opened:
        yield opened
