from __future__ import annotations

import pytest

from collector.store.connection import Store
from tests.collector.retention.shelf import Shelf
from tests.engines import clear


@pytest.fixture
def shelf(scratch: Store) -> Shelf:
    """An empty store."""
    clear(scratch)
    return Shelf(scratch)
