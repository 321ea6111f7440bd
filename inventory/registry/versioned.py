"""Data that is changed as a whole, in versions: policies and schedules."""

from __future__ import annotations

from typing import Any, TypeVar

from inventory.db.cases import Policy
from inventory.db.records import RecordSchedule
from inventory.registry.change import Change, newest_revision

_Row = TypeVar("_Row", Policy, RecordSchedule)


def put(change: Change, table: type[_Row], kind: str, name: str, document: dict[str, Any]) -> tuple[_Row, bool]:
    """Add or change one: it, and whether it is new; the same again is no version. Raises Stale or Unconditional."""
    session, org = change.session, change.org
    row = session.get(table, (org, name), with_for_update=True)
    change.expects(kind, name, row)
    if row is not None and row.document == document:
        return row, False
    before, new = None if row is None else row.document, row is None
    if row is None:
        row = table(org=org, id=name, created_at=change.at, revision=newest_revision(session, org, kind, name))
        session.add(row)
    row.document, row.revision, row.updated_at = document, row.revision + 1, change.at
    session.flush()
    change.version(kind, name, row.revision, document)
    change.record("create" if new else "update", kind, name, before, document)
    return row, new
