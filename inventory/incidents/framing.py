"""A window and the windows before it that it is held against. All in whole minutes, s since the epoch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from inventory import contract
from inventory.incidents import statistics

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR
_BASELINE, _LONGEST, _WINDOWS = DAY, 7 * DAY, 24
_FINE: Final = 12
"""Steps of a window in the chart and in the search for when it began."""
_UNITS: Final = ((30, 1), (180, 5), (DAY // MINUTE, 15), (float("inf"), 60))
"""Up to so many minutes, a window is a whole number of so many: longer windows are divided into even steps."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The window [start, end), and `last` windows of the same length before it."""

    start: int
    end: int
    last: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def origin(self) -> int:
        return self.start - self.last * self.length

    @property
    def step(self) -> int:
        """Of the fine steps: whole minutes, and a whole number of them in a window."""
        minutes = self.length // MINUTE
        return MINUTE * min(
            (n for n in range(1, minutes + 1) if minutes % n == 0), key=lambda n: abs(minutes / n - _FINE)
        )


def frame(window: contract.Window) -> Frame:
    """At least a day before the window; up to seven for longer ones, and never fewer than four windows."""
    end = _ending(window)
    minutes = max(round((window.until - window.since) / timedelta(minutes=1)), 5)
    unit = next(unit for most, unit in _UNITS if minutes <= most)
    length = -(-minutes // unit) * unit * MINUTE
    reach = max(_BASELINE, min(_LONGEST, _WINDOWS * length))
    return Frame(end - length, end, max(reach // length, statistics.LEAST_WINDOWS))


def whole_minutes(window: contract.Window) -> tuple[int, int]:
    """That hold the window; one at least."""
    start = int(window.since.timestamp()) // MINUTE * MINUTE
    return start, max(_ending(window), start + MINUTE)


def _ending(window: contract.Window) -> int:
    return -(-int(window.until.timestamp()) // MINUTE) * MINUTE


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def span(start: int, end: int) -> contract.Window:
    return contract.Window(since=moment(start), until=moment(end))
