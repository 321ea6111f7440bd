"""Schedules, packages and their files, holds, dispositions, what is to be done to packages, keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.db.types import Document, Utc, Word

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "record_holds",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("number", Word, nullable=False),
        sa.Column("scope", Word, nullable=False),
        sa.Column("object", Word, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", Word, nullable=False),
        sa.Column("placed_at", Utc(), nullable=False),
        sa.Column("released_by", Word, nullable=True),
        sa.Column("released_at", Utc(), nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_record_holds")),
    )
    op.create_index(
        op.f("ix_record_holds_org_released_at_scope_object"),
        "record_holds",
        ["org", "released_at", "scope", "object"],
        unique=False,
    )
    op.create_table(
        "record_keys",
        sa.Column("fingerprint", Word, nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("until", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_record_keys")),
    )
    op.create_table(
        "record_schedules",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_record_schedules")),
    )
    op.create_table(
        "record_packages",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("starts", sa.Date(), nullable=False),
        sa.Column("ends", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", Word, nullable=True),
        sa.Column("state", Word, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("try_at", Utc(), nullable=True),
        sa.Column("snapshot", Word, nullable=False),
        sa.Column("cutoff", Utc(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("prefix", Word, nullable=False),
        sa.Column("plan", Document, nullable=False),
        sa.Column("schedule", Word, nullable=True),
        sa.Column("schedule_version", sa.Integer(), nullable=True),
        sa.Column("disposition", Word, nullable=False),
        sa.Column("mode", Word, nullable=False),
        sa.Column("locked_until", Utc(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("manifest_sha256", Word, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("fingerprint", Word, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows_expected", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("requested_by", Word, nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("committed_at", Utc(), nullable=True),
        sa.Column("verified_at", Utc(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("disposed_at", Utc(), nullable=True),
        sa.Column("certificate", Document, nullable=True),
        sa.Column("restored", Word, nullable=False),
        sa.ForeignKeyConstraint(
            ["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_record_packages_org_agent")
        ),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_record_packages")),
        sa.UniqueConstraint(
            "org", "agent", "starts", "number", name=op.f("uq_record_packages_org_agent_starts_number")
        ),
        sa.UniqueConstraint("org", "key", name=op.f("uq_record_packages_org_key")),
        sa.UniqueConstraint("org", "sequence", name=op.f("uq_record_packages_org_sequence")),
    )
    op.create_index(op.f("ix_record_packages_org_agent_id"), "record_packages", ["org", "agent", "id"], unique=False)
    op.create_index(op.f("ix_record_packages_org_state_id"), "record_packages", ["org", "state", "id"], unique=False)
    op.create_table(
        "record_dispositions",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("package", Word, nullable=False),
        sa.Column("manifest_sha256", Word, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", Word, nullable=False),
        sa.Column("requested_at", Utc(), nullable=False),
        sa.Column("decided_by", Word, nullable=True),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org", "package"],
            ["record_packages.org", "record_packages.id"],
            name=op.f("fk_record_dispositions_org_package"),
        ),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_record_dispositions")),
    )
    op.create_index(op.f("ix_record_dispositions_org_package"), "record_dispositions", ["org", "package"], unique=False)
    op.create_table(
        "record_files",
        sa.Column("org", Word, nullable=False),
        sa.Column("package", Word, nullable=False),
        sa.Column("path", Word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source", Word, nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("state", Word, nullable=False),
        sa.Column("sha256", Word, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("upload", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org", "package"], ["record_packages.org", "record_packages.id"], name=op.f("fk_record_files_org_package")
        ),
        sa.PrimaryKeyConstraint("org", "package", "path", name=op.f("pk_record_files")),
    )
    op.create_table(
        "record_works",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("package", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("by", Word, nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("try_at", Utc(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("holder", Word, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("progress", Document, nullable=False),
        sa.Column("result", Document, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org", "package"], ["record_packages.org", "record_packages.id"], name=op.f("fk_record_works_org_package")
        ),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_record_works")),
    )
    op.create_index(op.f("ix_record_works_org_package"), "record_works", ["org", "package"], unique=False)
    op.create_index(op.f("ix_record_works_state_try_at"), "record_works", ["state", "try_at"], unique=False)


def downgrade() -> None:
    for table in (
        "record_works",
        "record_files",
        "record_dispositions",
        "record_packages",
        "record_schedules",
        "record_keys",
        "record_holds",
    ):
        op.drop_table(table)
