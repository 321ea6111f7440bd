"""What a service level objective of an agent is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field, PlainSerializer

from inventory.contract.words import SLUG, Given, Maybe, Prose
from inventory.slos.durations import Duration

Exact = Annotated[Decimal, PlainSerializer(lambda number: format(number, "f"), str)]
Indicator = Literal[
    "availability",
    "latency",
    "completion",
    "schema-valid-tool-calls",
    "exception-leakage",
    "time-to-resolution",
    "cost-per-completed-task",
    "unsafe-actions",
]
INDICATORS: Final[dict[str, str]] = {
    "availability": "Good: traces whose root did not fail. Of all traces of the agent that are sealed.",
    "latency": "Good: traces that took at most `threshold_ms`, without the time in which they waited for people. Of "
    "all that did not fail.",
    "completion": "Good: traces whose outcome is completed. Of all that ended: abandoned ones count as bad; those that "
    "wait for an approval, or were handed off to a person, don't count.",
    "schema-valid-tool-calls": "Good: tool calls whose error is not one of arguments that don't fit the tool's schema. "
    "Of all tool calls.",
    "exception-leakage": "Good: traces whose answer holds nothing of an exception's text that was recorded in them. Of "
    "all traces with an exception.",
    "time-to-resolution": "Good: tasks (traces of one business key) that were completed within `threshold_ms` of their "
    "first span. Of all tasks that ended.",
    "cost-per-completed-task": "US dollars of all calls, over completed traces: a ratio of sums, at most `value`. "
    "Unknown while calls are unpriced.",
    "unsafe-actions": "How many write calls of tools outside the allowed list, or without the approval they need: at "
    "most `value`. Any more pages.",
}
"""What is counted, in terms of what telemetry holds."""

RATIOS: Final = ("availability", "latency", "completion", "schema-valid-tool-calls", "exception-leakage",
                 "time-to-resolution")  # fmt: skip
WITH_THRESHOLD: Final = ("latency", "time-to-resolution")


class Alert(Given):
    """It fires while the error budget burns faster than `burn` over the long window and over the short one."""

    burn: Annotated[Exact, Field(gt=0, le=10_000)]
    long: Duration
    short: Duration
    severity: Literal["page", "ticket"]


class Only(Given):
    """Which telemetry counts; empty: all of the agent's."""

    environment: Maybe = ""
    release: Maybe = ""
    operation: Maybe = ""
    tool: Maybe = ""


class Slo(Given):
    """An objective. A ratio has a `target`; a sum or count has the `value` that it must not exceed."""

    id: Annotated[str, Field(pattern=SLUG)]
    agent: Annotated[str, Field(pattern=SLUG)]
    display_name: Maybe = ""
    description: Prose = ""
    indicator: Indicator
    threshold_ms: Annotated[int | None, Field(gt=0, le=10**11)] = None
    only: Only = Only()
    target: Annotated[Exact | None, Field(gt=0, lt=1)] = None
    value: Annotated[Exact | None, Field(ge=0, le=10**12)] = None
    window: Duration = timedelta(days=30)
    minimum_events: Annotated[int, Field(ge=1, le=10**9)] = 1
    """With fewer events in an alert's long window it says nothing: one of two that fail is no trend."""
    alerts: Annotated[list[Alert], Field(max_length=20)] = []
    labels: dict[str, str] = {}
