"""Posts serialised OTLP bodies as fast as the server takes them, each until it is acknowledged.

A client of its own, since it shares the machine with what it measures: one event loop, one request in
flight per connection, bodies written as they are.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collector.demo.connection import Connection
from collector.demo.fast import Profile, requests

RETRYABLE = frozenset({408, 429, 502, 503, 504})
ANSWER_TIMEOUT = 30.0
# Bodies are made before the clock starts if they fit.
PREPARED_SPANS = 3_000_000
FIRST_BACKOFF, LAST_BACKOFF = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Body:
    """One request, ready to send. `index` identifies it in reports."""

    index: int
    spans: int
    data: bytes


@dataclass(slots=True)
class Report:
    """What happened. Latencies are from the first byte of the acknowledged attempt to its 200, in ms.

    `late_ms` is from the moment a rate-limited request was due: waiting for a free connection counts.
    `refused` and `given_up` are indexes of bodies that never got a 200. `cpu_seconds` are the sender's.
    """

    requests: int = 0
    spans: int = 0
    bytes: int = 0
    rejected: int = 0
    retries: int = 0
    reconnects: int = 0
    refused: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    ack_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float | int | list[int]]:
        """Totals and quantiles, ready for JSON."""
        return {
            "requests": self.requests,
            "spans": self.spans,
            "bytes": self.bytes,
            "rejected_spans": self.rejected,
            "retries": self.retries,
            "reconnects": self.reconnects,
            "refused": self.refused,
            "given_up": self.given_up,
            "seconds": round(self.seconds, 3),
            "spans_per_second": round(self.spans / self.seconds) if self.seconds else 0,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "ack_p50_ms": quantile(self.ack_ms, 0.50),
            "ack_p99_ms": quantile(self.ack_ms, 0.99),
            "late_p99_ms": quantile(self.late_ms, 0.99),
        }


def quantile(values: list[float], q: float) -> float:
    """Nearest rank; 0 for no values."""
    return round(sorted(values)[min(int(q * len(values)), len(values) - 1)], 3) if values else 0.0


def replay(
    endpoint: str,
    bodies: Iterator[Body],
    *,
    connections: int = 8,
    gzip: bool = False,
    token: str | None = None,
    rate: float | None = None,
    give_up: float = 60.0,
    on_ack: Callable[[int], None] | None = None,
) -> Report:
    """Posts every body to `endpoint`/v1/traces and returns when each has its 200, is refused or given up.

    429 and 503 (with Retry-After), lost connections and silence lead to the same bytes again, for
    `give_up` seconds a body. `gzip` says that the bodies are compressed. `rate` is in spans a second.
    `on_ack` gets the body's index after its 200 arrived, before anything else is sent on that connection.
    """
    sender = _Sender(endpoint, bodies, gzip, token, rate, give_up, on_ack)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(sender.run(connections))


class _Sender:
    def __init__(
        self,
        endpoint: str,
        bodies: Iterator[Body],
        gzip: bool,
        token: str | None,
        rate: float | None,
        give_up: float,
        on_ack: Callable[[int], None] | None,
    ) -> None:
        url = urlsplit(endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"not an http(s) address: {endpoint}")
        self._host = url.hostname
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        headers = [
            f"POST {url.path.rstrip('/')}/v1/traces HTTP/1.1",
            f"Host: {url.netloc}",
            "Content-Type: application/x-protobuf",
        ]
        headers += ["Content-Encoding: gzip"] if gzip else []
        headers += [f"Authorization: Bearer {token}"] if token else []
        self._head = "\r\n".join([*headers, "Content-Length: "]).encode()
        self._bodies = bodies
        self._rate = rate
        self._give_up = give_up
        self._on_ack = on_ack
        self._due = 0.0
        self._report = Report()

    async def run(self, connections: int) -> Report:
        began, cpu = time.perf_counter(), time.process_time()
        self._due = began
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._send_all())
        self._report.seconds = time.perf_counter() - began
        self._report.cpu_seconds = time.process_time() - cpu
        return self._report

    async def _send_all(self) -> None:
        connection: Connection | None = None
        for body in self._bodies:
            due = self._due
            if self._rate:
                self._due += body.spans / self._rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            connection = await self._deliver(connection, body, due)
        if connection is not None:
            connection.close()

    async def _deliver(self, connection: Connection | None, body: Body, due: float) -> Connection | None:
        """One body until its end; returns the connection to go on with."""
        report = self._report
        head = b"%s%d\r\n\r\n" % (self._head, len(body.data))
        deadline = time.perf_counter() + self._give_up
        backoff = FIRST_BACKOFF
        while True:
            wait = backoff
            try:
                if connection is None or connection.closed:
                    connection = await self._connect()
                began = time.perf_counter()
                async with asyncio.timeout(ANSWER_TIMEOUT):
                    status, retry_after, content = await connection.post(head, body.data)
            except OSError:  # refused, reset, closed halfway, timed out
                if connection is not None:
                    connection.close()
                connection = None
                report.reconnects += 1
            else:
                if status == 200:
                    ended = time.perf_counter()
                    self._acknowledged(body, content, (ended - began) * 1000)
                    if self._rate:
                        report.late_ms.append((ended - due) * 1000)
                    return connection
                if status not in RETRYABLE:
                    report.refused.append(body.index)
                    return connection
                report.retries += 1
                wait = retry_after if retry_after is not None else backoff
            if time.perf_counter() + wait > deadline:
                report.given_up.append(body.index)
                return connection
            await asyncio.sleep(wait)
            backoff = min(backoff * 2, LAST_BACKOFF)

    def _acknowledged(self, body: Body, content: bytes, ms: float) -> None:
        report = self._report
        report.requests += 1
        report.spans += body.spans
        report.bytes += len(body.data)
        report.ack_ms.append(ms)
        if content:
            report.rejected += ExportTraceServiceResponse.FromString(content).partial_success.rejected_spans
        if self._on_ack is not None:
            self._on_ack(body.index)

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._tls)
        return connection


def bodies(
    spans: int, per_request: int, *, seed: int, start: int, days: float, profile: Profile, gzip: bool
) -> Iterator[Body]:
    """The fast generator's requests, numbered from 0; the same arguments give the same bytes."""
    left = spans
    for index, data in enumerate(requests(spans, per_request, seed, start, days, profile)):
        yield Body(index, min(per_request, left), _compressed(data) if gzip else data)
        left -= per_request


