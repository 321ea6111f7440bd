"""What is not as usual: each subject's failures, durations, cost per trace and silence against the windows before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import sqrt
from statistics import median
from typing import Final

from collector.store.health import Figures, Slot, Subject, SubjectKind
from inventory.contract.incidents import Signal, Unit
from inventory.incidents import statistics
from inventory.incidents.statistics import LIMIT, MOST, Compared

LEAST: Final[Mapping[Signal, int]] = {"failures": 10, "latency": 30, "cost": 20, "silence": 20}
"""Events in the window (of silence: as usual), below which nothing is said."""
_LEAST_FAILED: Final = 5
_RISE, _SMALL_RISE = 0.05, 0.02
"""Of a share: five points, or twice as much and two points."""
_SLOWER, _DEARER, _QUIETER = 1.5, 1.2, 0.1
"""Times as usual. A fifth dearer is what the white paper reverts a release for."""
_LEAST_SPREAD: Final[Mapping[Signal, float]] = {"latency": 0.10, "cost": 0.04}
_DEAD = 0.9

_WATCHED: Final[Mapping[Signal, tuple[SubjectKind, ...]]] = {
    "failures": ("workflow", "agent", "release", "model", "tool"),
    "latency": ("workflow", "model", "tool"),
    "cost": ("workflow",),
    "silence": ("workflow", "tool"),
}
_ORDER: Final[Mapping[Signal, int]] = {"failures": 0, "silence": 1, "latency": 2, "cost": 3}
METHODS: Final[Mapping[Signal, str]] = {
    "failures": "share of events that failed; arcsine difference, widened as in Laney's p′ chart",
    "latency": "95th percentile; logarithm against the median of the windows before, in robust standard deviations",
    "cost": "cost per trace; logarithm against the median of the windows before, in robust standard deviations",
    "silence": "events an hour; square roots (Anscombe) against the median of the windows before",
}


@dataclass(frozen=True, slots=True)
class Found:
    """`since`: the second; None: for as long as there are figures. `tail`: failed and all events since then."""

    signal: Signal
    subject: Subject
    registered: bool
    now: float
    usual: float | None
    unit: Unit
    events: int
    failed: int
    score: float
    windows: int
    since: int | None = None
    tail: tuple[int, int] = (0, 0)

    @property
    def lately(self) -> tuple[int, int]:
        """Failed and all events since it began, or of the window."""
        return self.tail if self.tail[1] else (self.failed, self.events)

    @property
    def share(self) -> float:
        """Of them that failed."""
        failed, events = self.lately
        return failed / events if events else 0.0

    @property
    def dead(self) -> bool:
        """All but all of it fails."""
        return self.signal == "failures" and self.share >= _DEAD

    @property
    def rise(self) -> float:
        """Times as usual."""
        return self.now / self.usual if self.usual else float("inf")


def found(figures: Mapping[Subject, Figures], last: int, hours: float) -> list[Found]:
    """What deviates in slot `last`, the most serious first. `hours`: the length of a slot."""
    pooled = _pooled(figures, last)
    all_found = [
        one
        for subject, own in figures.items()
        for signal, kinds in _WATCHED.items()
        if subject.kind in kinds
        for one in _of(signal, subject, own, figures, pooled, last, hours)
    ]
    return sorted(all_found, key=lambda one: (_ORDER[one.signal], -round(one.score), _whole(one), str(one.subject)))


def _whole(one: Found) -> bool:
    """A workflow that stopped says more than its tools that nobody calls."""
    return one.signal == "silence" and one.subject.kind != "workflow"


def _of(
    signal: Signal,
    subject: Subject,
    own: Figures,
    figures: Mapping[Subject, Figures],
    pooled: Mapping[SubjectKind, Sequence[Slot]],
    last: int,
    hours: float,
) -> Iterator[Found]:
    now = own.at(last)
    before = [own.at(number) for number in range(last)]
    if signal == "failures":
        if now.events < LEAST[signal] or now.failed < _LEAST_FAILED:
            return
        ours = [(slot.failed, slot.events) for slot in before]
        if subject.kind == "release":  # A new one is held against its agent before it.
            agent = figures.get(Subject("agent", subject.within))
            ours = [(agent.at(number).failed, agent.at(number).events) for number in range(last)] if agent else ours
        compared = statistics.share(now.failed, now.events, ours)
        if compared.score is None:
            compared = statistics.share(
                now.failed, now.events, [(slot.failed, slot.events) for slot in pooled[subject.kind]]
            )
        if _more_fail(compared):
            yield _found(signal, subject, own, compared, "share", now)
    elif signal == "silence":
        compared = _silence(now.events, [slot.events for slot in before])
        if compared.score is not None and compared.score >= LIMIT:
            per_hour = replace(compared, now=compared.now / hours, usual=(compared.usual or 0) / hours)
            yield _found(signal, subject, own, per_hour, "count", now)
    else:
        if now.events < LEAST[signal]:
            return
        sizes = [_size(signal, slot) for slot in before if slot.events >= LEAST[signal] // 2]
        present = _size(signal, now)
        if present is None:
            return
        compared = statistics.size(
            present, [size for size in sizes if size is not None], least_spread=_LEAST_SPREAD[signal]
        )
        times = _SLOWER if signal == "latency" else _DEARER
        if compared.score is not None and compared.score >= LIMIT and present >= times * (compared.usual or 0):
            yield _found(signal, subject, own, compared, "ns" if signal == "latency" else "usd", now)


def _found(signal: Signal, subject: Subject, own: Figures, compared: Compared, unit: Unit, now: Slot) -> Found:
    return Found(
        signal, subject, own.registered, compared.now, compared.usual, unit, now.events, now.failed,
        min(compared.score or 0.0, MOST), compared.windows,
    )  # fmt: skip


def _more_fail(compared: Compared) -> bool:
    if compared.score is None:
        return compared.now >= 0.5
    usual = compared.usual or 0.0
    rises = compared.now - usual >= _RISE or (compared.now >= 2 * usual and compared.now - usual >= _SMALL_RISE)
    return rises and compared.score >= LIMIT


def _silence(now: int, before: Sequence[int]) -> Compared:
    """What always had something to do has nothing, or next to nothing."""
    if len(before) < statistics.LEAST_WINDOWS or min(before) < _LEAST_FAILED:
        return Compared(now, None, None, len(before))
    usual = median(before)
    if usual < LEAST["silence"] or now > _QUIETER * usual:
        return Compared(now, usual, None, len(before))
    spread = max(1.0, 2 * (max(map(sqrt, before)) - min(map(sqrt, before))) / 4)
    return Compared(now, usual, 2 * (sqrt(usual + 3 / 8) - sqrt(now + 3 / 8)) / spread, len(before))


def _size(signal: Signal, slot: Slot) -> float | None:
    if signal == "latency":
        return None if slot.p95_ns is None else float(slot.p95_ns)
    return cost_per(slot)


def cost_per(slot: Slot) -> float | None:
    """Of a trace; None where no call has a price."""
    return float(slot.cost / slot.events) if slot.events and slot.known_cost is not None else None


def since(one: Found, steps: Sequence[Slot], start: int, length: int) -> Found:
    """With the second from which on it is so. `steps` are of `length` s, the first from `start` on."""
    usual = one.usual or 0.0
    if one.signal == "failures":
        at = statistics.share_since([(step.failed, step.events) for step in steps], usual, one.now)
    elif one.signal == "silence":
        busy = [number for number, step in enumerate(steps) if step.events]
        at = busy[-1] + 1 if busy else None
    else:
        sizes = [(_size(one.signal, step) or 0.0, step.events) for step in steps]
        at = statistics.size_since(sizes, usual, one.now)
    if at is None:
        return one
    tail = (sum(step.failed for step in steps[at:]), sum(step.events for step in steps[at:]))
    return replace(one, since=start + at * length, tail=tail)


def _pooled(figures: Mapping[Subject, Figures], last: int) -> Mapping[SubjectKind, Sequence[Slot]]:
    """All of a kind together, slot by slot."""
    sums: defaultdict[SubjectKind, list[Slot]] = defaultdict(lambda: [Slot()] * last)
    for subject, own in figures.items():
        for number, slot in own.slots.items():
            if number < last:
                so_far = sums[subject.kind][number]
                sums[subject.kind][number] = Slot(so_far.events + slot.events, so_far.failed + slot.failed)
    return sums


def added(slots: Sequence[Slot]) -> Slot:
    """Their sum; quantiles don't add up."""
    return Slot(
        sum(slot.events for slot in slots),
        sum(slot.failed for slot in slots),
        sum(slot.calls for slot in slots),
        sum(slot.unpriced for slot in slots),
        sum(slot.input_tokens for slot in slots),
        sum(slot.output_tokens for slot in slots),
        sum((slot.cost for slot in slots), Decimal(0)),
    )
