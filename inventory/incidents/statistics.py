"""Is it unusual? A window's figure against the same figure of windows before it.

Shares     the arcsine-transformed difference (Freeman and Tukey, 1950), widened by how much more than binomial the
           windows before vary among each other (Laney's p′ chart, 2002).
Sizes      logarithms against their median, in units of the median absolute deviation (robust z).
Since when Page's CUSUM between the usual and the present value: the step at which a change is likeliest.

The highest quarter of the windows before is left out: trouble that has gone on for hours must not become usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import asin, inf, log, sqrt
from statistics import median
from typing import Final, TypeVar

_Row = TypeVar("_Row")

LIMIT: Final = 4.5
MOST: Final = 99.0
LEAST_WINDOWS: Final = 4
_SIGMA_OF_RANGE: Final = 1.128
"""Mean moving range of normal values, in standard deviations (d₂ of two)."""
_SIGMA_OF_MAD: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Compared:
    """`score`: standard deviations above what is usual; None: there is no usual, or too little of it."""

    now: float
    usual: float | None
    score: float | None
    windows: int


def share(failed: int, events: int, before: Sequence[tuple[int, int]]) -> Compared:
    """Of (failed, events), in the window and in those before."""
    now = failed / events
    kept = _without_highest([(bad, of) for bad, of in before if of], lambda one: one[0] / one[1])
    total = sum(of for _, of in kept)
    if len(kept) < LEAST_WINDOWS or not total:
        return Compared(now, None, None, len(kept))
    usual = sum(bad for bad, _ in kept) / total
    expected = (sum(bad for bad, _ in kept) + 0.5) / (total + 1)  # Jeffreys: none so far isn't never
    scores = [2 * (_angle(bad, of) - asin(sqrt(expected))) * sqrt(of) for bad, of in kept]
    ranges = [abs(one - other) for one, other in pairwise(scores)]
    spread = max(1.0, sum(ranges) / len(ranges) / _SIGMA_OF_RANGE)
    score = 2 * (_angle(failed, events) - asin(sqrt(expected))) / sqrt(1 / events + 1 / total) / spread
    return Compared(now, usual, max(-MOST, min(score, MOST)), len(kept))


def size(now: float, before: Sequence[float], *, least_spread: float) -> Compared:
    """Of a positive figure. `least_spread`: of its logarithm; what varies less isn't believed to."""
    kept = _without_highest([value for value in before if value > 0], float)
    if len(kept) < LEAST_WINDOWS or now <= 0:
        return Compared(now, None, None, len(kept))
    logs = [log(value) for value in kept]
    middle = median(logs)
    spread = max(_SIGMA_OF_MAD * median(abs(one - middle) for one in logs), least_spread)
    return Compared(now, median(kept), max(-MOST, min((log(now) - middle) / spread, MOST)), len(kept))


def share_since(steps: Sequence[tuple[int, int]], usual: float, now: float) -> int | None:
    """The step (failed, events) from which on it is as now; None: from before the first."""
    low, high = min(max(usual, 0.001), 0.98), min(max(now, 0.002), 0.999)
    return _since([bad * log(high / low) + (of - bad) * log((1 - high) / (1 - low)) for bad, of in steps])


def size_since(steps: Sequence[tuple[float, int]], usual: float, now: float) -> int | None:
    """The same, of (figure, events)."""
    low, high = log(usual), log(now)
    distances = [(log(value), of) if value > 0 and of else (None, 0) for value, of in steps]
    return _since([0.0 if x is None else sqrt(of) * ((x - low) ** 2 - (x - high) ** 2) for x, of in distances])


def _since(gains: Sequence[float]) -> int | None:
    best, at, total = -inf, 0, 0.0
    for step in range(len(gains) - 1, -1, -1):
        total += gains[step]
        if total > best:
            best, at = total, step
    return at or None


def _angle(failed: int, events: int) -> float:
    """Freeman and Tukey's: it varies as much for few events as for many."""
    return (asin(sqrt(failed / (events + 1))) + asin(sqrt((failed + 1) / (events + 1)))) / 2


def _without_highest(rows: Sequence[_Row], height: Callable[[_Row], float]) -> list[_Row]:
    """In their order."""
    spare = len(rows) // 4
    highest = set(sorted(range(len(rows)), key=lambda number: height(rows[number]), reverse=True)[:spare])
    return [row for number, row in enumerate(rows) if number not in highest]
