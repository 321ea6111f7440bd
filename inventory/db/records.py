"""The tables of records: schedules, packages and their files, holds, what is done to packages, who wanted it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.db.models import Base, Json, Kept


class RecordSchedule(Kept, Base):
    """How long what is kept, by which authority. Its revision is its version."""

    __tablename__ = "record_schedules"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[Json]


class Package(Base):
    """An archive of one agent: what it did in [`starts`, `ends`), as it had come in until `cutoff`.

    `number` counts an agent's packages that begin on the same day: the second is a supplement. `sequence` is its place
    in the organisation's chain; none until it is sealed.
    """

    __tablename__ = "record_packages"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str]
    kind: Mapped[str]
    starts: Mapped[date] = mapped_column(Date)
    ends: Mapped[date] = mapped_column(Date)
    number: Mapped[int]
    key: Mapped[str | None]
    """Of whoever asked: asked for again, it is the same package."""
    state: Mapped[str]
    error: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    try_at: Mapped[datetime | None]
    snapshot: Mapped[str]
    cutoff: Mapped[datetime | None]
    target: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str]
    plan: Mapped[Json]
    """What was found when it was planned: rows expected by table and day, gaps of telemetry, documents' sources."""
    schedule: Mapped[str | None]
    schedule_version: Mapped[int | None]
    disposition: Mapped[str]
    mode: Mapped[str]
    locked_until: Mapped[datetime | None]
    """No row, no end: it is not disposed of before."""
    sequence: Mapped[int | None]
    manifest_sha256: Mapped[str]
    """Of tagmanifest-sha256.txt: it stands for the whole package."""
    signature: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str]
    rows: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    rows_expected: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[bool]
    """Whether its objects carry a legal hold at the target."""
    requested_by: Mapped[str]
    created_at: Mapped[datetime]
    committed_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    verdict: Mapped[str] = mapped_column(Text)
    """Of the last verification: empty is good."""
    disposed_at: Mapped[datetime | None]
    certificate: Mapped[Json | None]
    restored: Mapped[str]
    """The database that it was restored into."""
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        UniqueConstraint("org", "agent", "starts", "number"),
        UniqueConstraint("org", "key"),
        UniqueConstraint("org", "sequence"),
        Index(None, "org", "agent", "id"),
        Index(None, "org", "state", "id"),
    )


class PackageFile(Base):
    """`content`: of small files, which are made once and kept until the package is whole."""

    __tablename__ = "record_files"
    org: Mapped[str] = mapped_column(primary_key=True)
    package: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    source: Mapped[str]
    """The table that its rows are of; empty: `content` is what it is."""
    day: Mapped[date | None] = mapped_column(Date)
    expected: Mapped[int | None] = mapped_column(BigInteger)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str]
    sha256: Mapped[str]
    rows: Mapped[int | None] = mapped_column(BigInteger)
    size: Mapped[int | None] = mapped_column(BigInteger)
    upload: Mapped[str] = mapped_column(Text)
    version: Mapped[str] = mapped_column(Text)
    __table_args__ = (ForeignKeyConstraint(["org", "package"], ["record_packages.org", "record_packages.id"]),)


class RecordHold(Base):
    """A legal hold: of everything, an agent, a package or a trace. Released is kept."""

    __tablename__ = "record_holds"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[str]
    """Of the legal case."""
    scope: Mapped[str]
    object: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    placed_by: Mapped[str]
    placed_at: Mapped[datetime]
    released_by: Mapped[str | None]
    released_at: Mapped[datetime | None]
    release_reason: Mapped[str] = mapped_column(Text)
    __table_args__ = (Index(None, "org", "released_at", "scope", "object"),)


class Disposition(Base):
    """What one person asked for, and another decided."""

    __tablename__ = "record_dispositions"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    package: Mapped[str]
    manifest_sha256: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    approved: Mapped[bool | None]
    verdict: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        ForeignKeyConstraint(["org", "package"], ["record_packages.org", "record_packages.id"]),
        Index(None, "org", "package"),
    )


class RecordWork(Base):
    """Something to be done to a package, by one process at a time: `token` grows with every holder."""

    __tablename__ = "record_works"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    package: Mapped[str]
    kind: Mapped[str]
    state: Mapped[str]
    by: Mapped[str]
    asked_at: Mapped[datetime]
    try_at: Mapped[datetime]
    attempts: Mapped[int]
    holder: Mapped[str]
    token: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime]
    progress: Mapped[Json]
    result: Mapped[Json]
    error: Mapped[str] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(["org", "package"], ["record_packages.org", "record_packages.id"]),
        Index(None, "state", "try_at"),
        Index(None, "org", "package"),
    )


class SigningKey(Base):
    """A public key that packages were signed with, from when until when."""

    __tablename__ = "record_keys"
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    pem: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
