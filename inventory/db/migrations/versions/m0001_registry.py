"""The registry: organisations, people, agents, releases, definitions, tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.db.types import Document, Utc, Word

revision = "0001"
down_revision = None

_COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", Word, nullable=False),
        sa.Column("name", Word, nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
    )
    op.create_table(
        "people",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("name", Word, nullable=False),
        sa.Column("email", Word, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_people")),
    )
    op.create_table(
        "teams",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("name", Word, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_teams")),
    )
    op.create_table(
        "memberships",
        sa.Column("org", Word, nullable=False),
        sa.Column("team", Word, nullable=False),
        sa.Column("person", Word, nullable=False),
        sa.ForeignKeyConstraint(["org", "person"], ["people.org", "people.id"], name=op.f("fk_memberships_org_person")),
        sa.ForeignKeyConstraint(
            ["org", "team"], ["teams.org", "teams.id"], name=op.f("fk_memberships_org_team"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org", "team", "person", name=op.f("pk_memberships")),
    )
    op.create_index(op.f("ix_memberships_org_person"), "memberships", ["org", "person"], unique=False)
    op.create_table(
        "grants",
        sa.Column("org", Word, nullable=False),
        sa.Column("person", Word, nullable=False),
        sa.Column("role", Word, nullable=False),
        sa.Column("team", Word, nullable=False),
        sa.ForeignKeyConstraint(["org", "person"], ["people.org", "people.id"], name=op.f("fk_grants_org_person")),
        sa.PrimaryKeyConstraint("org", "person", "role", "team", name=op.f("pk_grants")),
    )
    op.create_table(
        "agents",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("name", Word, nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("owner", Word, nullable=True),
        sa.Column("backup_owner", Word, nullable=True),
        sa.Column("team", Word, nullable=True),
        sa.Column("high_impact", sa.Boolean(), nullable=False),
        sa.Column("classification", Word, nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("active_release", Word, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org", "backup_owner"], ["people.org", "people.id"], name=op.f("fk_agents_org_backup_owner")
        ),
        sa.ForeignKeyConstraint(["org", "owner"], ["people.org", "people.id"], name=op.f("fk_agents_org_owner")),
        sa.ForeignKeyConstraint(["org", "team"], ["teams.org", "teams.id"], name=op.f("fk_agents_org_team")),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_agents")),
    )
    op.create_index(op.f("ix_agents_org_backup_owner_id"), "agents", ["org", "backup_owner", "id"], unique=False)
    op.create_index(op.f("ix_agents_org_owner_id"), "agents", ["org", "owner", "id"], unique=False)
    op.create_index(op.f("ix_agents_org_state_id"), "agents", ["org", "state", "id"], unique=False)
    op.create_index(op.f("ix_agents_org_team_id"), "agents", ["org", "team", "id"], unique=False)
    op.create_table(
        "agent_tags",
        sa.Column("org", Word, nullable=False),
        sa.Column("tag", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_agent_tags_org_agent")),
        sa.PrimaryKeyConstraint("org", "tag", "agent", name=op.f("pk_agent_tags")),
    )
    op.create_index(op.f("ix_agent_tags_org_agent"), "agent_tags", ["org", "agent"], unique=False)
    op.create_table(
        "agent_dependencies",
        sa.Column("org", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("needs", Word, nullable=False),
        sa.ForeignKeyConstraint(
            ["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_agent_dependencies_org_agent")
        ),
        sa.PrimaryKeyConstraint("org", "agent", "kind", "needs", name=op.f("pk_agent_dependencies")),
    )
    op.create_index(
        op.f("ix_agent_dependencies_org_kind_needs"), "agent_dependencies", ["org", "kind", "needs"], unique=False
    )
    op.create_table(
        "matchers",
        sa.Column("org", Word, nullable=False),
        sa.Column("service", Word, nullable=False),
        sa.Column("telemetry_id", Word, nullable=False),
        sa.Column("telemetry_name", Word, nullable=False),
        sa.Column("identity", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_matchers_org_agent")),
        sa.PrimaryKeyConstraint(
            "org", "service", "telemetry_id", "telemetry_name", "identity", name=op.f("pk_matchers")
        ),
    )
    op.create_index(op.f("ix_matchers_org_agent"), "matchers", ["org", "agent"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("org", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("editors", Document, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_drafts_org_agent")),
        sa.PrimaryKeyConstraint("org", "agent", name=op.f("pk_drafts")),
    )
    op.create_table(
        "releases",
        sa.Column("org", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", Word, nullable=False),
        sa.Column("parts", Document, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("rollback_to", Word, nullable=True),
        sa.Column("evaluations", Document, nullable=False),
        sa.Column("editors", Document, nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("created_by", Word, nullable=False),
        sa.Column("status", Word, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.Column("decided_by", Word, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_releases_org_agent")),
        sa.PrimaryKeyConstraint("org", "agent", "id", name=op.f("pk_releases")),
        sa.UniqueConstraint("org", "agent", "number", name=op.f("uq_releases_org_agent_number")),
    )
    op.create_index(
        op.f("ix_releases_org_created_at_agent_id"), "releases", ["org", "created_at", "agent", "id"], unique=False
    )
    op.create_index(op.f("ix_releases_org_id"), "releases", ["org", "id"], unique=False)
    op.create_index(
        op.f("ix_releases_org_status_created_at_agent_id"),
        "releases",
        ["org", "status", "created_at", "agent", "id"],
        unique=False,
    )
    op.create_table(
        "parts",
        sa.Column("org", Word, nullable=False),
        sa.Column("digest", Word, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org", "digest", name=op.f("pk_parts")),
    )
    op.create_table(
        "slos",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_slos_org_agent")),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_slos")),
    )
    op.create_index(op.f("ix_slos_org_agent_id"), "slos", ["org", "agent", "id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", Word, nullable=False),
        sa.Column("org", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("name", Word, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person", Word, nullable=True),
        sa.Column("agents", Document, nullable=False),
        sa.Column("scopes", Document, nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("created_by", Word, nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("revoked_at", Utc(), nullable=True),
        sa.Column("revoked_by", Word, nullable=True),
        sa.Column("last_used_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.create_index(op.f("ix_tokens_org_id"), "tokens", ["org", "id"], unique=False)
    op.create_table(
        "answers",
        sa.Column("org", Word, nullable=False),
        sa.Column("actor", Word, nullable=False),
        sa.Column("key", Word, nullable=False),
        sa.Column("request", Word, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", Document, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("org", "actor", "key", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_created_at"), "answers", ["created_at"], unique=False)
    op.create_table(
        "versions",
        sa.Column("seq", _COUNTER, nullable=False),
        sa.Column("org", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("object", Word, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("valid_from", Utc(), nullable=False),
        sa.Column("valid_to", Utc(), nullable=True),
        sa.Column("document", Document, nullable=True),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_versions")),
        sa.UniqueConstraint("org", "kind", "object", "revision", name=op.f("uq_versions_org_kind_object_revision")),
    )
    op.create_index(op.f("ix_versions_published_seq"), "versions", ["published", "seq"], unique=False)


def downgrade() -> None:
    op.drop_table("versions")
    op.drop_table("answers")
    op.drop_table("tokens")
    op.drop_table("slos")
    op.drop_table("parts")
    op.drop_table("releases")
    op.drop_table("drafts")
    op.drop_table("matchers")
    op.drop_table("agent_dependencies")
    op.drop_table("agent_tags")
    op.drop_table("agents")
    op.drop_table("grants")
    op.drop_table("memberships")
    op.drop_table("teams")
    op.drop_table("people")
    op.drop_table("organisations")
