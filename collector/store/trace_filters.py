"""Which traces are asked for, in which order, and from where on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from collector.store.rows import TraceRow

Key = tuple[Any, ...]
"""What a list is sorted by, descending."""
_OF_SPANS = (
    "service",
    "agent",
    "registered",
    "model",
    "tool",
    "failed",
    "requester",
    "release",
    "conversation",
    "environment",
    "text",
)


class Order(StrEnum):
    """`WORST` is failed first (root, then inside), then slowest. `DEAREST` ends with traces without a known cost."""

    NEWEST = "newest"
    WORST = "worst"
    DEAREST = "dearest"


@dataclass(frozen=True, slots=True)
class After:
    """A trace's sort key: where the next page goes on. Each order needs its own part of it."""

    trace_id: str
    start_ns: int
    severity: int = 0
    duration_ns: int = 0
    cost: Decimal | None = None

    @classmethod
    def of(cls, row: TraceRow) -> After:
        return cls(row.trace_id, row.start_ns, row.severity, row.duration_ns, row.cost)

    def key(self, order: Order) -> Key:
        if order is Order.NEWEST:
            return self.start_ns, self.trace_id
        if order is Order.WORST:
            return self.severity, self.duration_ns, self.trace_id
        return -1 if self.cost is None else self.cost, self.start_ns, self.trace_id


@dataclass(frozen=True, slots=True)
class TraceFilters:
    """Which traces: those that start in [since, until) and match every filter that is set.

    Requester and environment are those of the trace, which its root says first. Of the other filters each matches a
    trace if it matches any of its spans: `agent` is the nearest one that a span belongs to (until the trace is sealed:
    that it names), `registered` has the keys of telemetry that is a registered agent's, `text` is looked for in span
    names, in any case, `attributes` (span or resource) have exactly these texts. Costs and `max_duration_ns` are
    inclusive; a trace without a known cost has none that matches.
    """

    since_ns: int
    until_ns: int
    service: str = ""
    agent: str = ""
    registered: Sequence[int] | None = None
    model: str = ""
    tool: str = ""
    failed: bool = False
    requester: str = ""
    release: str = ""
    conversation: str = ""
    environment: str = ""
    text: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    min_duration_ns: int = 0
    max_duration_ns: int | None = None
    min_cost: Decimal | None = None
    max_cost: Decimal | None = None
    order: Order = Order.NEWEST
    after: After | None = None
    limit: int = 50

    @property
    def narrows(self) -> bool:
        return bool(self.of_spans or self.of_figures)

    @property
    def by_cost(self) -> bool:
        return self.min_cost is not None or self.max_cost is not None

    @property
    def by_spans(self) -> bool:
        """Whether something is asked that a sealed trace's summary can't tell."""
        return bool(self.text or self.attributes)

    @property
    def of_spans(self) -> tuple[str, ...]:
        """Names of conditions of `reads/conditions_….sql`: what a span of a trace can tell."""
        named = [name for name in _OF_SPANS if getattr(self, name) not in ("", False, None)]
        return (*named, *(f"attribute_{number}" for number in range(len(self.attributes))))

    @property
    def of_figures(self) -> tuple[str, ...]:
        """Names of conditions: what only the whole trace can tell."""
        return tuple(name for name, bound in self._bounds().items() if bound is not None)

    def _bounds(self) -> dict[str, int | Decimal | None]:
        return {
            "min_duration": self.min_duration_ns or None,
            "max_duration": self.max_duration_ns,
            "min_cost": self.min_cost,
            "max_cost": self.max_cost,
        }

    def parameters(self) -> dict[str, Any]:
        """What the conditions refer to."""
        pairs = list(self.attributes.items())
        return {
            **{name: getattr(self, name) for name in _OF_SPANS},
            **{f"key_{number}": key for number, (key, _) in enumerate(pairs)},
            **{f"value_{number}": value for number, (_, value) in enumerate(pairs)},
            **{name: bound for name, bound in self._bounds().items() if bound is not None},
        }
