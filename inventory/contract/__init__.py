"""The wire of the inventory's API: what it answers, with examples.

Times are UTC; where nanoseconds matter they stand beside as decimal text (`…_ns`), since JavaScript's numbers end at
2^53. Durations are nanoseconds. What is unknown is null, never 0.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

MAX_TRACES = 500
MAX_SPANS = 10_000
DEFAULT_SPANS = 5_000


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_to_utc), Field(examples=["2026-03-02T02:14:07.512345Z"])]
Nanoseconds = Annotated[
    str, Field(pattern=r"^-?\d+$", description="Nanoseconds since 1970", examples=["1772417647512345678"])
]
TraceId = Annotated[str, Field(pattern="^[0-9a-f]{32}$", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])]
SpanId = Annotated[str, Field(description="16 hex digits", examples=["00f067aa0ba902b7"])]
DurationNs = Annotated[int, Field(ge=0, examples=[2_673_918_092])]
Tokens = Annotated[int | None, Field(description="null: no model call reported any", examples=[4937])]
Count = Annotated[int, Field(ge=0)]
Texts = Annotated[
    dict[str, str],
    Field(
        description="Values as text; arrays and maps are JSON, bytes base64. `…_kinds` tells which are not strings.",
        examples=[{"gen_ai.request.model": "gpt-4o-mini", "gen_ai.request.max_tokens": "2048"}],
    ),
]
Kind = Literal["empty", "string", "bool", "int", "double", "array", "kvlist", "bytes"]
Kinds = Annotated[
    dict[str, Kind], Field(description="Those that are not strings", examples=[{"gen_ai.request.max_tokens": "int"}])
]
Order = Literal["newest", "worst", "dearest"]
Usd = Annotated[
    Decimal,
    PlainSerializer(lambda money: format(money, "f"), return_type=str),
    Field(description="US dollars, exact, as decimal text", examples=["0.00021"]),
]
Health = Literal["failed", "errors", "ok"]


class Wire(BaseModel):
    """Unknown members are ignored when reading, so that an older client can talk to a newer API."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class FieldProblem(Wire):
    """One field that can't be accepted, and what to send instead."""

    field: Annotated[str, Field(examples=["query.limit"])]
    message: Annotated[str, Field(examples=["Input should be less than or equal to 500"])]
    remedy: Annotated[str, Field(examples=["send a limit from 1 to 500"])]


class Problem(Wire):
    """Why a request failed (RFC 9457, application/problem+json)."""

    type: Annotated[str, Field(examples=["urn:muster:problem:trace-not-found"])] = "about:blank"
    title: Annotated[str, Field(examples=["No such trace"])]
    status: Annotated[int, Field(examples=[404])]
    detail: str = ""
    remedy: str = ""
    instance: str = ""
    errors: list[FieldProblem] = []


class Window(Wire):
    """Traces that start in [since, until)."""

    since: Moment
    until: Moment


class Trace(Wire):
    """One trace in figures. A span that was received twice counts once; `duplicates` are the further copies.

    Tokens are the sums over model calls; `model_calls_without_tokens` of them reported none.
    """

    trace_id: TraceId
    start: Moment
    start_ns: Nanoseconds
    duration_ns: DurationNs
    health: Annotated[Health, Field(description="failed: the root span failed; errors: only spans inside did")]
    has_root: Annotated[bool, Field(description="false: the earliest span stands for the root that never came")]
    root_name: Annotated[str, Field(examples=["invoke_workflow customer-support"])]
    root_service: Annotated[str, Field(examples=["support-orchestrator"])]
    outcome: Annotated[str, Field(description="As the agent says; empty: it says nothing", examples=["completed"])]
    requester: Annotated[str, Field(examples=["user-1112"])]
    environment: Annotated[str, Field(examples=["production"])]
    spans: Count
    duplicates: Count
    errors: Count
    services: list[str]
    agents: list[str]
    models: list[str]
    model_calls: Count
    model_calls_without_tokens: Count
    input_tokens: Tokens
    output_tokens: Tokens
    tool_calls: Count
    tools: list[str] = []
    releases: list[str] = []
    conversations: list[str] = []
    approvals: Count
    last_received: Moment
    sealed: Annotated[bool, Field(description="false: it isn't worked out yet, and what follows is null")] = False
    cost: Annotated[Usd | None, Field(description="Sum of the calls with a known price; null: none has one")] = None
    unpriced_calls: Annotated[Count | None, Field(description="Model calls that are not in `cost`")] = None
    complete: Annotated[bool | None, Field(description="All of the trace seems to be here")] = None
    critical_ns: Annotated[DurationNs | None, Field(description="Length of the critical path")] = None
    human_wait_ns: Annotated[DurationNs | None, Field(description="Time in which it waited for people")] = None


class TraceList(Wire):
    """A page of traces. `next` is the cursor of the following page, null on the last one; repeat the window with it."""

    as_of: Moment
    window: Window
    order: Order
    traces: list[Trace]
    next: Annotated[str | None, Field(examples=["newest.1772417647512345678.4bf92f3577b34da6a3ce929d0e0e4736"])] = None


class Stamp(Wire):
    """Who sent it, as the collector verified, and with which request and batch it came."""

    org: Annotated[str, Field(examples=["default"])]
    identity: Annotated[str, Field(examples=["support-orchestrator"])]
    method: Annotated[str, Field(description="token, mtls, oidc, asserted or none", examples=["token"])]
    received: Moment
    request_id: str
    batch_id: str


