"""The lifecycle on a real engine, both databases and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.inventory.conftest import database, empty_url, postgres
from tests.lifecycle.smtp import Box, serving

__all__ = ["database", "empty_url", "postgres"]


@pytest.fixture
def box() -> Iterator[Box]:
    with serving() as opened:
        yield opened
