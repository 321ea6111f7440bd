"""Nothing that a test started outlives it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.rig import Collector


@pytest.fixture(autouse=True)
def _no_collector_left() -> Iterator[None]:
    yield
    while Collector.made:
        server = Collector.made.pop()
        if server.process is not None and server.process.poll() is None:
            server.kill()
