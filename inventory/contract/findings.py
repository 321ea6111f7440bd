"""The wire of findings: controls that failed, where, since when, and who lives with it until when."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from inventory.contract import Count, Moment, Wire
from inventory.contract.words import Given, Instant, Prose

Severity = Literal["critical", "high", "medium", "low"]
FindingState = Literal["open", "accepted", "closed"]


class FindingDefinition(Wire):
    """What is looked for. `controls`: of NIST SP 800-53."""

    name: Annotated[str, Field(examples=["duplicate-write"])]
    title: str
    severity: Severity
    controls: list[str]
    why: str
    remedy: str
    of: Annotated[
        Literal["traces", "agents"], Field(description="agents: all that sent in the last days are looked at")
    ]
    sql: str
    open: Count


class FindingDefinitions(Wire):
    """`looked`: when it was looked last; `until`: what was sealed before was looked at."""

    as_of: Moment
    looked: Moment | None
    until: Moment | None
    definitions: list[FindingDefinition]


class Finding(Wire):
    """Something that stands, stood, or is lived with. `hits` counts what was done, `traces` are the newest of them."""

    id: Annotated[str, Field(examples=["fnd_0123456789abcdef"])]
    finding: str
    title: str
    severity: Severity
    controls: list[str]
    key: Annotated[str, Field(description="What it is about", examples=["support-crm-writer/billing.refund"])]
    agent: Annotated[str, Field(description="Registered, or as telemetry names it; empty: several")]
    owner: str | None
    state: FindingState
    revision: int
    opened_at: Moment
    first_at: Moment
    last_at: Moment
    hits: Count
    traces: list[str]
    details: dict[str, str]
    recurrence: Annotated[Count, Field(description="How often it stood before")]
    accepted_until: Moment | None
    accepted_by: str | None
    accepted_reason: str
    closed_at: Moment | None
    outcome: str
    case: Annotated[str | None, Field(description="The lifecycle case that it opened")]


class FindingPage(Wire):
    """The most severe first. `next` is the cursor of the following page, null on the last one."""

    as_of: Moment
    looked: Moment | None
    findings: list[Finding]
    next: str | None = None


class FindingEvent(Wire):
    at: Moment
    what: Annotated[str, Field(examples=["open", "accept", "close"])]
    by: str
    details: dict[str, Any]


class FindingHit(Wire):
    """One thing that was done; without a trace: it is said of the agent as a whole."""

    trace_id: str
    span_id: str
    at: Moment
    agent: str
    details: dict[str, str]


class FindingDetail(Wire):
    finding: Finding
    why: str
    remedy: str
    sql: str
    events: list[FindingEvent]
    hits: list[FindingHit]


class AcceptFinding(Given):
    """Live with it until then. It stands again afterwards."""

    reason: Annotated[Prose, Field(min_length=1, examples=["the new CRM has idempotency keys from 2027-01 on"])]
    until: Instant


class ReviewItem(Wire):
    """Something of a week that people should talk about. `object`: an approval's or finding's id."""

    kind: Literal["override", "rejection", "timeout", "escalation", "recurring", "critical"]
    at: Moment
    what: str
    agent: str
    object: str
    trace_id: str


class ReviewList(Wire):
    """Of seven days: overrides, rejections, unexpected escalations, findings that recur."""

    as_of: Moment
    since: Moment
    until: Moment
    counts: dict[str, int]
    rates: Annotated[dict[str, float | None], Field(description="Of decisions: overridden, denied, timed out")]
    median_seconds: Annotated[float | None, Field(description="From asked to decided")]
    items: list[ReviewItem]
