"""The wire of agents: what an organisation says of each."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from inventory.contract import Moment, Usd, Wire
from inventory.contract.words import Flag, Given, Label, Maybe, Name, Number, PersonId, Prose, Slug, Url

State = Literal["draft", "active", "disabled", "retired"]
Classification = Literal["public", "internal", "confidential", "restricted"]


class Matcher(Given):
    """Telemetry that is this agent's: all fields that are given must be equal. The matcher with more fields wins; of as
    many, the one with the verified identity, then with the agent's id, its name, its service.
    """

    service: Annotated[Maybe, Field(description="service.name", examples=["support-orchestrator"])] = ""
    agent_id: Annotated[Maybe, Field(description="gen_ai.agent.id")] = ""
    agent_name: Annotated[Maybe, Field(description="gen_ai.agent.name", examples=["support-drafter"])] = ""
    identity: Annotated[Maybe, Field(description="Who sent it, as the collector verified")] = ""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.service or self.agent_id or self.agent_name or self.identity):
            raise ValueError("a matcher needs at least one of service, agent_id, agent_name and identity")
        return self


class Binding(Given):
    """Something outside that this agent acts through, and that is switched off with it."""

    kind: Literal["iam-user", "iam-role", "rule", "schedule", "event-source", "scim", "webhook", "other"]
    ref: Annotated[Name, Field(examples=["arn:aws:iam::123456789012:role/support-drafter"])]
    note: Prose = ""


class Dependency(Given):
    """What the agent needs: another agent by its id, or a system."""

    kind: Literal["agent", "model", "tool", "data", "system"]
    needs: Annotated[Name, Field(examples=["crm-writer"])]


class Reference(Given):
    """Where else the agent stands: its authorization to operate, a ticket, a change record."""

    kind: Literal["ato", "ticket", "change", "other"]
    ref: Annotated[Name, Field(examples=["CHG-20417"])]


class Budgets(Given):
    """At most, per task. What isn't given isn't limited."""

    tokens: Annotated[Number | None, Field(ge=1, le=10**12)] = None
    money_usd: Annotated[Usd | None, Field(gt=0, lt=10**9, decimal_places=12)] = None
    tool_calls: Annotated[Number | None, Field(ge=1, le=10**9)] = None


class AllowedTools(Given):
    """Names of tools it may call: those that only read, and those that write."""

    read: Annotated[list[Name], Field(max_length=200)] = []
    write: Annotated[list[Name], Field(max_length=200)] = []
    approval: Annotated[
        list[Name], Field(max_length=200, description="Of those that write, what a person must allow each time")
    ] = []
    reversals: Annotated[
        dict[Name, Prose], Field(max_length=200, description="How what a writing tool did is undone",
                                 examples=[{"billing.refund": "charge it again: billing.charge with its `refund` id"}])
    ] = {}  # fmt: skip

    @model_validator(mode="after")
    def _of_those(self) -> Self:
        for field, names in (("approval", self.approval), ("reversals", list(self.reversals))):
            if unknown := sorted(set(names) - set(self.write)):
                raise ValueError(f"{field} names what isn't among the writing tools: {', '.join(unknown)}")
        return self


class HighImpact(Given):
    """The seven minimum practices of OMB M-25-21 for high-impact AI: for each where it is shown, or how it is done."""

    pre_deployment_testing: Prose = ""
    impact_assessment: Prose = ""
    ongoing_monitoring: Prose = ""
    operator_training: Prose = ""
    human_oversight: Prose = ""
    remedies_and_appeals: Prose = ""
    public_feedback: Prose = ""


class Model(Given):
    """Whose model it is, and where it runs."""

    provider: Maybe = ""
    residency: Annotated[
        Maybe, Field(description="Region, or boundary, in which data stays", examples=["us-gov-west-1"])
    ] = ""
    inside_boundary: Annotated[Flag | None, Field(description="Within the authorization boundary; null: not said")] = (
        None
    )


class AgentSpec(Given):
    """All that is said of an agent. Owners and teams must be known; an agent needs an owner, a runbook and a pager to
    become active.
    """

    name: Annotated[Name, Field(examples=["Support drafter"])]
    purpose: Prose = ""
    owner: PersonId | None = None
    backup_owner: PersonId | None = None
    team: Slug | None = None
    support_queue: Maybe = ""
    pager: Annotated[Maybe, Field(description="Alias that reaches who is on call", examples=["support-agents"])] = ""
    runbook: Url | None = None
    service_identity: Maybe = ""
    classification: Classification = "internal"
    high_impact: Flag = False
    practices: HighImpact = HighImpact()
    tools: AllowedTools = AllowedTools()
    budgets: Budgets = Budgets()
    egress: Annotated[list[Name], Field(max_length=200, description="Hosts it may talk to")] = []
    dependencies: Annotated[list[Dependency], Field(max_length=200)] = []
    model: Model = Model()
    envelope_keys: Annotated[
        list[Prose], Field(max_length=10, description="Public keys (PEM) that sign its task envelopes")
    ] = []
    bindings: Annotated[list[Binding], Field(max_length=100)] = []
    matchers: Annotated[list[Matcher], Field(max_length=50)] = []
    expected_interval_hours: Annotated[
        Number | None, Field(ge=1, le=24 * 366, description="It runs at least this often; what lets it idle longer")
    ] = None
    heartbeat: Annotated[
        Maybe,
        Field(description="service.name whose spans prove that its path to here works", examples=["edge-gateway"]),
    ] = ""
    references: Annotated[
        list[Reference], Field(max_length=50, description="Told to webhooks and named in the retirement certificate")
    ] = []
    retirement_criteria: Prose = ""
    end_date: date | None = None
    tags: Annotated[list[Label], Field(max_length=50)] = []

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        for field, values in (
            ("tags", self.tags),
            ("matchers", self.matchers),
            ("dependencies", [(one.kind, one.needs) for one in self.dependencies]),
            ("bindings", [(one.kind, one.ref) for one in self.bindings]),
        ):
            if len(values) != len({repr(value) for value in values}):
                raise ValueError(f"{field} names something twice")
        if self.owner is not None and self.owner == self.backup_owner:
            raise ValueError("the backup owner is the owner: name somebody else, or nobody")
        return self


class NewAgent(Given):
    """An agent to register. It starts as a draft; `activate` makes it active."""

    id: Slug
    spec: AgentSpec


class Agent(Wire):
    """A registered agent. `revision` is its ETag."""

    id: Slug
    state: State
    revision: int
    active_release: str | None
    created_at: Moment
    updated_at: Moment
    spec: AgentSpec


class AgentSummary(Wire):
    """An agent in a list."""

    id: Slug
    name: str
    state: State
    revision: int
    owner: str | None
    backup_owner: str | None
    team: str | None
    high_impact: bool
    classification: Classification
    active_release: str | None
    tags: list[str]
    updated_at: Moment


class AgentPage(Wire):
    """`next` is the cursor of the following page, null on the last one."""

    agents: list[AgentSummary]
    next: str | None = None


class UsedBy(Wire):
    """Agents that say they need this one."""

    agents: list[str]


class Reason(Given):
    """Why, for the audit log."""

    reason: Annotated[Prose, Field(examples=["replaced by support-drafter-2"])] = ""
