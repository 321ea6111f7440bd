"""The wire of the API's figures: search, conversations, spend, latency, tools, decisions, agents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from inventory.contract import (
    Approval,
    Count,
    DurationNs,
    Moment,
    Nanoseconds,
    Tokens,
    Trace,
    TraceId,
    Usd,
    Window,
    Wire,
)

Names = Annotated[dict[str, str], Field(description="By what was asked for", examples=[{"model": "gpt-4o-mini"}])]


class Hit(Wire):
    """A trace, with the newest span in which the text is, and what stands around it."""

    trace_id: TraceId
    span_id: str
    time: Moment
    time_ns: Nanoseconds
    name: Annotated[str, Field(description="The span's")]
    service: str
    agent: str
    names: Annotated[list[str], Field(description="Attributes that hold it", examples=[["gen_ai.input.messages"]])]
    spans: Annotated[Count, Field(description="Spans of the trace that hold it; agents resend what was said")]
    snippet: str


class Hits(Wire):
    """Traces that said it, newest first. `next` may be there although `hits` are few, or none: the search goes on from
    there.
    """

    as_of: Moment
    window: Window
    hits: list[Hit]
    searched_since: Annotated[Moment, Field(description="Everything from here on was searched")]
    note: Annotated[str, Field(description="What to know of the answer; empty: nothing")]
    next: str | None = None


class Message(Wire):
    """A message, by the model call in which it first stood."""

    trace_id: TraceId
    span_id: str
    time: Moment
    agent: str
    model: str
    said_by_model: bool
    role: Annotated[str, Field(description="Empty: what was sent is no list of messages", examples=["user"])]
    json_text: Annotated[str, Field(description="As sent")]


class Conversation(Wire):
    """What of a conversation happened in the window, each message once. `calls_missing`: calls whose text retention
    removed.
    """

    as_of: Moment
    window: Window
    conversation_id: str
    traces: list[Trace]
    messages: list[Message]
    calls: Count
    calls_missing: Count
    more: Annotated[bool, Field(description="There are more calls than `limit`")]


class Spend(Wire):
    """Calls that share their names, in one bucket of time. What is null is unknown."""

    start: Moment
    names: Names
    calls: Count
    cost: Annotated[Usd | None, Field(description="Of the calls with a known price; null: none has one")]
    unpriced: Annotated[Count, Field(description="Calls that are not in `cost`")]
    tokens_unknown: Annotated[Count, Field(description="Calls that are in no sum of tokens")]
    tier_unknown: Annotated[
        Count, Field(description="Calls priced as the standard service tier, for want of their own")
    ]
    input_tokens: Tokens
    output_tokens: Tokens
    cache_read_tokens: Tokens
    cache_write_tokens: Tokens
    reasoning_tokens: Tokens


class SpendTable(Wire):
    """By time, dearest first. `window` is widened to whole hours. Calls of `waiting` traces are not, or not all,
    counted yet.
    """

    as_of: Moment
    window: Window
    rows: list[Spend]
    waiting: Annotated[Count, Field(description="Traces that wait to be sealed")]


class Latency(Wire):
    start: Moment
    names: Names
    calls: Count
    errors: Count
    p50_ns: DurationNs
    p95_ns: DurationNs
    p99_ns: DurationNs


class LatencyTable(Wire):
    """By name, then by time. Quantiles are estimates; a span that was received twice counts twice."""

    as_of: Moment
    window: Window
    rows: list[Latency]


class Tool(Wire):
    tool: Annotated[str, Field(examples=["crm.update"])]
    agent: Annotated[str, Field(description="Empty unless told apart by agent, or unnamed")]
    calls: Count
    errors: Count
    p50_ns: DurationNs
    p95_ns: DurationNs
    p99_ns: DurationNs
    agents: list[str]
    services: list[str]
    last: Moment


class Tools(Wire):
    """Most calls first. Quantiles are estimates; a span that was received twice counts twice."""

    as_of: Moment
    window: Window
    tools: list[Tool]


class Decision(Wire):
    trace_id: Annotated[str, Field(description="Empty: it was reported outside of a trace")]
    approval: Approval
    standing: Annotated[
        Literal["on record", "contradicted", "claimed"],
        Field(description="contradicted: the record names another approver, or another decision"),
    ] = "claimed"


class Decisions(Wire):
    """What agents reported about approvals and guardrails, newest first: claims."""

    as_of: Moment
    window: Window
    decisions: list[Decision]
    next: str | None = None


class Sender(Wire):
    identity: Annotated[str, Field(description="As the collector verified it; empty: nobody")]
    method: Annotated[str, Field(examples=["token"])]


class AgentSeen(Wire):
    """All that was received of an agent of a service, as its spans name it. `last_received` is when the last of them
    came.
    """

    service: str
    agent_id: str
    agent: Annotated[str, Field(description="Empty: spans that name none")]
    first: Moment
    last: Moment
    last_received: Moment
    spans: Count
    errors: Count
    model_calls: Count
    tool_calls: Count
    environments: list[str]
    senders: list[Sender]


class AgentsSeen(Wire):
    """The last received first."""

    as_of: Moment
    agents: list[AgentSeen]
