"""The tables of the registry. Every row belongs to an organisation, and so does every key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from inventory.db.types import Document, Utc, Word

Json = dict[str, Any]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Word, datetime: Utc, Json: Document, list[Any]: Document}  # noqa: RUF012


class Organisation(Base):
    __tablename__ = "organisations"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class Kept:
    """What has revisions: an ETag, and a row in `versions` for each."""

    revision: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Person(Kept, Base):
    """Somebody who can own agents, decide and sign in. `id` is what the identity provider says: an address mostly."""

    __tablename__ = "people"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    active: Mapped[bool]


class Team(Kept, Base):
    __tablename__ = "teams"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Membership(Base):
    __tablename__ = "memberships"
    org: Mapped[str] = mapped_column(primary_key=True)
    team: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (
        ForeignKeyConstraint(["org", "team"], ["teams.org", "teams.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["org", "person"], ["people.org", "people.id"]),
        Index(None, "org", "person"),
    )


class RoleGrant(Base):
    """A role that a person has here, beside what their groups give. An empty team: the whole organisation."""

    __tablename__ = "grants"
    org: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    team: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (ForeignKeyConstraint(["org", "person"], ["people.org", "people.id"]),)


class Agent(Kept, Base):
    """`document` is the whole specification; the columns beside it are what lists are filtered by."""

    __tablename__ = "agents"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[str]
    owner: Mapped[str | None]
    backup_owner: Mapped[str | None]
    team: Mapped[str | None]
    high_impact: Mapped[bool]
    classification: Mapped[str]
    document: Mapped[Json]
    active_release: Mapped[str | None]
    __table_args__ = (
        ForeignKeyConstraint(["org", "owner"], ["people.org", "people.id"]),
        ForeignKeyConstraint(["org", "backup_owner"], ["people.org", "people.id"]),
        ForeignKeyConstraint(["org", "team"], ["teams.org", "teams.id"]),
        Index(None, "org", "owner", "id"),
        Index(None, "org", "backup_owner", "id"),
        Index(None, "org", "team", "id"),
        Index(None, "org", "state", "id"),
    )


class Tag(Base):
    __tablename__ = "agent_tags"
    org: Mapped[str] = mapped_column(primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        Index(None, "org", "agent"),
    )


class Dependency(Base):
    """`agent` needs `needs`: another agent, or a system outside (`kind` says which)."""

    __tablename__ = "agent_dependencies"
    org: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    needs: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        Index(None, "org", "kind", "needs"),
    )


class Matcher(Base):
    """Which telemetry is an agent's. An empty field takes anything; the same four fields can't be two agents'."""

    __tablename__ = "matchers"
    org: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    telemetry_id: Mapped[str] = mapped_column(primary_key=True)
    telemetry_name: Mapped[str] = mapped_column(primary_key=True)
    identity: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str]
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        Index(None, "org", "agent"),
    )


class Draft(Kept, Base):
    """The next release of an agent, while people edit it. `editors` can't approve what becomes of it."""

    __tablename__ = "drafts"
    org: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[Json]
    editors: Mapped[list[Any]]
    __table_args__ = (ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),)


class Release(Base):
    """A bundle that never changes. What changes beside it is what was decided about it."""

    __tablename__ = "releases"
    org: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    """Counts an agent's releases from 1."""
    version: Mapped[str]
    parts: Mapped[list[Any]]
    note: Mapped[str] = mapped_column(Text)
    rollback_to: Mapped[str | None]
    evaluations: Mapped[list[Any]]
    editors: Mapped[list[Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    status: Mapped[str]
    revision: Mapped[int]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    reason: Mapped[str] = mapped_column(Text)
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        UniqueConstraint("org", "agent", "number"),
        Index(None, "org", "created_at", "agent", "id"),
        Index(None, "org", "status", "created_at", "agent", "id"),
        Index(None, "org", "id"),
    )


class Part(Base):
    """Content of releases under its own digest: what two releases share is kept once."""

    __tablename__ = "parts"
    org: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Slo(Kept, Base):
    __tablename__ = "slos"
    org: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str]
    document: Mapped[Json]
    __table_args__ = (
        ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"]),
        Index(None, "org", "agent", "id"),
    )


class Token(Base):
    """A credential of a machine, or a person's for scripts. The token itself is shown once and kept nowhere."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(primary_key=True)
    org: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    person: Mapped[str | None]
    agents: Mapped[list[Any]]
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    last_used_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    """Not accepted while its agent is disabled; given back, it is what it was."""
    __table_args__ = (Index(None, "org", "id"),)


class Audit(Base):
    """The chain. Texts are kept as they were hashed; the database refuses to change or remove a row."""

    __tablename__ = "audit"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    org: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    kind: Mapped[str]
    object: Mapped[str]
    before: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str]
    previous: Mapped[str]
    hash: Mapped[str]
    __table_args__ = (
        Index(None, "org", "kind", "object", "seq"),
        Index(None, "org", "actor", "seq"),
        Index(None, "org", "seq"),
    )


class Version(Base):
    """What an object was from when until when; `document` is null for the time in which it was gone."""

    __tablename__ = "versions"
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    org: Mapped[str]
    kind: Mapped[str]
    object: Mapped[str]
    revision: Mapped[int]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    document: Mapped[Json | None]
    published: Mapped[bool]
    """Whether the engine has it as it is now."""
    __table_args__ = (
        UniqueConstraint("org", "kind", "object", "revision"),
        Index(None, "published", "seq"),
    )


class Answer(Base):
    """What a POST with an Idempotency-Key was answered, so that it is answered the same again."""

    __tablename__ = "answers"
    org: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str]
    """Digest of what was asked."""
    status: Mapped[int]
    headers: Mapped[Json]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)


class ReadSegment(Base):
    """Reads of content by one process, signed together. Segments of a process are chained, not those of all."""

    __tablename__ = "read_segments"
    process: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    first_at: Mapped[datetime] = mapped_column(index=True)
    last_at: Mapped[datetime]
    reads: Mapped[str] = mapped_column(Text)
    previous: Mapped[str]
    hash: Mapped[str]
    signature: Mapped[str]


class Term(Base):
    """Words by which something is found: a prefix of each word asked for must be among them."""

    __tablename__ = "terms"
    org: Mapped[str] = mapped_column(primary_key=True)
    term: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    object: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (Index(None, "org", "kind", "agent", "object", "term"),)


class Discovery(Base):
    """A difference between registry and telemetry, from when it was seen until when it was gone."""

    __tablename__ = "discoveries"
    org: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str]
    details: Mapped[Json]
    __table_args__ = (Index(None, "org", "closed_at"),)
