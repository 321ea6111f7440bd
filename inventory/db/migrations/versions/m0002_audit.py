"""The audit chain, which the database refuses to change, and the log of content reads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.db.types import Utc, Word

revision = "0002"
down_revision = "0001"

_REFUSAL = "the audit log is append-only"
_GUARDS = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS audit_refuses_{event} BEFORE {event.upper()} ON audit "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for event in ("update", "delete")
    ],
    "postgresql": [
        f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
        "CREATE OR REPLACE TRIGGER audit_refuses_change BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "CREATE OR REPLACE TRIGGER audit_refuses_truncate BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
    ],
}


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("org", Word, nullable=False),
        sa.Column("actor", Word, nullable=False),
        sa.Column("action", Word, nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("object", Word, nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("request_id", Word, nullable=False),
        sa.Column("previous", Word, nullable=False),
        sa.Column("hash", Word, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit")),
        if_not_exists=True,
    )
    op.create_index(op.f("ix_audit_org_actor_seq"), "audit", ["org", "actor", "seq"], unique=False, if_not_exists=True)
    op.create_index(
        op.f("ix_audit_org_kind_object_seq"),
        "audit",
        ["org", "kind", "object", "seq"],
        unique=False,
        if_not_exists=True,
    )
    op.create_index(op.f("ix_audit_org_seq"), "audit", ["org", "seq"], unique=False, if_not_exists=True)
    op.create_table(
        "read_segments",
        sa.Column("process", Word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first_at", Utc(), nullable=False),
        sa.Column("last_at", Utc(), nullable=False),
        sa.Column("reads", sa.Text(), nullable=False),
        sa.Column("previous", Word, nullable=False),
        sa.Column("hash", Word, nullable=False),
        sa.Column("signature", Word, nullable=False),
        sa.PrimaryKeyConstraint("process", "number", name=op.f("pk_read_segments")),
        if_not_exists=True,
    )
    op.create_index(op.f("ix_read_segments_first_at"), "read_segments", ["first_at"], unique=False, if_not_exists=True)
    for statement in _GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Nothing: these are evidence. An older version leaves them alone, and a newer one goes on with them."""