def _compressed(data: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """The command. 0 when every span was acknowledged."""
    options = _options().parse_args(argv)
    made = bodies(
        options.spans,
        options.per_request,
        seed=options.seed,
        start=options.start if options.start is not None else time.time_ns() - int(options.days * 86_400e9),
        days=options.days,
        profile=options.profile,
        gzip=options.gzip,
    )
    prepared = options.spans <= PREPARED_SPANS
    with ExitStack() as stack:
        on_ack = None
        if options.acked:
            # One write a line, unbuffered: what the file says was acknowledged, was.
            file = os.open(options.acked, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            stack.callback(os.close, file)

            def on_ack(index: int) -> None:
                os.write(file, b"%d\n" % index)

        report = replay(
            options.endpoint,
            iter(list(made)) if prepared else made,
            connections=options.connections,
            gzip=options.gzip,
            token=options.token,
            rate=options.rate,
            give_up=options.give_up,
            on_ack=on_ack,
        )
    summary = {**report.summary(), "prepared": prepared}
    if options.json:
        sys.stdout.write(json.dumps(summary) + "\n")
    else:
        sys.stdout.writelines(f"{name:20} {value}\n" for name, value in summary.items())
    return 0 if report.spans - report.rejected == options.spans else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("collector.demo.replay", description=__doc__)
    add = parser.add_argument
    add("--endpoint", default="http://127.0.0.1:4318", help="base URL of an OTLP/HTTP receiver")
    add("--spans", type=int, default=1_000_000)
    add("--per-request", type=int, default=1000, help="spans in a request")
    add("--connections", type=int, default=8)
    add("--profile", type=Profile, choices=list(Profile), default=Profile.BENCH)
    add("--gzip", action="store_true", help="compress bodies, before the clock starts if they fit")
    add("--rate", type=float, help="spans a second; as fast as possible if not given")
    add("--seed", type=int, default=7)
    add("--start", type=int, help="time of the first span, ns since the epoch; `days` ago if not given")
    add("--days", type=float, default=1.0, help="over how long the spans' times spread")
    add("--token", help="ingest token")
    add("--give-up", type=float, default=60.0, help="seconds to try one request before giving it up")
    add("--acked", help="append the index of each acknowledged request to this file")
    add("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
