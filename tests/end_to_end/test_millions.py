"""The long forms: millions of spans, and a soak at a steady rate. `make prove`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.server import Server

ROOT = Path(__file__).parent.parent.parent
GB = 10**9


def replay(server: Server, spans: int, per_request: int, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "collector.demo.replay", "--endpoint", server.endpoint, "--json"]
    sizes = ["--spans", str(spans), "--per-request", str(per_request)]
    return subprocess.Popen([*command, *sizes, *options], stdout=subprocess.PIPE, cwd=ROOT)


def resident(server: Server, field: str) -> int:
    """`VmRSS` or `VmHWM` of the server, bytes."""
    assert server.process is not None
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


@pytest.mark.prove
def test_five_million_spans_from_two_senders_are_stored_exactly_once(server: Server) -> None:
    start = time.time_ns() - 14 * 86_400 * 10**9
    shared = ("--start", str(start), "--days", "14", "--connections", "4")
    senders = [
        replay(server, 4_000_000, 1000, "--seed", "1", *shared),
        replay(server, 1_000_000, 100, "--seed", "2", "--profile", "deep", *shared),
    ]
    for sender in senders:
        report = json.loads(sender.communicate()[0])
        assert sender.returncode == 0, report
    server.settle(300)
    assert server.unaccounted() == 0
    # The engine may take 1.5 GiB; what is being sealed, and Python, come on top.
    assert resident(server, "VmHWM") < 2.5 * GB
    server.stop()
    counts = server.query(
        "SELECT count(), uniqExact(TraceId, SpanId), (SELECT sum(Spans) FROM agent_activity), "
        "(SELECT sum(Calls) FROM operation_minute), countIf(Operation != ''), uniqExact(toDate(Timestamp)) "
        "FROM otel_traces"
    )[0]
    rows, unique, activity, calls, operations, days = counts
    assert (rows, unique, activity) == (5_000_000,) * 3
    assert calls == operations
    assert days >= 14


@pytest.mark.prove
def test_ten_minutes_at_a_steady_rate_neither_grow_nor_lag(server: Server) -> None:
    sender = replay(server, 10 * 60 * 5_000, 100, "--rate", "5000", "--seed", "3", "--start", str(time.time_ns()))
    memory: list[int] = []
    lags: list[float] = []
    while sender.poll() is None:
        memory.append(resident(server, "VmRSS"))
        metrics = server.text("/metrics").splitlines()
        lags += [float(line.split()[1]) for line in metrics if line.startswith("muster_lag_seconds ")]
        time.sleep(1)
    report = json.loads(sender.communicate()[0])
    assert sender.returncode == 0, report
    server.settle()
    assert server.unaccounted() == 0
    assert max(lags) < 5
    # After the first minute the engine's caches are warm: from then on memory stays where it is.
    steady = memory[60:]
    assert max(steady[len(steady) // 2 :]) < max(steady[: len(steady) // 2]) * 1.25 + 0.1 * GB
