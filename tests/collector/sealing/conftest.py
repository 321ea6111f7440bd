"""A store for sealing."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.store.connection import Store
from collector.store.writer import Writer
from tests.collector.sealing.scene import Scene
from tests.engines import clear


@pytest.fixture(scope="session")
def scratch_writer(scratch: Store) -> Writer:
    return Writer(scratch)


@pytest.fixture
def scene(scratch: Store, scratch_writer: Writer, tmp_path: Path) -> Scene:
    """Empty tables and a sealer."""
    clear(scratch)
    return Scene(scratch, scratch_writer, tmp_path)
