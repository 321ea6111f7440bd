"""The table of approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db.models import Base


class Approval(Base):
    """What an agent asked to do, what a person said, and what it was told. Its revision is its ETag."""

    __tablename__ = "approvals"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str]
    state: Mapped[str]
    revision: Mapped[int]
    tool: Mapped[str]
    arguments: Mapped[str] = mapped_column(Text)
    arguments_digest: Mapped[str]
    shown: Mapped[str] = mapped_column(Text)
    shown_digest: Mapped[str]
    requester: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    approvers: Mapped[list[Any]]
    policy_id: Mapped[str]
    policy_version: Mapped[str]
    verdict: Mapped[str]
    why: Mapped[str] = mapped_column(Text)
    mode: Mapped[str]
    enforced: Mapped[str]
    good_for_minutes: Mapped[int]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    approver: Mapped[str | None]
    override: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    decided_arguments: Mapped[str | None] = mapped_column(Text)
    allowed_digest: Mapped[str | None]
    good_until: Mapped[datetime | None]
    trace_id: Mapped[str]
    span_id: Mapped[str]
    tool_call_id: Mapped[str]
    task_id: Mapped[str]
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        Index(None, "org", "state", "expires_at"),
        Index(None, "org", "requested_at", "id"),
        Index(None, "org", "trace_id"),
    )
