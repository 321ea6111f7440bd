"""Policies, cases and what was done, who was told, who acts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from inventory.db.types import Document, Utc, Word

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("tokens", sa.Column("suspended_at", Utc(), nullable=True))
    op.create_table(
        "policies",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_policies")),
    )
    op.create_table(
        "leases",
        sa.Column("name", Word, nullable=False),
        sa.Column("holder", Word, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "job_runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", Word, nullable=False),
        sa.Column("holder", Word, nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("due_at", Utc(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("outcome", Word, nullable=False),
        sa.Column("summary", Document, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
    )
    op.create_index(op.f("ix_job_runs_name_id"), "job_runs", ["name", "id"], unique=False)
    op.create_table(
        "scheduler_jobs",
        sa.Column("id", sa.Unicode(length=191), nullable=False),
        sa.Column("next_run_time", sa.Float(precision=25), nullable=True),
        sa.Column("job_state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduler_jobs")),
    )
    op.create_index(op.f("ix_scheduler_jobs_next_run_time"), "scheduler_jobs", ["next_run_time"], unique=False)
    op.create_table(
        "switches",
        sa.Column("org", Word, nullable=False),
        sa.Column("enforcement", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", Word, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("org", name=op.f("pk_switches")),
    )
    op.create_table(
        "activity_reports",
        sa.Column("org", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("source", Word, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("reported_at", Utc(), nullable=False),
        sa.Column("reported_by", Word, nullable=False),
        sa.ForeignKeyConstraint(
            ["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_activity_reports_org_agent")
        ),
        sa.PrimaryKeyConstraint("org", "agent", "source", name=op.f("pk_activity_reports")),
    )
    op.create_table(
        "cases",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("reason", Word, nullable=False),
        sa.Column("open_key", Word, nullable=True),
        sa.Column("policy", Word, nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("entered_at", Utc(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("last_action", Word, nullable=False),
        sa.Column("last_action_at", Utc(), nullable=False),
        sa.Column("next_action", Word, nullable=True),
        sa.Column("next_action_at", Utc(), nullable=True),
        sa.Column("blocked", sa.Text(), nullable=False),
        sa.Column("locked", Word, nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("snoozes", sa.Integer(), nullable=False),
        sa.Column("snoozed_until", Utc(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("ordered", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", Utc(), nullable=True),
        sa.Column("undo_until", Utc(), nullable=True),
        sa.Column("escalated_at", Utc(), nullable=True),
        sa.Column("plan_hash", Word, nullable=False),
        sa.Column("facts", Document, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_cases_org_agent")),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_cases")),
        sa.UniqueConstraint("org", "open_key", name=op.f("uq_cases_org_open_key")),
    )
    op.create_index(op.f("ix_cases_org_agent_id"), "cases", ["org", "agent", "id"], unique=False)
    op.create_index(op.f("ix_cases_org_state_id"), "cases", ["org", "state", "id"], unique=False)
    op.create_table(
        "clearances",
        sa.Column("org", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("reason", Word, nullable=False),
        sa.Column("given_at", Utc(), nullable=False),
        sa.Column("kind", Word, nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.Column("by", Word, nullable=False),
        sa.Column("approved_by", Word, nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["org", "agent"], ["agents.org", "agents.id"], name=op.f("fk_clearances_org_agent")),
        sa.PrimaryKeyConstraint("org", "agent", "reason", "given_at", name=op.f("pk_clearances")),
    )
    op.create_index(op.f("ix_clearances_org_until"), "clearances", ["org", "until"], unique=False)
    op.create_table(
        "case_events",
        sa.Column("org", Word, nullable=False),
        sa.Column("case", Word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("actor", Word, nullable=False),
        sa.Column("action", Word, nullable=False),
        sa.Column("before", Word, nullable=False),
        sa.Column("after", Word, nullable=False),
        sa.Column("details", Document, nullable=False),
        sa.ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"], name=op.f("fk_case_events_org_case")),
        sa.PrimaryKeyConstraint("org", "case", "number", name=op.f("pk_case_events")),
    )
    op.create_table(
        "case_requests",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("case", Word, nullable=False),
        sa.Column("action", Word, nullable=False),
        sa.Column("plan_hash", Word, nullable=False),
        sa.Column("requested_by", Word, nullable=False),
        sa.Column("requested_at", Utc(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("decided_by", Word, nullable=True),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"], name=op.f("fk_case_requests_org_case")),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_case_requests")),
    )
    op.create_index(op.f("ix_case_requests_org_case"), "case_requests", ["org", "case"], unique=False)
    op.create_table(
        "case_steps",
        sa.Column("org", Word, nullable=False),
        sa.Column("case", Word, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("stage", Word, nullable=False),
        sa.Column("connector", Word, nullable=False),
        sa.Column("target", Word, nullable=False),
        sa.Column("what", Word, nullable=False),
        sa.Column("plan", Document, nullable=False),
        sa.Column("undo", Document, nullable=True),
        sa.Column("key", Word, nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("result", Document, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("done_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"], name=op.f("fk_case_steps_org_case")),
        sa.PrimaryKeyConstraint("org", "case", "number", name=op.f("pk_case_steps")),
    )
    op.create_table(
        "notices",
        sa.Column("org", Word, nullable=False),
        sa.Column("id", Word, nullable=False),
        sa.Column("case", Word, nullable=False),
        sa.Column("agent", Word, nullable=False),
        sa.Column("stage", Word, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("recipient", Word, nullable=False),
        sa.Column("address", Word, nullable=False),
        sa.Column("channel", Word, nullable=False),
        sa.Column("state", Word, nullable=False),
        sa.Column("message", Word, nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("used_at", Utc(), nullable=True),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("try_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(["org", "case"], ["cases.org", "cases.id"], name=op.f("fk_notices_org_case")),
        sa.PrimaryKeyConstraint("org", "id", name=op.f("pk_notices")),
        sa.UniqueConstraint("digest", name=op.f("uq_notices_digest")),
    )
    op.create_index(op.f("ix_notices_message"), "notices", ["message"], unique=False)
    op.create_index(op.f("ix_notices_org_case"), "notices", ["org", "case"], unique=False)
    op.create_index(op.f("ix_notices_state_try_at"), "notices", ["state", "try_at"], unique=False)


def downgrade() -> None:
    for table in (
        "notices",
        "case_steps",
        "case_requests",
        "case_events",
        "clearances",
        "cases",
        "activity_reports",
        "switches",
        "scheduler_jobs",
        "job_runs",
        "leases",
        "policies",
    ):
        op.drop_table(table)
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("suspended_at")
