"""Alembic's entry: it gets its connection from `inventory.db.migrate`."""

from __future__ import annotations

from alembic import context

from inventory.db import approvals, cases, findings, records  # noqa: F401 (their tables are Base's too)
from inventory.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by making it anew
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
