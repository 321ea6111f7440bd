"""Approvals: what agents ask for before they act."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.db.types import Document, Utc, Word

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tool", Word, nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("arguments_digest", Word, nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("shown_digest", Word, nullable=False),
        sa.Column("requester", Word, nullable=False),
        sa.Column("requested_by", Word, nullable=False),
        sa.Column("requested_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("approvers", Document, nullable=False),
        sa.Column("policy_id", Word, nullable=False),
        sa.Column("policy_version", Word, nullable=False),
        sa.Column("verdict", Word, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("mode", Word, nullable=False),
        sa.Column("enforced", Word, nullable=False),
        sa.Column("good_for_minutes", sa.Integer(), nullable=False),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.Column("decided_by", Word, nullable=True),
        sa.Column("approver", Word, nullable=True),
        sa.Column("override", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_arguments", sa.Text(), nullable=True),
        sa.Column("allowed_digest", Word, nullable=True),
        sa.Column("good_until", Utc(), nullable=True),
        sa.Column("trace_id", Word, nullable=False),
        sa.Column("span_id", Word, nullable=False),
        sa.Column("tool_call_id", Word, nullable=False),
        sa.Column("task_id", Word, nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_approvals_org_agent")),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_approvals")),
    )
    for columns in (["org", "state", "expires_at"], ["org", "requested_at", "id"], ["org", "trace_id"]):
        name = op.f(f"ix_approvals_{'_'.join(columns)}")
        op.create_index(name, "approvals", columns, unique=False)


def downgrade() -> None:
    op.drop_table("approvals")
