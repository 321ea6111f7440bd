"""The wire of approvals: what an agent asks for before it acts, and what a person says of it.

This is the record. What agents report in telemetry of approvals are claims (`inventory.contract.figures.Decision`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inventory.contract import Moment, Wire
from inventory.contract.words import Flag, Given, Maybe, Name, Number, PersonId, Prose, Slug

ApprovalState = Literal["pending", "approved", "modified", "denied", "timed-out", "withdrawn"]
Word = Literal["approve", "modify", "deny"]
Mode = Literal["enforce", "observe"]
Enforced = Literal["waiting", "allowed", "blocked"]

LONGEST_WAIT = 30
"""Seconds that a request for a decision may stay open."""
Arguments = Annotated[
    dict[str, Any],
    Field(description="Exactly what the tool would be called with", examples=[{"case": "C-1042", "amount": 900}]),
]
TraceId = Annotated[str, Field(pattern="^([0-9a-f]{32})?$", description="Of the span that asks; empty: none")]
SpanId = Annotated[str, Field(pattern="^([0-9a-f]{16})?$")]


class AskApproval(Given):
    """An agent wants to do something that its policy lets happen only if a person says so."""

    agent: Slug
    tool: Annotated[Name, Field(description="What would be called", examples=["billing.refund"])]
    arguments: Arguments = {}
    shown: Annotated[
        Prose, Field(description="What the person is to read; the tool and its arguments if nothing is said")
    ] = ""
    requester: Annotated[
        Maybe, Field(description="For whom the agent works: they can't approve it", examples=["user-1042"])
    ] = ""
    approvers: Annotated[
        list[Annotated[str, Field(pattern=r"^(team:[a-z0-9-]{1,63}|[A-Za-z0-9._%+@-]{1,200})$")]],
        Field(max_length=50, description="People, or team:…, one of whom decides; whoever may decide for the agent "
              "if nobody is named", examples=[["team:support"]]),
    ] = []  # fmt: skip
    policy_id: Annotated[Maybe, Field(examples=["refund-over-500"])] = ""
    policy_version: Maybe = ""
    verdict: Annotated[Maybe, Field(description="What the policy says, in its words")] = "needs_approval"
    why: Annotated[Prose, Field(description="Why a person must decide")] = ""
    mode: Annotated[Mode, Field(description="observe: the agent goes on whatever is said")] = "enforce"
    minutes: Annotated[Number, Field(ge=1, le=60 * 24 * 7, description="Until nobody can say anything any more")] = 60
    good_for_minutes: Annotated[
        Number, Field(ge=1, le=60 * 24 * 7, description="How long what was allowed may be done, from the decision on")
    ] = 60
    trace_id: TraceId = ""
    span_id: SpanId = ""
    tool_call_id: Annotated[Maybe, Field(description="gen_ai.tool.call.id of the call that it is about")] = ""
    task_id: Maybe = ""


class DecideApproval(Given):
    """What a person says. `modify`: it may be done, with these arguments."""

    decision: Word
    reason: Prose = ""
    arguments: Annotated[dict[str, Any] | None, Field(description="With modify: what may be done instead")] = None
    override: Annotated[Flag, Field(description="Decide although others were named; it is marked so")] = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.decision == "modify") != (self.arguments is not None):
            raise ValueError("arguments are given with modify, and with nothing else")
        if (self.decision != "approve" or self.override) and not self.reason.strip():
            raise ValueError("a reason is needed to deny, to modify and to override")
        return self


class Withdraw(Given):
    """The agent does without it."""

    reason: Prose = ""


class ApprovalRecord(Wire):
    """A request for approval and what came of it. Arguments and what was shown are masked for who may not see them.

    `verdict` is what the policy said, `state` what the person said, `enforced` what the agent was told to do.
    """

    id: Annotated[str, Field(examples=["apr_0123456789abcdef"])]
    agent: str
    state: ApprovalState
    revision: int
    tool: str
    arguments: Annotated[str | None, Field(description="Canonical JSON; null: masked")]
    arguments_digest: Annotated[str, Field(description="As spans have it: keyed, before redaction")]
    shown: str | None
    shown_digest: str
    masked: bool
    requester: str
    requested_by: str
    requested_at: Moment
    expires_at: Moment
    approvers: list[str]
    policy_id: str
    policy_version: str
    verdict: str
    why: str
    mode: Mode
    enforced: Enforced
    decided_at: Moment | None
    decided_by: Annotated[str | None, Field(description="Who was signed in")]
    approver: PersonId | None
    override: Annotated[bool, Field(description="Decided by somebody who was not asked")]
    reason: str
    decided_arguments: Annotated[str | None, Field(description="What may be done instead; null: as asked, or masked")]
    allowed_digest: Annotated[str | None, Field(description="Of the arguments that may be used; null: none may")]
    good_until: Annotated[Moment | None, Field(description="After that it must be asked for again")]
    trace_id: str
    span_id: str
    tool_call_id: str
    task_id: str
    may_decide: Annotated[bool, Field(description="Whether whoever asks could decide now")] = False


class ApprovalPage(Wire):
    """`next` is the cursor of the following page, null on the last one."""

    as_of: Moment
    approvals: list[ApprovalRecord]
    next: str | None = None


class Execution(Wire):
    """A tool call that an approval is about, as telemetry has it."""

    span_id: str
    at: Moment
    failed: bool
    arguments_digest: str
    matches: Annotated[bool | None, Field(description="The arguments are those that were allowed; null: not known")]
    in_time: bool


class ApprovalDetail(Wire):
    """With what was done on it."""

    approval: ApprovalRecord
    executions: list[Execution]
