"""The pipeline as it is run: a collector process, and senders in another, on the same cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from collector.demo import fast
from tests.server import Server

ROOT = Path(__file__).parent.parent.parent
CONNECTIONS = 16
"""Of the sender, each with one request under way."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """`cpu_seconds` is the server's; `disk_bytes` what the tables take once the collector has stopped."""

    spans_per_second: float
    peak_rss: int
    cpu_seconds: float
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Latency:
    p50_ms: float
    p99_ms: float


def throughput(directory: Path, spans: int, per_request: int, *, gzip: bool, seed: int) -> Throughput:
    """From the first byte sent to the last row queryable. What is stored is checked against the tables."""
    server = Server(directory / "data")
    server.start()
    try:
        before = _cpu_seconds(server)
        sender = _replay(server, spans, per_request, seed=seed, gzip=gzip)
        started = _first_byte(server)
        while _metric(server, "muster_items_stored_total") < spans:
            if sender.poll() not in (None, 0):
                raise RuntimeError("the sender failed")
            time.sleep(0.1)
        seconds = time.perf_counter() - started
        cpu = _cpu_seconds(server) - before
        sender.communicate(timeout=60)
        accounts = server.get("/ops/reconciliation?hours=2")
        stored = sum(account["stored"] for account in accounts["accounts"])
        assert (accounts["unaccounted"], stored) == (0, spans), accounts
        peak = _status(server, "VmHWM")
    finally:
        server.stop()
    rows = server.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'muster'")
    return Throughput(spans / seconds, peak, cpu, int(rows[0][0]))


def latency(directory: Path, per_request: int, *, rate: float, seconds: float = 20.0) -> Latency:
    """Time to the acknowledgement, at a steady `rate` in spans a second."""
    server = Server(directory / "data")
    server.start()
    try:
        sender = _replay(server, int(rate * seconds), per_request, seed=1, rate=rate)
        report = json.loads(sender.communicate(timeout=seconds * 5 + 60)[0])
    finally:
        server.stop()
    return Latency(report["ack_p50_ms"], report["ack_p99_ms"])


def freshness(directory: Path, times: int) -> list[float]:
    """Seconds from sending one small request to its rows being in the tables, one after another."""
    server = Server(directory / "data")
    server.start()
    took: list[float] = []
    try:
        for number, body in enumerate(fast.requests(times * 10, 10, seed=3, start=time.time_ns()), 1):
            started = time.perf_counter()
            assert server.post("traces", body).status_code == 200
            while _metric(server, "muster_items_stored_total") < number * 10:
                time.sleep(0.01)
            took.append(time.perf_counter() - started)
    finally:
        server.stop()
    return took


def _replay(
    server: Server, spans: int, per_request: int, *, seed: int, gzip: bool = False, rate: float | None = None
) -> subprocess.Popen[bytes]:
    options = ["--spans", str(spans), "--per-request", str(per_request), "--seed", str(seed)]
    options += ["--start", str(time.time_ns() - 60 * 10**9), "--days", str(60 / 86_400), "--json"]
    options += ["--connections", str(CONNECTIONS)]
    options += ["--gzip"] * gzip + (["--rate", str(int(rate))] if rate else [])
    command = [sys.executable, "-m", "collector.demo.replay", "--endpoint", server.endpoint, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)


def _first_byte(server: Server) -> float:
    """When the sender has prepared its bodies and starts: the first accepted request, seen within 10 ms."""
    while True:
        started = time.perf_counter()
        if _metric(server, "muster_received_bytes_total") > 0:
            return started
        time.sleep(0.01)


def _metric(server: Server, name: str) -> float:
    lines = httpx.get(f"{server.endpoint}/metrics", timeout=60).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def _status(server: Server, field: str) -> int:
    assert server.process is not None
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def _cpu_seconds(server: Server) -> float:
    assert server.process is not None
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
