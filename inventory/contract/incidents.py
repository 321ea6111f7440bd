"""The wire of incidents: what is out of the ordinary, since when, whose it is, and what changed just before."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from inventory.contract import Count, DurationNs, Moment, TraceId, Usd, Window, Wire

SubjectKind = Literal["all", "workflow", "agent", "release", "model", "tool"]
Signal = Literal["failures", "latency", "cost", "silence"]
Unit = Literal["share", "ns", "usd", "count"]
State = Annotated[
    Literal["quiet", "unusual", "unknown", "blind", "empty"],
    Field(description="unknown: there is no usual to compare with; blind: no telemetry comes; empty: none ever came"),
]
Number = Annotated[
    Decimal,
    Field(description="In `unit`: a share of 1, nanoseconds, US dollars, or a count an hour", examples=["0.41"]),
]


class Deviation(Wire):
    """A figure of a subject that is not as usual. `statistic` reached `limit`; `method` says what both are."""

    signal: Signal
    kind: SubjectKind
    name: Annotated[str, Field(description="The agent's id or name, the release's, the model's, the tool's")]
    within: Annotated[str, Field(description="The agent of a release")]
    registered: Annotated[bool, Field(description="`name` is a registered agent")]
    now: Number
    usual: Number | None
    unit: Unit
    events: Annotated[Count, Field(description="Traces, runs or calls in the window")]
    failed: Annotated[Count, Field(description="Of them")]
    minimum: Annotated[Count, Field(description="With fewer events nothing is said")]
    statistic: Annotated[float, Field(description="Standard deviations of what is usual, at most 99")]
    limit: float
    slots: Annotated[Count, Field(description="How many windows of the same length made the usual")]
    method: str
    since: Annotated[Moment | None, Field(description="null: for as long as the baseline reaches back")]
    sentence: str


class Headline(Wire):
    """A figure of everything, now and as usual; null: unknown."""

    name: Literal["error_rate", "p95", "cost_per_hour", "traces_per_hour"]
    unit: Unit
    now: Number | None
    usual: Number | None
    note: str


class Step(Wire):
    """A step of the window and of as much time before it."""

    start: Moment
    traces: Count
    failed: Count
    cost: Usd | None
    p95_ns: DurationNs | None


class AgentStep(Wire):
    """What an agent did in a step. `cost` is null where no call has a price; `p95_ns` where there was no run."""

    start: Moment
    runs: Count
    failed: Count
    model_calls: Count
    unpriced: Count
    input_tokens: Count
    output_tokens: Count
    cost: Usd | None
    p95_ns: DurationNs | None


class AgentFigures(Wire):
    """Of a registered agent, or of a name that telemetry gives. `total` is of the whole window; steps have no gaps."""

    as_of: Moment
    agent: str
    window: Window
    total: AgentStep
    steps: list[AgentStep]


class Workflow(Wire):
    """Traces that share their outermost agent. `cost` is null where no call has a price."""

    name: str
    traces: Count
    failed: Count
    model_calls: Count
    unpriced: Count
    cost: Usd | None
    p95_ns: DurationNs | None


class Workflows(Wire):
    """Of traces that began in the window, dearest first. `total` has all traces, also those without an agent."""

    as_of: Moment
    window: Window
    workflows: list[Workflow]
    total: Workflow


class Affected(Wire):
    """An agent with errors in the window. `pager` and `runbook` are empty where nobody said."""

    agent: str
    registered: bool
    state: str
    owner: str
    backup_owner: str
    team: str
    pager: str
    runbook: str
    queue: str
    runs: Count
    failed: Count
    traces: Annotated[Count, Field(description="Traces with an error that it took part in")]
    unusual: bool
    worst_trace: TraceId


class Changed(Wire):
    """Something that changed. `suspect`: it came just before what is out of the ordinary, and has to do with it."""

    at: Moment
    kind: Annotated[str, Field(examples=["release", "agent", "policy", "telemetry"])]
    object: str
    action: str
    actor: str
    agent: str
    words: str
    suspect: bool


class Radius(Wire):
    """Whom the window's errors reached."""

    traces: Annotated[Count, Field(description="With an error in them")]
    requesters: Count
    workflows: list[str]
    environments: list[str]
    tools: list[str]
    needed_by: Annotated[list[str], Field(description="Agents that say they need one that is affected")]


class Verdict(Wire):
    """One sentence, and what it rests on."""

    state: State
    sentence: str
    cause: Annotated[str, Field(description="What it comes from, as far as figures tell; empty: they don't")]
    basis: Annotated[str, Field(description="How it was found")]
    since: Moment | None


class Incident(Wire):
    """A window held against what came before it. Sealed traces only: `waiting` are not worked out yet."""

    as_of: Moment
    window: Window
    baseline: Window
    verdict: Verdict
    figures: list[Headline]
    deviations: Annotated[list[Deviation], Field(description="What matters most first")]
    agents: list[Affected]
    changes: Annotated[list[Changed], Field(description="The newest first")]
    radius: Radius
    steps: list[Step]
    newest: Annotated[Moment | None, Field(description="When the last span came in; null: none ever did")]
    waiting: Count
