"""Realistic agent traffic through the SDK's exporters: a back-dated window at once, or live at a rate."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Event
from typing import Protocol

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan

from collector.demo.outlet import Outlet, SendError, Totals, Transport
from collector.demo.schedule import DAY, HOUR, SECOND, book, book_live
from collector.demo.stage import Stage
from collector.demo.workflows import perform

__all__ = ["Clock", "Plan", "SendError", "Sent", "Totals", "WallClock", "send"]

BATCH = 512
# People decide in seconds, not minutes, when somebody watches.
LIVE_PATIENCE = 0.02
LIVE_FLUSH = SECOND // 4
LIVE_METRICS = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `until` is the end of the window in ns, now if None; `rate` is traces a second (live).

    `traces` is None for live traffic without end. Raises ValueError for a plan that can't be played.
    """

    days: float = 14
    traces: int | None = 2000
    seed: int = 7
    live: bool = False
    rate: float = 2.0
    until: int | None = None

    def __post_init__(self) -> None:
        if self.traces is None and not self.live:
            raise ValueError("a back-dated plan needs a number of traces")
        if self.traces is not None and self.traces < 1:
            raise ValueError(f"traces must be at least 1, not {self.traces}")
        if self.days < 0.01 or self.rate <= 0:
            raise ValueError("days must be at least 0.01 and rate above 0")


@dataclass(frozen=True, slots=True)
class Sent:
    """Progress: how many of the `planned` traces are played, and what the endpoint has acknowledged."""

    traces: int
    planned: int | None
    spans: int
    logs: int
    points: int
    requests: int


class Clock(Protocol):
    def now(self) -> int:
        """ns since the epoch."""

    def sleep(self, seconds: float) -> None: ...


class WallClock:
    def now(self) -> int:
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def send(
    endpoint: str,
    *,
    protocol: Transport = "http",
    token: str | None = None,
    days: float = 14,
    traces: int | None = 2000,
    seed: int = 7,
    live: bool = False,
    rate: float = 2.0,
    until: int | None = None,
    progress: Callable[[Sent], None] | None = None,
    stop: Event | None = None,
    clock: Clock | None = None,
) -> Totals:
    """Plays a `Plan` against `endpoint` (base URL) and returns what was acknowledged, exactly.

    The same seed and `until` give the same traces, ids and bytes. `progress` is called after each trace;
    `stop` ends early, after sending what has already happened. Raises `SendError` when the endpoint is
    down or refuses, after the SDK's own retries; ValueError for an impossible plan.
    """
    plan = Plan(days, traces, seed, live, rate, until)
    outlet = Outlet(endpoint, protocol=protocol, token=token)
    play = _play_live if plan.live else _play_past
    try:
        play(plan, outlet, progress or _no_progress, stop or Event(), clock or WallClock())
    finally:
        outlet.close()
    return outlet.totals


def _play_past(plan: Plan, outlet: Outlet, progress: Callable[[Sent], None], stop: Event, clock: Clock) -> None:
    assert plan.traces is not None
    until = plan.until if plan.until is not None else clock.now()
    begin = until - int(plan.days * DAY)
    outbox = _Outbox(outlet)
    stage = Stage(outbox, seed=plan.seed, rollout=begin + (until - begin) * 2 // 3, epoch=begin)
    tick = begin + HOUR
    played = 0
    for booking in book(traces=plan.traces, days=plan.days, seed=plan.seed, until=until):
        if stop.is_set():
            break
        while tick <= booking.start:
            outlet.metrics(*stage.meters.collect(tick))
            tick += HOUR
        perform(stage, booking, until=until)
        played += 1
        outbox.flush(BATCH)
        progress(_sent(played, plan, outlet.totals))
    outbox.flush(1)
    outlet.metrics(*stage.meters.collect(until))
    progress(_sent(played, plan, outlet.totals))


def _play_live(plan: Plan, outlet: Outlet, progress: Callable[[Sent], None], stop: Event, clock: Clock) -> None:
    start = clock.now()
    outbox = _Outbox(outlet)
    to_come = _ToCome(outbox)
    stage = Stage(to_come, seed=plan.seed, rollout=start, epoch=start)
    bookings = book_live(rate=plan.rate, seed=plan.seed, start=start, traces=plan.traces)
    booking = next(bookings, None)
    played, tick = 0, start + LIVE_METRICS
    while (booking is not None or to_come.waiting) and not stop.is_set():
        now = clock.now()
        while booking is not None and booking.start <= now:
            perform(stage, booking, patience=LIVE_PATIENCE)
            played += 1
            booking = next(bookings, None)
        to_come.release(now)
        outbox.flush(1)
        if now >= tick:
            outlet.metrics(*stage.meters.collect(now))
            tick = now + LIVE_METRICS
        progress(_sent(played, plan, outlet.totals))
        clock.sleep(LIVE_FLUSH / SECOND)
    to_come.release(clock.now())
    outbox.flush(1)
    outlet.metrics(*stage.meters.collect(clock.now()))
    progress(_sent(played, plan, outlet.totals))


@dataclass(slots=True)
class _Outbox:
    """Spans and logs that ended, by service: each service sends its own requests, as it would in life."""

    outlet: Outlet
    spans: defaultdict[str, list[ReadableSpan]] = field(default_factory=lambda: defaultdict(list))
    logs: defaultdict[str, list[ReadableLogRecord]] = field(default_factory=lambda: defaultdict(list))

    def on_span(self, service: str, span: ReadableSpan) -> None:
        self.spans[service].append(span)

    def on_log(self, service: str, record: ReadableLogRecord) -> None:
        self.logs[service].append(record)

    def flush(self, least: int) -> None:
        """Sends every buffer that holds at least `least`, in requests of at most `BATCH`."""
        for spans in self.spans.values():
            while len(spans) >= least:
                self.outlet.spans(spans[:BATCH])
                del spans[:BATCH]
        for logs in self.logs.values():
            while len(logs) >= least:
                self.outlet.logs(logs[:BATCH])
                del logs[:BATCH]


class _ToCome:
    """Holds what a live trace will have done until the clock gets there."""

    def __init__(self, outbox: _Outbox) -> None:
        self._outbox = outbox
        self._order = count()
        self._heap: list[tuple[int, int, str, ReadableSpan | ReadableLogRecord]] = []

    @property
    def waiting(self) -> bool:
        return bool(self._heap)

    def on_span(self, service: str, span: ReadableSpan) -> None:
        assert span.end_time is not None
        heapq.heappush(self._heap, (span.end_time, next(self._order), service, span))

    def on_log(self, service: str, record: ReadableLogRecord) -> None:
        at = record.log_record.timestamp or 0
        heapq.heappush(self._heap, (at, next(self._order), service, record))

    def release(self, now: int) -> None:
        while self._heap and self._heap[0][0] <= now:
            _, _, service, item = heapq.heappop(self._heap)
            if isinstance(item, ReadableSpan):
                self._outbox.on_span(service, item)
            else:
                self._outbox.on_log(service, item)


def _sent(played: int, plan: Plan, totals: Totals) -> Sent:
    return Sent(played, plan.traces, totals.spans, totals.logs, totals.points, totals.requests)


def _no_progress(_: Sent) -> None:
    """Nobody watches."""
