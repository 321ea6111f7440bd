"""Clocks that jump an hour, while running and across a restart: nothing is lost, doubled or unaccounted for."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from collector.demo import fast
from tests.faults.rig import Collector, ids_stored
from tests.server import wait_for

HOUR = 3600


class Jumping(Collector):
    """A collector whose wall clock is set by the test."""

    def __init__(self, directory: Path) -> None:
        self.offset = directory / "offset"
        self.offset.write_text("0")
        super().__init__(
            directory / "data",
            {"MUSTER_TEST_CLOCK": str(self.offset), "MUSTER_COLLECTOR_BATCH_ITEMS": "600"},
            [sys.executable, "-m", "tests.faults.launcher"],
        )
        self.repeats = 0

    def jump(self, seconds: int) -> None:
        part = self.offset.with_suffix(".new")
        part.write_text(str(seconds))
        part.replace(self.offset)

    def absorbed(self) -> int:
        """Spans absorbed, as the accounts of the last days say."""
        accounts = self.get("/ops/reconciliation?hours=48")
        assert accounts["unaccounted"] == 0
        return sum(account["absorbed"] for account in accounts["accounts"])


def test_jumps_lose_double_and_forget_nothing(tmp_path: Path) -> None:
    per_request, jumps = 100, (0, HOUR, -HOUR, 0)
    made = iter(fast.requests(10_000, per_request, seed=51, start=time.time_ns() - 10**12, days=0.01))
    server = Jumping(tmp_path)
    server.start()
    sent: list[bytes] = []

    def send(count: int) -> None:
        """New requests, and every one before them again."""
        for body in sent:
            assert server.post("traces", body).status_code == 200
        server.repeats += len(sent)
        for _ in range(count):
            sent.append(next(made))
            assert server.post("traces", sent[-1]).status_code == 200

    for seconds in jumps:
        server.jump(seconds)
        send(3)
    for seconds, gently in ((HOUR, True), (-2 * HOUR, False)):
        # Without waiting for the loader: what was planned at one time is repeated at another.
        if gently:
            assert server.stop() == 0
        else:
            server.kill()
        server.jump(seconds)
        server.start()
        send(3)
    server.settle()
    server.jump(HOUR)
    # Asked at the latest time of all, so that every hour of receipt is among the last 48.
    wait_for(lambda: server.absorbed() == server.repeats * per_request, "every repeat was absorbed")
    received = [account["hour"] for account in server.get("/ops/reconciliation?hours=48")["accounts"]]
    assert len(set(received)) >= 3, "the clock didn't jump"
    server.jump(-HOUR)
    assert server.unaccounted() == 0
    assert server.answers("/readyz"), server.problems()
    assert server.stop() == 0
    stored = ids_stored(server)
    assert len(stored) == len(set(stored)) == 6 * 3 * per_request
    assert set(stored) == {each for body in sent for each in fast.ids(body)}
