"""What goes: one organisation's rows in one part of a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from collector.retention.policy import Kind

DISPOSITION = "disposition"
"""The policy of a plan that names its traces: they go whole, approvals too, whatever periods say."""


@dataclass(frozen=True, slots=True)
class Item:
    """`day` is the first day of the part. `held`: rows that only holds keep."""

    table: str
    partition: str
    day: date
    kind: Kind
    org: str
    rows: int
    bytes: int
    reason: str
    held: int = 0

    @property
    def key(self) -> str:
        """Which rows these are, within a plan."""
        return "/".join((self.table, self.partition, self.kind, self.org, self.reason))


@dataclass(frozen=True, slots=True)
class Plan:
    """What would go, as judged at `now`. Nothing from after `through` is touched.

    `resumed`: a run of this plan was broken off, and these are what it left. `later`: more is due on later days.
    """

    id: str
    policy: str
    now: datetime
    through: date
    items: list[Item] = field(default_factory=list)
    resumed: bool = False
    later: bool = False

    @property
    def rows(self) -> int:
        return sum(item.rows for item in self.items)

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)
