"""The tables of the lifecycle: policies, cases and what was done, who was told, who acts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    Unicode,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db.models import Base, Json, Kept


class Policy(Kept, Base):
    """Its revision is its version; what it was before is in `versions`."""

    __tablename__ = "policies"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[Json]


class Case(Base):
    """One agent and one reason. `open_key` is empty once it is closed, so that there is one open case of each."""

    __tablename__ = "cases"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str]
    reason: Mapped[str]
    open_key: Mapped[str | None]
    policy: Mapped[str]
    policy_version: Mapped[int]
    state: Mapped[str]
    opened_at: Mapped[datetime]
    entered_at: Mapped[datetime]
    since: Mapped[datetime]
    last_action: Mapped[str]
    last_action_at: Mapped[datetime]
    next_action: Mapped[str | None]
    next_action_at: Mapped[datetime | None]
    blocked: Mapped[str] = mapped_column(Text)
    locked: Mapped[str | None]
    """The stage whose steps are under way."""
    reminders: Mapped[int]
    snoozes: Mapped[int]
    snoozed_until: Mapped[datetime | None]
    held: Mapped[bool]
    ordered: Mapped[bool]
    """Somebody who may said that it should be disabled now."""
    disabled_at: Mapped[datetime | None]
    undo_until: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    plan_hash: Mapped[str]
    """Of the frozen steps of the stage that comes."""
    facts: Mapped[Json]
    revision: Mapped[int]
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        UniqueConstraint("org", "open_key"),
        Index(None, "org", "agent", "id"),
        Index(None, "org", "state", "id"),
    )


class CaseEvent(Base):
    __tablename__ = "case_events"
    org: Mapped[str] = mapped_column(primary_key=True)
    case: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    before: Mapped[str]
    after: Mapped[str]
    details: Mapped[Json]
    __table_args__ = (ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"]),)


class CaseStep(Base):
    """`undo` is stored before anything is done. `key` is sent along, so that the target can tell a repetition."""

    __tablename__ = "case_steps"
    org: Mapped[str] = mapped_column(primary_key=True)
    case: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str]
    connector: Mapped[str]
    target: Mapped[str]
    what: Mapped[str]
    plan: Mapped[Json]
    undo: Mapped[Json | None]
    key: Mapped[str]
    state: Mapped[str]
    result: Mapped[Json]
    attempts: Mapped[int]
    started_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    __table_args__ = (ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"]),)


class Notice(Base):
    """A notice to one recipient. `digest` is of the link's token, which is kept nowhere."""

    __tablename__ = "notices"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    case: Mapped[str]
    agent: Mapped[str]
    stage: Mapped[str]
    round: Mapped[int]
    """Of a stage that is gone through again, the number."""
    rank: Mapped[int]
    """0: whom it is meant for; above: who is asked in their place."""
    recipient: Mapped[str]
    address: Mapped[str]
    channel: Mapped[str]
    state: Mapped[str]
    message: Mapped[str]
    response: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    policy_version: Mapped[int]
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    try_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"]),
        Index(None, "state", "try_at"),
        Index(None, "org", "case"),
        Index(None, "message"),
        UniqueConstraint("digest"),
    )


class CaseRequest(Base):
    """What two people must want: who asked can't approve."""

    __tablename__ = "case_requests"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    case: Mapped[str]
    action: Mapped[str]
    plan_hash: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    days: Mapped[int | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    approved: Mapped[bool | None]
    verdict: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"]),
        Index(None, "org", "case"),
    )


class Clearance(Base):
    """Why no case is opened for an agent until then: its owner's word, an exemption, an approved long interval."""

    __tablename__ = "clearances"
    org: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    given_at: Mapped[datetime] = mapped_column(primary_key=True)
    kind: Mapped[str]
    until: Mapped[datetime]
    by: Mapped[str]
    approved_by: Mapped[str | None]
    why: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        Index(None, "org", "until"),
    )


class ActivityReport(Base):
    """The latest activity that a system of the owner's vouched for."""

    __tablename__ = "activity_reports"
    org: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    reported_at: Mapped[datetime]
    reported_by: Mapped[str]
    __table_args__ = (ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),)


class Switch(Base):
    """Whether anything is enforced; no row: it is."""

    __tablename__ = "switches"
    org: Mapped[str] = mapped_column(primary_key=True)
    enforcement: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str]
    at: Mapped[datetime]


class Lease(Base):
    """Who acts. `token` grows with every holder: what an earlier one still wants to do is refused."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    token: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]


class JobRun(Base):
    __tablename__ = "job_runs"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    name: Mapped[str]
    holder: Mapped[str]
    dry_run: Mapped[bool]
    due_at: Mapped[datetime]
    started_at: Mapped[datetime]
    seconds: Mapped[float | None] = mapped_column(Float)
    outcome: Mapped[str]
    summary: Mapped[dict[str, Any]]
    __table_args__ = (Index(None, "name", "id"),)


class ScheduledJob(Base):
    """APScheduler's own table: which jobs there are, and when each comes next."""

    __tablename__ = "scheduler_jobs"
    id: Mapped[str] = mapped_column(Unicode(191), primary_key=True)
    next_run_time: Mapped[float | None] = mapped_column(Float(25), index=True)
    job_state: Mapped[bytes] = mapped_column(LargeBinary)
