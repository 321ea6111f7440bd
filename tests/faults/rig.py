"""Load from processes of their own, and exact comparison of what was acknowledged with what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.demo import fast
from collector.demo.replay import Body, bodies
from tests.server import Server

ROOT = Path(__file__).parent.parent.parent
SMALL_BATCHES = {"MUSTER_COLLECTOR_BATCH_ITEMS": "3000", "MUSTER_COLLECTOR_BATCH_LINGER": "0.1"}


class Collector(Server):
    """A server that can also be started without waiting for it, and that no failing test leaves behind."""

    made: ClassVar[list[Collector]] = []

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> None:
        super().__init__(data, environment, prefix)
        self.made.append(self)

    def launch(self) -> None:
        """Start, and return at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._prefix, sys.executable, "-m", "deploy", "collector"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
            )

    def problems(self) -> str:
        """What /readyz says, in one line."""
        try:
            return " ".join(httpx.get(self.endpoint + "/readyz", timeout=10).json()["problems"])
        except httpx.TransportError:
            return "no answer"


@dataclass
class Stream:
    """One load sender: the same requests can be made again from its seed."""

    endpoint: str
    acked_file: Path
    spans: int
    per_request: int
    seed: int
    start: int = field(default_factory=lambda: time.time_ns() - 3600 * 10**9)
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        options = {
            "endpoint": self.endpoint,
            "spans": self.spans,
            "per-request": self.per_request,
            "connections": 4,
            "seed": self.seed,
            "start": self.start,
            "days": 0.01,
            "give-up": 300,
            "acked": self.acked_file,
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "collector.demo.replay", *arguments], stdout=subprocess.DEVNULL, cwd=ROOT
        )

    def bodies(self) -> Iterator[Body]:
        return bodies(
            self.spans,
            self.per_request,
            seed=self.seed,
            start=self.start,
            days=0.01,
            profile=fast.Profile.BENCH,
            gzip=False,
        )

    def acked(self) -> list[int]:
        """Indexes of the requests acknowledged so far, in that order."""
        whole, _, _ = self.acked_file.read_bytes().rpartition(b"\n") if self.acked_file.exists() else (b"", b"", b"")
        return [int(line) for line in whole.split()]

    def finish(self, seconds: float = 240) -> None:
        """Wait until every request is acknowledged."""
        assert self.process is not None
        assert self.process.wait(seconds) == 0

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def load(
    server: Server, directory: Path, spans: int, seed: int, *, sizes: tuple[int, ...] = (100, 1000)
) -> Iterator[list[Stream]]:
    """Senders of `spans` spans each, one for each size of request, sending."""
    streams = [
        Stream(server.endpoint, directory / f"acked-{seed}-{size}", spans, size, seed=seed * 100 + number)
        for number, size in enumerate(sizes)
    ]
    try:
        for stream in streams:
            stream.begin()
        yield streams
    finally:
        for stream in streams:
            stream.stop()


@dataclass(frozen=True)
class Compared:
    """How many spans were sent, acknowledged and found."""

    sent: int
    acked: int
    stored: int


def compare(server: Server, streams: list[Stream]) -> Compared:
    """Every acknowledged span is stored once, none twice, none that wasn't sent; rollups count the same.

    The server must have stopped.
    """
    sent: set[tuple[str, str]] = set()
    acked: set[tuple[str, str]] = set()
    operations: Counter[str] = Counter()
    by_id: dict[tuple[str, str], str] = {}
    for stream in streams:
        indexes = set(stream.acked())
        for body in stream.bodies():
            ids = fast.ids(body.data)
            sent.update(ids)
            by_id.update(zip(ids, operations_of(body.data), strict=True))
            if body.index in indexes:
                acked.update(ids)
    rows = ids_stored(server)
    stored = set(rows)
    assert len(rows) == len(stored), f"{len(rows) - len(stored)} spans are stored twice"
    assert not acked - stored, f"{len(acked - stored)} acknowledged spans are lost"
    assert not stored - sent, f"{len(stored - sent)} spans are stored that nobody sent"
    # The rollups, against a count that the store had no part in.
    operations.update(by_id[each] for each in stored)
    genai = sum(count for operation, count in operations.items() if operation)
    ((spans, calls, traces),) = server.query(
        "SELECT (SELECT sum(Spans) FROM agent_activity), (SELECT sum(Calls) FROM operation_minute), "
        "(SELECT uniqExact(TraceId) FROM otel_traces_trace_id_ts)"
    )
    assert (spans, calls, traces) == (len(stored), genai, len({trace for trace, _ in stored}))
    return Compared(len(sent), len(acked), len(stored))


def ids_stored(server: Server) -> list[tuple[str, str]]:
    return [(str(trace), str(span)) for trace, span in server.query("SELECT TraceId, SpanId FROM otel_traces")]


def operations_of(body: bytes) -> list[str]:
    """The operation name of every span of a request, in order; empty where it has none."""
    names = []
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                found = [a.value.string_value for a in span.attributes if a.key == "gen_ai.operation.name"]
                names.append(found[0] if found else "")
    return names


def report(name: str, figures: dict[str, Any]) -> None:
    """Figures of a proof, on standard output (`pytest -s`, or the report of a failure)."""
    print(f"{name}: {json.dumps(figures)}")
