"""Disks without room: senders are told, nothing acknowledged is lost, and all is well again when there is room."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from collector.demo import fast
from tests.faults.rig import Collector, ids_stored
from tests.faults.small_disk import SmallDisk, small_disk
from tests.server import wait_for

REQUESTS, PER_REQUEST = 12, 500


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 256) as disk:
        yield disk


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    return list(fast.requests(REQUESTS * PER_REQUEST, PER_REQUEST, seed=41, start=1_790_000_000 * 10**9, days=0.01))


def words(response: httpx.Response) -> str:
    return str(Status.FromString(response.content).message)


def send(server: Collector, bodies: list[bytes]) -> dict[int, httpx.Response]:
    return {number: server.post("traces", body) for number, body in enumerate(bodies)}


def check(server: Collector, bodies: list[bytes]) -> None:
    """Every span of the bodies is stored once, and the accounts add up."""
    server.settle(90)
    wait_for(lambda: server.answers("/readyz"), "the collector is ready again", 60)
    assert server.unaccounted() == 0
    assert server.stop() == 0
    stored = ids_stored(server)
    assert len(stored) == len(set(stored)), "a span is stored twice"
    assert set(stored) == {each for body in bodies for each in fast.ids(body)}


def test_a_full_spool_disk_refuses_and_loses_nothing(tmp_path: Path, disk: SmallDisk, bodies: list[bytes]) -> None:
    server = Collector(
        tmp_path / "data",
        {
            "MUSTER_COLLECTOR_SPOOL_PATH": str(disk.path / "spool"),
            "MUSTER_COLLECTOR_SPOOL_MIN_FREE_BYTES": "1",
            "MUSTER_COLLECTOR_BATCH_ITEMS": "1000",
        },
    )
    server.start()
    disk.fill(leave=600_000)
    # The check before an append lets some in, and the write itself fails: both ways are here.
    answers = send(server, bodies)
    taken = {number for number, answer in answers.items() if answer.status_code == 200}
    refused = [answer for answer in answers.values() if answer.status_code != 200]
    assert refused, "the disk wasn't full"
    disk.fill()
    refused.append(server.post("traces", bodies[min(answers.keys() - taken)]))
    for answer in refused:
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert "No space left on device" in words(answer) or "spool_min_free_bytes" in words(answer)
        assert str(tmp_path) not in words(answer)
    wait_for(lambda: "make room" in server.problems(), "/readyz says why", 20)
    # Killed while full, and started again: it must come up, and still hold what it acknowledged.
    server.kill()
    disk.free()
    server.start()
    disk.fill()
    wait_for(lambda: server.get("/healthz")["status"] == "ok", "it lives")
    disk.free()
    again = send(server, bodies)
    assert {answer.status_code for answer in again.values()} == {200}
    check(server, bodies)


@pytest.mark.prove
def test_a_write_over_a_file_size_limit_is_a_full_disk_too(tmp_path: Path, bodies: list[bytes]) -> None:
    # The limit is above what the engine's and the ledger's files need here, and below a segment of all requests.
    server = Collector(tmp_path / "data", {"MUSTER_COLLECTOR_BATCH_LINGER": "600"})
    server.start()
    assert server.process is not None
    pid = server.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    answers = send(server, bodies[:8])
    statuses = {answer.status_code for answer in answers.values()}
    assert statuses == {200, 503}
    assert {words(a) for a in answers.values() if a.status_code == 503} == {
        "the collector can't write its spool (File too large): nothing was taken in; make room or check the disk"
    }
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert {a.status_code for a in send(server, bodies[:8]).values()} == {200}
    assert server.stop() == 0
    server._environment["MUSTER_COLLECTOR_BATCH_LINGER"] = "0.1"
    server.start()
    check(server, bodies[:8])


def test_a_full_engine_disk_is_waited_for(tmp_path: Path, disk: SmallDisk, bodies: list[bytes]) -> None:
    server = Collector(
        disk.path,
        {"MUSTER_COLLECTOR_SPOOL_PATH": str(tmp_path / "spool"), "MUSTER_COLLECTOR_BATCH_ITEMS": "2000"},
    )
    server.start()
    assert server.post("traces", bodies[0]).status_code == 200
    server.settle()
    disk.fill()
    assert {a.status_code for a in send(server, bodies).values()} == {200}
    wait_for(lambda: "loading stands still" in server.problems(), "/readyz says why", 30)
    problem = server.problems()
    assert "(code " in problem, problem
    waiting = server.get("/ops/reconciliation?hours=48")
    assert waiting["unaccounted"] == 0
    assert sum(account["waiting"] for account in waiting["accounts"]) > 0
    # Still taking in, and still holding it after a kill.
    server.kill()
    stopper = threading.Timer(1, disk.free)
    stopper.start()
    server.start(ready=False)
    stopper.join()
    check(server, bodies)
