"""How much a run may remove, and which clocks are believed. Both are judged before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.retention.items import Item

_MINUTE = "%Y-%m-%d %H:%M"


class TooMuchAtOnce(Exception):
    """A run would remove more than it may; the message has the figures. Nothing was removed."""


class ClockDoubtful(Exception):
    """The time can't be believed: a wrong clock must not empty the store. Nothing was removed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`days` and `bytes` cut a run short, oldest days first; `rows` and `percent` stop it.

    `percent` is of each table's rows, and counts from `percent_from` rows on: a small store may lose most of its few.
    """

    days: int = 31
    bytes: int = 50 * 1024**3
    rows: int = 500_000_000
    percent: float = 50.0
    percent_from: int = 100_000
    jump: timedelta = timedelta(days=7)

    def check(self, items: Sequence[Item], stored: Mapping[str, int]) -> None:
        """Raises TooMuchAtOnce. `stored`: rows of each table."""
        rows = sum(item.rows for item in items)
        if rows > self.rows:
            raise TooMuchAtOnce(
                f"{rows:,} rows would go, {self.rows:,} may at once: plan fewer days, or raise the limit on rows"
            )
        for table in sorted({item.table for item in items}):
            going = sum(item.rows for item in items if item.table == table)
            share = 100 * going / max(stored.get(table, 0), 1)
            if going >= self.percent_from and share > self.percent:
                raise TooMuchAtOnce(
                    f"{going:,} of {stored.get(table, 0):,} rows of {table} would go ({share:.1f} %), "
                    f"{self.percent:g} % may at once: plan fewer days, or raise the limit on the share"
                )

    def check_clock(self, now: datetime, newest: datetime | None, last_run: datetime | None) -> None:
        """Raises ClockDoubtful. `newest`: when telemetry was last received."""
        if newest is not None and now < newest - timedelta(days=1):
            raise ClockDoubtful(
                f"it is {now:{_MINUTE}} UTC here, but telemetry was received at {newest:{_MINUTE}}: set the clock, "
                "or go on with --confirm-clock"
            )
        before = last_run or newest
        if before is not None and now > before + self.jump:
            what = "the last run was" if last_run else "the newest telemetry is of"
            raise ClockDoubtful(
                f"it is {now:{_MINUTE}} UTC here, but {what} {before:{_MINUTE}}, more than {self.jump.days} days "
                "before: if the clock is right, go on with --confirm-clock"
            )
