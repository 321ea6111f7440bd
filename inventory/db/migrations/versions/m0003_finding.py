"""What is searched by words, and what discovery found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.db.types import Document, Utc, Word

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "terms",
        sa.Column("org", Word, nullable=False),
        sa.Column("term", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("object", Word, nullable=False),
        sa.PrimaryKeyConstraint("org", "term", "kind", "agent", "object", name=op.f("pk_terms")),
    )
    op.create_index(
        op.f("ix_terms_org_kind_agent_object_term"), "terms", ["org", "kind", "agent", "object", "term"], unique=False
    )
    op.create_table(
        "discoveries",
        sa.Column("org", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("subject", Word, nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("outcome", Word, nullable=False),
        sa.Column("details", Document, nullable=False),
        sa.PrimaryKeyConstraint("org", "kind", "subject", "opened_at", name=op.f("pk_discoveries")),
    )
    op.create_index(op.f("ix_discoveries_org_closed_at"), "discoveries", ["org", "closed_at"], unique=False)


def downgrade() -> None:
    op.drop_table("discoveries")
    op.drop_table("terms")
