"""The tables of findings: what stands, its history, and how far it was looked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db.models import Base, Json


class Finding(Base):
    """What a finding says of one thing, from when it was seen until it was no more. `open_key` keeps it apart while it
    stands.
    """

    __tablename__ = "findings"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    finding: Mapped[str]
    key: Mapped[str] = mapped_column(Text)
    agent: Mapped[str]
    severity: Mapped[str]
    rank: Mapped[int]
    state: Mapped[str]
    open_key: Mapped[str | None] = mapped_column(Text)
    revision: Mapped[int]
    opened_at: Mapped[datetime]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    hits: Mapped[int] = mapped_column(BigInteger)
    traces: Mapped[list[Any]]
    details: Mapped[Json]
    recurrence: Mapped[int]
    """How often it stood before."""
    accepted_until: Mapped[datetime | None]
    accepted_by: Mapped[str | None]
    accepted_reason: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str]
    case: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("org", "open_key"),
        Index(None, "org", "state", "rank", "last_at"),
        Index(None, "org", "agent"),
    )


class FindingEvent(Base):
    __tablename__ = "finding_events"
    org: Mapped[str] = mapped_column(primary_key=True)
    finding: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    what: Mapped[str]
    by: Mapped[str]
    details: Mapped[Json]


class FindingProgress(Base):
    """Until when what was sealed has been looked at."""

    __tablename__ = "finding_progress"
    org: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    looked_at: Mapped[datetime]
    traces: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[Json]
