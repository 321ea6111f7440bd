"""The wire of the lifecycle: policies, cases, what people decide, jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inventory.contract import Moment, Wire
from inventory.contract.agents import Classification
from inventory.contract.words import Flag, Given, Instant, Label, Maybe, Name, Number, PersonId, Prose, Slug

CaseReason = Literal["idle", "ownerless", "expired", "violation"]
CaseState = Literal[
    "candidate", "noticed", "reminded", "final", "disabled", "credentials-revoked", "triggers-removed", "archived",
    "retired", "restored", "attested", "exempt",
]  # fmt: skip
Action = Literal[
    "open", "notice", "remind", "final", "disable", "revoke", "remove", "archive", "retire", "restore", "wake",
]  # fmt: skip
Decision = Literal["keep", "snooze", "transfer", "disable", "retire", "exempt"]
TwoPerson = Literal["revoke", "archive", "exempt", "interval"]
Days = Annotated[Number, Field(ge=0, le=3660)]


class Schedule(Given):
    """Days of the condition (idle days, or days since it began) at which each stage is due. The time between two stages
    also passes between the delivery of the one and the other, whatever the days say by then.
    """

    candidate: Days = 60
    notice: Days = 76
    reminders: Annotated[list[Days], Field(max_length=5)] = [83, 87]
    final: Days = 89
    disable: Days = 90
    review: Annotated[Days, Field(ge=1, description="Days after disabling in which undo is one step")] = 30
    escalate: Annotated[Days, Field(ge=1, description="Days between two words to those who let a case lie")] = 7

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        days = [self.candidate, self.notice, *self.reminders, self.final, self.disable]
        if days != sorted(days):
            raise ValueError("candidate, notice, reminders, final and disable must not come before one another")
        if self.disable <= self.notice:
            raise ValueError("disable comes at least a day after notice: nobody is disabled without a warning")
        return self


class Activity(Given):
    """What keeps an agent alive."""

    environments: Annotated[
        list[Maybe], Field(max_length=20, description="deployment.environment.name; an empty one: not said")
    ] = ["", "prod", "production"]
    identities: Annotated[
        list[Literal["token", "mtls", "oidc", "asserted", "none"]],
        Field(description="How who sent it was verified. Activity of others blocks, but keeps nothing alive"),
    ] = ["token", "mtls", "oidc", "asserted"]
    interval_hours: Annotated[
        Number, Field(ge=1, description="A longer expected_interval_hours counts when a second person approved it")
    ] = 24 * 31


class Caps(Given):
    """How many agents one run may disable at most. Beyond either the run does nothing and says so."""

    agents: Annotated[Number, Field(ge=1, le=100_000)] = 10
    percent: Annotated[float, Field(gt=0, le=100, description="Of the organisation's active agents")] = 5.0


class Exclusions(Given):
    """Agents that the policy leaves alone: any that holds."""

    agents: Annotated[list[Slug], Field(max_length=1000)] = []
    tags: Annotated[list[Label], Field(max_length=50)] = []
    classifications: list[Classification] = []
    high_impact: Flag = False


class Freshness(Given):
    """When telemetry is believed to be whole."""

    stale_minutes: Annotated[Number, Field(ge=5, le=24 * 60)] = 120
    """Without a heartbeat for so long no case advances."""
    bounce_hours: Annotated[Number, Field(ge=0, le=14 * 24)] = 24
    """How long a mail server may say that a notice it took couldn't be delivered."""


class PolicySpec(Given):
    """What is done about agents for one reason. It does nothing but watch until it is enforced."""

    reason: CaseReason
    enforced: Annotated[Flag, Field(description="false: cases are opened, nobody is told, nothing is disabled")] = False
    schedule: Schedule = Schedule()
    activity: Activity = Activity()
    caps: Caps = Caps()
    exclude: Exclusions = Exclusions()
    freshness: Freshness = Freshness()
    attested_days: Annotated[Days, Field(ge=1)] = 90
    """How long an owner's word holds."""
    attest_every_days: Annotated[
        Days | None, Field(ge=1, description="Of expired: an agent also expires when nobody answered for it so long")
    ] = None
    snooze_days: Annotated[Days, Field(ge=1)] = 14
    snoozes: Annotated[Number, Field(ge=0, le=20)] = 2
    exempt_days: Annotated[Days, Field(ge=1)] = 365
    fallback: Annotated[
        list[PersonId], Field(max_length=20, description="Who is asked when nobody else can be reached")
    ] = []
    findings: Annotated[
        list[Slug], Field(max_length=50, description="Of violation: findings that open a case of their agent",
                          examples=[["ran-after-denial"]])
    ] = []  # fmt: skip
    note: Prose = ""


class Policy(Wire):
    """A policy as it is now; `revision` is its version and ETag."""

    id: Slug
    revision: int
    spec: PolicySpec
    updated_at: Moment


class PolicyList(Wire):
    policies: list[Policy]


