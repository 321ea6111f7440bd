"""When each trace starts and what goes wrong in it: load rhythm, and incidents by quota."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from random import Random

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

BURST_HOURS = 3
DORMANT_AFTER_DAYS = 3


class Workflow(StrEnum):
    SUPPORT = "customer-support"
    PIPELINE = "data-pipeline"
    SHADOW = "shadow-scrape"
    LEGACY = "legacy-faq"


class Incident(StrEnum):
    """What is out of the ordinary in a trace. A trace has one at most."""

    RETRY = "retry"
    MODEL_ERROR = "model-error"
    TOOL_ERROR = "tool-error"
    ERROR_BURST = "error-burst"
    SERIAL_TOOLS = "serial-tools"
    DUPLICATE_WRITE = "duplicate-write"
    LARGE_REFUND = "large-refund"
    LOW_CONFIDENCE = "low-confidence"
    HIGH_SEVERITY = "high-severity"
    SCHEMA_INVALID = "schema-invalid"
    DENIED = "denied-approval"
    ABANDONED = "abandoned-approval"
    CHANGED_AFTER_APPROVAL = "changed-after-approval"
    ACTION_NOT_ALLOWED = "action-not-allowed"


@dataclass(frozen=True, slots=True)
class Booking:
    """One trace to come. `start` is in ns since the epoch; `seed` decides every detail of the trace."""

    start: int
    workflow: Workflow
    incident: Incident | None
    seed: int


_SHARES: dict[Workflow, float] = {Workflow.PIPELINE: 0.28, Workflow.SHADOW: 0.07, Workflow.LEGACY: 0.03}

# Of the workflow's traces; at least one each, so that small plans show every incident too. Rarest first.
_QUOTAS: dict[Workflow, dict[Incident, float]] = {
    Workflow.SUPPORT: {
        Incident.DUPLICATE_WRITE: 0.015,
        Incident.DENIED: 0.03,
        Incident.ABANDONED: 0.02,
        Incident.SERIAL_TOOLS: 0.05,
        Incident.CHANGED_AFTER_APPROVAL: 0.005,
        Incident.ACTION_NOT_ALLOWED: 0.005,
        Incident.MODEL_ERROR: 0.015,
        Incident.TOOL_ERROR: 0.03,
        Incident.RETRY: 0.06,
        Incident.LARGE_REFUND: 0.08,
        Incident.LOW_CONFIDENCE: 0.10,
    },
    Workflow.PIPELINE: {
        Incident.DENIED: 0.03,
        Incident.HIGH_SEVERITY: 0.12,
        Incident.SCHEMA_INVALID: 0.04,
        Incident.ABANDONED: 0.02,
        Incident.RETRY: 0.05,
        Incident.SERIAL_TOOLS: 0.04,
        Incident.MODEL_ERROR: 0.01,
    },
    Workflow.SHADOW: {},
    Workflow.LEGACY: {},
}


def book(*, traces: int, days: float, seed: int, until: int) -> list[Booking]:
    """`traces` bookings in the `days` before `until` (ns), in order of start.

    Load follows working hours and weekdays (UTC). The last three hours hold a burst of failing support
    traces; the dormant agent's traces stop after the third day (a quarter of a shorter window).
    """
    rng = Random(f"book/{seed}")  # noqa: S311
    begin = until - int(days * DAY)
    workflows = _workflows(traces)
    burst = min(workflows.count(Workflow.SUPPORT), max(4, traces // 50)) if days * DAY >= 2 * BURST_HOURS * HOUR else 0
    dormant_at = begin + min(DORMANT_AFTER_DAYS * DAY, (until - begin) // 4)

    starts: dict[Workflow, list[int]] = {}
    for workflow in Workflow:
        count = workflows.count(workflow)
        end = dormant_at if workflow is Workflow.LEGACY else until - 60 * SECOND
        in_burst = burst if workflow is Workflow.SUPPORT else 0
        starts[workflow] = _rhythm(rng, count - in_burst, begin, end)

    bookings = []
    for workflow, moments in starts.items():
        incidents = _incidents(rng, workflow, len(moments))
        bookings += [(at, workflow, incident) for at, incident in zip(moments, incidents, strict=True)]
    for _ in range(burst):
        at = until - 120 * SECOND - rng.randrange(BURST_HOURS * HOUR - 120 * SECOND)
        bookings.append((at, Workflow.SUPPORT, Incident.ERROR_BURST))
    bookings.sort(key=lambda booking: booking[0])
    return [Booking(at, workflow, incident, rng.getrandbits(63)) for at, workflow, incident in bookings]


def book_live(*, rate: float, seed: int, start: int, traces: int | None = None) -> Iterator[Booking]:
    """Bookings from `start` (ns) on, `rate` traces a second on average, for ever if `traces` is None."""
    rng = Random(f"live/{seed}")  # noqa: S311
    block = 60
    at, booked = float(start), 0
    while traces is None or booked < traces:
        size = block if traces is None else min(block, traces - booked)
        workflows: list[Workflow] = [Workflow.SUPPORT if w is Workflow.LEGACY else w for w in _workflows(size)]
        incidents = {w: _incidents(rng, w, workflows.count(w)) for w in Workflow}
        rng.shuffle(workflows)
        for workflow in workflows:
            yield Booking(int(at), workflow, incidents[workflow].pop(), rng.getrandbits(63))
            at += rng.expovariate(rate) * SECOND
        booked += size


def _workflows(traces: int) -> list[Workflow]:
    """Every workflow in its share, at least one of each when there are four traces or more."""
    chosen: list[Workflow] = []
    for workflow, share in _SHARES.items():
        chosen += [workflow] * max(int(traces * share), 1 if traces >= len(Workflow) else 0)
    return chosen + [Workflow.SUPPORT] * (traces - len(chosen))


def _incidents(rng: Random, workflow: Workflow, traces: int) -> list[Incident | None]:
    chosen: list[Incident | None] = []
    for incident, share in _QUOTAS[workflow].items():
        chosen += [incident] * max(1, int(traces * share))
    chosen = chosen[:traces] + [None] * (traces - len(chosen))
    rng.shuffle(chosen)
    return chosen


def _rhythm(rng: Random, count: int, begin: int, end: int) -> list[int]:
    """`count` moments between two, denser in working hours (busiest at 10 and 15 h) and on weekdays."""
    hours = range(begin, end, HOUR)
    if count <= 0 or not hours:
        return []
    weights = []
    for hour in hours:
        moment = datetime.fromtimestamp(hour / SECOND, UTC)
        busy = 10.0 if moment.hour in (9, 10, 14, 15) else 7.0 if 8 <= moment.hour < 18 else 1.2
        weights.append(busy * (0.25 if moment.weekday() >= 5 else 1.0))
    chosen = rng.choices(hours, weights, k=count)
    return sorted(hour + rng.randrange(min(HOUR, end - hour)) for hour in chosen)