class Event(Wire):
    time: Moment
    time_ns: Nanoseconds
    name: Annotated[str, Field(examples=["exception"])]
    attributes: Texts
    attribute_kinds: Kinds


class Link(Wire):
    trace_id: str
    span_id: str
    attributes: Texts
    attribute_kinds: Kinds


class SpanFacts(Wire):
    """What a span means in its sealed trace. `call`: it counts as a model call. `cost` is null with the reason in
    `unpriced`.
    """

    agent: Annotated[str, Field(description="The nearest agent that it belongs to")]
    root_agent: str
    call: bool
    price_id: Annotated[str, Field(description="The price it was counted by; empty: none")]
    cost: Usd | None
    unpriced: Annotated[str, Field(examples=["MODEL", "TOKENS"])]
    tier_unknown: Annotated[bool, Field(description="Priced as the standard service tier, for want of its own")]
    not_counted: Annotated[str, Field(description="What else the model is charged for, and calls don't report")]
    own_ns: Annotated[DurationNs, Field(description="Time not spent in spans below")]
    critical_ns: Annotated[DurationNs, Field(description="Of it on the trace's critical path")]
    critical: bool
    depth: Count
    in_cycle: bool


class Span(Wire):
    """One stored copy of a span; `duplicate` marks all but the first received.

    `shortened`: long texts are cut here; `GET /v1/traces/{trace_id}/spans/{span_id}` has them whole. `texts_missing`
    names attributes whose text retention has removed. `facts` are null until the trace is sealed.
    """

    span_id: SpanId
    parent_span_id: Annotated[str, Field(description="Empty for a root")]
    parent_missing: Annotated[bool, Field(description="The parent's span is not stored")]
    duplicate: bool
    shortened: bool
    name: Annotated[str, Field(examples=["chat gpt-4o-mini"])]
    kind: Annotated[str, Field(examples=["Client"])]
    start: Moment
    start_ns: Nanoseconds
    duration_ns: DurationNs
    status: Annotated[str, Field(examples=["Ok", "Error", "Unset"])]
    status_message: str
    error_type: str
    service: str
    operation: Annotated[str, Field(examples=["chat", "execute_tool", "invoke_agent"])]
    agent_id: str
    agent: str
    agent_version: str
    workflow: str
    environment: str
    provider: str
    request_model: Annotated[str, Field(description="What was asked for; `model` is what answered")]
    model: str
    service_tier: Annotated[str, Field(examples=["default", "flex"])]
    tool: str
    tool_call_id: str
    conversation_id: str
    requester: str
    release_id: str
    outcome: str
    input_tokens: Tokens
    output_tokens: Tokens
    cache_read_tokens: Annotated[int | None, Field(description="Part of `input_tokens`; null: nobody said")]
    cache_write_tokens: Annotated[int | None, Field(description="Part of `input_tokens`; null: nobody said")]
    reasoning_tokens: Annotated[int | None, Field(description="Part of `output_tokens`; null: nobody said")]
    system_instructions: str
    input_messages: str
    output_messages: str
    tool_arguments: str
    tool_result: str
    attributes: Texts
    attribute_kinds: Kinds
    resource_attributes: Texts
    resource_attribute_kinds: Kinds
    scope_name: str
    scope_version: str
    scope_attributes: Texts
    trace_state: str
    dropped_counts: Annotated[
        list[int], Field(description="By the sender: resource, scope and span attributes, events, links; or empty")
    ]
    sent_times: Annotated[
        list[str], Field(description="Start, end and event times as sent (ns) where they can't be true; or empty")
    ]
    events: list[Event]
    links: list[Link]
    stamp: Stamp
    arguments_digest: Annotated[str, Field(description="Keyed digest of a tool call's arguments, before redaction")] = (
        ""
    )
    redactions: Annotated[dict[str, int], Field(description="What was replaced before it was stored, by rule")] = {}
    texts_missing: list[str] = []
    facts: SpanFacts | None = None


class Approval(Wire):
    """A decision as an agent reported it: a claim. Texts are as sent; empty: not said."""

    time: Moment
    span_id: str
    service: str
    source: Annotated[str, Field(examples=["span_event", "log", "span"])]
    kind: Annotated[str, Field(description="`approval`, or `guardrail`: what a check decided, not a person")]
    convention: Annotated[str, Field(description="Whose words it was reported in", examples=["muster", "claude_code"])]
    approval_id: Annotated[str, Field(examples=["apr-5b1c0e77aa"])]
    decision: Annotated[str, Field(examples=["approved", "denied", "requested"])]
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


class Log(Wire):
    time: Moment
    time_ns: Nanoseconds
    span_id: str
    service: str
    severity: Annotated[str, Field(examples=["WARN"])]
    severity_number: int
    event_name: str
    body: str
    attributes: Texts
    attribute_kinds: Kinds
    identity: str
    identity_method: str
    shortened: bool = False
    texts_missing: list[str] = []


class TraceDetail(Wire):
    """A trace with its spans by start, its logs and approvals.

    `stored_spans` counts every stored copy; `spans` holds fewer if `limit` was smaller. So with `logs_total`.
    """

    as_of: Moment
    trace: Trace
    stored_spans: Count
    spans: list[Span]
    logs_total: Count
    logs: list[Log]
    approvals: list[Approval]


class Minute(Wire):
    start: Moment
    spans: Count


class Ingest(Wire):
    """What came in. `newest` is null while nothing ever came; `minutes` has no gaps and ends with the current one."""

    as_of: Moment
    window: Window
    newest: Moment | None
    spans_total: Count
    minutes: list[Minute]


class Alive(Wire):
    status: Literal["ok"] = "ok"
