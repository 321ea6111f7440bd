"""What reads of traces give.

Times are nanoseconds since the epoch, durations nanoseconds, ids lower-case hex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One trace in figures. A span received twice counts once; `duplicates` are its further copies.

    Without a root span the earliest one stands for it. Tokens are None where no model call reported any.
    What is known of a sealed trace only is None until it is `sealed`: `cost` (US dollars) is the sum of what is known,
    and None where nothing is, `unpriced_calls` says how many calls it leaves out, `complete` whether all of the trace
    seems to be here.
    """

    trace_id: str
    start_ns: int
    duration_ns: int
    has_root: bool
    root_name: str
    root_service: str
    root_status: str
    outcome: str
    requester: str
    environment: str
    spans: int
    duplicates: int
    errors: int
    services: Sequence[str]
    agents: Sequence[str]
    models: Sequence[str]
    model_calls: int
    model_calls_without_tokens: int
    input_tokens: int | None
    output_tokens: int | None
    tool_calls: int
    last_received_ns: int
    tools: Sequence[str] = ()
    releases: Sequence[str] = ()
    conversations: Sequence[str] = ()
    approvals: int = 0
    sealed: bool = False
    cost: Decimal | None = None
    unpriced_calls: int | None = None
    complete: bool | None = None
    critical_ns: int | None = None
    human_wait_ns: int | None = None

    @property
    def severity(self) -> int:
        """2: the root failed; 1: something inside did; 0: nothing."""
        return 2 if self.has_root and self.root_status == "Error" else int(self.errors > 0)


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """What a span means in its sealed trace. `call`: it counts as a model call; `cost` in US dollars, None with the
    reason in `unpriced` (the name of an `Unpriced`). `tier_unknown`: priced as the standard tier, for want of its own.
    """

    agent: str
    root_agent: str
    call: bool
    price_id: str
    cost: Decimal | None
    unpriced: str
    tier_unknown: bool
    not_counted: str
    own_ns: int
    critical_ns: int
    critical: bool
    depth: int
    in_cycle: bool


@dataclass(frozen=True, slots=True)
class Event:
    time_ns: int
    name: str
    attributes: Mapping[str, str]
    attribute_kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Link:
    trace_id: str
    span_id: str
    attributes: Mapping[str, str]
    attribute_kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One stored copy of a span. `duplicate` marks all but the first received.

    `attribute_kinds` hold what isn't a string (see `otlp.KIND`). `shortened` says that texts were cut;
    `get_span` has them whole. `texts_missing` names the attributes whose text retention has removed. `redactions`
    counts what was replaced, by rule. `facts` are None until the trace is sealed.
    """

    span_id: str
    parent_span_id: str
    parent_missing: bool
    name: str
    kind: str
    start_ns: int
    duration_ns: int
    status: str
    status_message: str
    error_type: str
    service: str
    operation: str
    agent_id: str
    agent: str
    agent_version: str
    workflow: str
    environment: str
    provider: str
    request_model: str
    model: str
    service_tier: str
    tool: str
    tool_call_id: str
    conversation_id: str
    requester: str
    release_id: str
    outcome: str
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    system_instructions: str
    input_messages: str
    output_messages: str
    tool_arguments: str
    tool_result: str
    attributes: Mapping[str, str]
    attribute_kinds: Mapping[str, int]
    resource_attributes: Mapping[str, str]
    resource_attribute_kinds: Mapping[str, int]
    scope_name: str
    scope_version: str
    scope_attributes: Mapping[str, str]
    trace_state: str
    dropped_counts: Sequence[int]
    raw_times: Sequence[int]
    org: str
    identity: str
    identity_method: str
    received_ns: int
    request_id: str
    batch_id: str
    arguments_digest: str
    redactions: Mapping[str, int]
    shortened: bool
    texts_missing: Sequence[str]
    events: Sequence[Event]
    links: Sequence[Link]
    duplicate: bool = False
    facts: SpanFacts | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """A decision as an agent reported it. Moments are the texts it sent."""

    time_ns: int
    span_id: str
    service: str
    source: str
    kind: str
    convention: str
    approval_id: str
    decision: str
    approver: str
    policy_id: str
    policy_version: str
    verdict: str
    enforced: str
    reason: str
    tool: str
    tool_call_id: str
    arguments_digest: str
    shown_digest: str
    requested_at: str
    decided_at: str
    identity: str
    identity_method: str


@dataclass(frozen=True, slots=True)
class LogRow:
    time_ns: int
    span_id: str
    service: str
    severity: str
    severity_number: int
    event_name: str
    body: str
    attributes: Mapping[str, str]
    attribute_kinds: Mapping[str, int]
    identity: str
    identity_method: str
    shortened: bool
    texts_missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class TraceDetail:
    """`stored_spans` and `logs_total` count what exists; `spans` and `logs` may hold fewer, by the caps."""

    figures: TraceRow
    stored_spans: int
    spans: Sequence[SpanRow]
    logs: Sequence[LogRow]
    logs_total: int
    approvals: Sequence[ApprovalRow]
