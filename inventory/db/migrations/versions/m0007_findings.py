"""Findings: what stands, its history, and how far it was looked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.db.types import Document, Utc, Word

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "findings",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("finding", Word, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("severity", Word, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("open_key", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("traces", Document, nullable=False),
        sa.Column("details", Document, nullable=False),
        sa.Column("recurrence", sa.Integer(), nullable=False),
        sa.Column("accepted_until", Utc(), nullable=True),
        sa.Column("accepted_by", Word, nullable=True),
        sa.Column("accepted_reason", sa.Text(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("outcome", Word, nullable=False),
        sa.Column("case", Word, nullable=True),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_findings")),
        sa.UniqueConstraint("org", "open_key", name=op.f("uq_findings_org_open_key")),
    )
    for columns in (["org", "state", "rank", "last_at"], ["org", "agent"]):
        op.create_index(op.f(f"ix_findings_{'_'.join(columns)}"), "findings", columns, unique=False)
    op.create_table(
        "finding_events",
        sa.Column("org", Word, nullable=False),
        sa.Column("finding", Word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("what", Word, nullable=False),
        sa.Column("by", Word, nullable=False),
        sa.Column("details", Document, nullable=False),
        sa.PrimaryKeyConstraint("org", "finding", "number", name=op.f("pk_finding_events")),
    )
    op.create_table(
        "finding_progress",
        sa.Column("org", Word, nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("looked_at", Utc(), nullable=False),
        sa.Column("traces", sa.BigInteger(), nullable=False),
        sa.Column("seconds", Document, nullable=False),
        sa.PrimaryKeyConstraint("org", name=op.f("pk_finding_progress")),
    )


def downgrade() -> None:
    for table in ("finding_progress", "finding_events", "findings"):
        op.drop_table(table)