class Case(Wire):
    """One agent and one reason, what was done, and what happens next and when."""

    id: str
    agent: Slug
    reason: CaseReason
    state: CaseState
    status: Annotated[
        Literal["waiting", "snoozed", "blocked", "acting", "closed"], Field(description="blocked: `blocked` says why")
    ]
    policy: Slug
    policy_version: int
    enforced: bool
    opened_at: Moment
    entered_at: Moment
    since: Annotated[Moment, Field(description="From when on the condition holds, hours without telemetry left out")]
    days: float
    last_action: str
    last_action_at: Moment
    next_action: Action | None
    next_action_at: Moment | None
    blocked: str
    is_locked: bool
    is_terminal: bool
    held: bool
    snoozed_until: Moment | None
    undo_until: Moment | None
    owner: str | None
    facts: dict[str, Any]
    revision: int


class CaseEvent(Wire):
    """What happened to a case."""

    at: Moment
    actor: str
    action: str
    before: str
    after: str
    details: dict[str, Any]


class CaseStep(Wire):
    """Something that is done to a system outside, with how it is undone and what it answered."""

    number: int
    stage: str
    connector: str
    target: str
    what: str
    reversible: bool
    state: Literal["planned", "doing", "done", "failed", "undoing", "undone", "by-hand"]
    result: dict[str, Any]
    started_at: Moment | None
    done_at: Moment | None


class CaseNotice(Wire):
    """Who was told what, and how it is known that it reached them."""

    id: str
    stage: str
    recipient: str
    channel: str
    state: Literal["queued", "accepted", "delivered", "bounced", "failed", "superseded"]
    message: str
    response: str
    created_at: Moment
    sent_at: Moment | None
    settled_at: Moment | None


class CaseRequest(Wire):
    """What needs two people."""

    id: str
    action: TwoPerson
    requested_by: str
    requested_at: Moment
    reason: str
    decided_by: str | None
    decided_at: Moment | None
    approved: bool | None


class CaseDetail(Case):
    """A case with its history."""

    events: list[CaseEvent]
    steps: list[CaseStep]
    notices: list[CaseNotice]
    requests: list[CaseRequest]


class CasePage(Wire):
    """`next` is the cursor of the following page, null on the last one."""

    cases: list[Case]
    next: str | None = None


class Decide(Given):
    """What somebody who answers for an agent wants."""

    decision: Decision
    reason: Annotated[Prose, Field(examples=["it runs at the end of the year"])] = ""
    days: Annotated[Number | None, Field(ge=1, le=366, description="Of a snooze or an exemption")] = None
    to: Annotated[PersonId | None, Field(description="The new owner, of a transfer")] = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.decision in ("keep", "exempt", "retire") and not self.reason.strip():
            raise ValueError(f"{self.decision} needs a reason, which is kept")
        if (self.to is not None) != (self.decision == "transfer"):
            raise ValueError("to names the new owner of a transfer, and only then")
        return self


class Ask(Given):
    """Ask for something that a second person must approve."""

    action: TwoPerson
    reason: Annotated[Prose, Field(min_length=1)]


class Verdict(Given):
    """The second person's answer."""

    approve: Flag
    reason: Prose = ""


class Raise(Given):
    """Somebody saw an agent do what it must not."""

    reason: Annotated[Prose, Field(min_length=1, examples=["it mailed customers' data to a test address"])]


class Hold(Given):
    """A legal hold: what is held is not deleted, whatever else happens."""

    held: Flag
    reason: Annotated[Prose, Field(min_length=1)]


class Reported(Given):
    """Activity that an owner's own system vouches for."""

    source: Annotated[Name, Field(examples=["batch-scheduler"])]
    at: Instant | None = None


class Switch(Given):
    """The kill switch: without enforcement nothing is disabled, revoked, removed or archived; notices go on."""

    enforcement: Flag
    reason: Annotated[Prose, Field(min_length=1)]


class SwitchState(Wire):
    enforcement: bool
    reason: str
    by: str
    at: Moment | None


class Planned(Wire):
    """What a run would do now, and why or why not."""

    agent: str
    reason: CaseReason
    policy: str
    action: Action | None
    due_at: Moment | None
    now: Annotated[bool, Field(description="It is due, and nothing blocks it")]
    blocked: str
    days: float
    since: Moment


class LifecyclePlan(Wire):
    """Nothing was changed. `stopped`: why a run would do nothing at all."""

    as_of: Moment
    planned: list[Planned]
    stopped: str


class Impact(Wire):
    """What a policy would have done in days that have passed, had nobody answered. `active_again`: seen since."""

    agent: str
    action: Action
    at: Moment
    active_again: Moment | None


class ImpactReport(Wire):
    policy: str
    since: Moment
    until: Moment
    impacts: list[Impact]
    wrongly: Annotated[int, Field(description="Agents that would have been disabled and were active afterwards")]


class Job(Wire):
    """A job of the scheduler. `lag_seconds`: how late it last began."""

    name: str
    every: str
    next_run: Moment | None
    last_run: Moment | None
    seconds: float | None
    outcome: str | None
    lag_seconds: float | None
    summary: dict[str, Any]


class JobList(Wire):
    """`leader`: which process acts now; null: none does."""

    leader: str | None
    jobs: list[Job]


class RunJob(Given):
    """A dry run says what would be done, and does nothing."""

    dry_run: Flag = True


class JobAsked(Wire):
    name: str
    outcome: Literal["requested", "dry-run"]
    summary: dict[str, Any]


class Certificate(Wire):
    """That an agent was retired. `document` holds every step, notice and approval, and a digest over them."""

    case: str
    agent: str
    document: dict[str, Any]


class Noted(Wire):
    """It was taken in; there is nothing to tell."""
