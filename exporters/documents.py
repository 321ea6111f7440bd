"""What the registry says of an agent, for its package: the entry, releases with their parts, cases, retention."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from exporters import holds, schemas
from exporters.bag import line, written
from exporters.engine import Engine
from exporters.tables import SOURCES, Chosen
from inventory.db import cases
from inventory.db.approvals import Approval
from inventory.db.models import Agent, Base, Part, Release, Version
from inventory.db.records import Package, RecordSchedule

_SECRET: Final = frozenset({"digest", "open_key"})
"""Of rows, what isn't for a record: what a link's token was, what keeps cases apart."""


def made(session: Session, engine: Engine, package: Package, chosen: Chosen | None) -> dict[str, bytes]:
    """Path and content of each. They are made once for a package."""
    org, agent, until = package.org, package.agent, package.cutoff
    assert until is not None
    row = session.get_one(Agent, (org, agent))
    entry = {
        "id": agent,
        "at": until.isoformat(),
        "entry": {**row.document, "state": row.state, "revision": row.revision, "active_release": row.active_release},
        "history": [
            {
                "revision": one.revision, "from": one.valid_from.isoformat(),
                "to": one.valid_to.isoformat() if one.valid_to else None, "document": one.document,
            }
            for one in _versions(session, org, "agent", agent, until)
        ],
    }  # fmt: skip
    files = {
        "data/agent.json": written(entry),
        "data/findings.jsonl": b"".join(line(one) for one in (engine.findings(chosen) if chosen else ())),
        "data/approvals_on_record.jsonl": b"".join(line(_plain(one)) for one in _approvals(session, package)),
        "data/lifecycle.jsonl": b"".join(line(one) for one in _cases(session, org, agent)),
        "data/retention.json": written(_retention(session, engine, package)),
        "data/redactions.json": written({"rules": engine.redactions(chosen) if chosen else []}),
    }
    for release in session.scalars(
        select(Release)
        .where(Release.org == org, Release.agent == agent, Release.created_at <= until)
        .order_by(Release.number)
    ):
        name = release.id.removeprefix("sha256:")[:16]
        files[f"data/releases/{name}.json"] = written(_release(session, release))
    told = {name: schemas.DOCUMENTS[name] for name in schemas.DOCUMENTS}
    for source in SOURCES:
        told[source.name] = schemas.of_rows(source.table, engine.columns(source.table))
    for name, schema in told.items():
        files[f"data/schemas/{name}.schema.json"] = written(schema)
    files["data/schemas/chain.schema.json"] = written(schemas.CHAIN)
    return files


def _versions(session: Session, org: str, kind: str, name: str, until: datetime) -> Iterable[Version]:
    asked = select(Version).where(
        Version.org == org, Version.kind == kind, Version.object == name, Version.valid_from <= until
    )
    return session.scalars(asked.order_by(Version.revision))


def _release(session: Session, row: Release) -> dict[str, Any]:
    parts = []
    for part in row.parts:
        kept = session.get(Part, (row.org, part["digest"]))
        parts.append({**part, "content": None if kept is None else kept.content.decode()})
    return {**_plain(row), "id": row.id, "parts": parts}


def _approvals(session: Session, package: Package) -> Iterable[Approval]:
    """What the agent asked for in the package's time, and what people said."""
    first, last = (datetime.combine(day, datetime.min.time(), UTC) for day in (package.starts, package.ends))
    asked = select(Approval).where(
        Approval.org == package.org, Approval.agent == package.agent, Approval.requested_at >= first,
        Approval.requested_at < last,
    )  # fmt: skip
    return session.scalars(asked.order_by(Approval.requested_at, Approval.id))


def _cases(session: Session, org: str, agent: str) -> Iterable[dict[str, Any]]:
    asked = select(cases.Case).where(cases.Case.org == org, cases.Case.agent == agent).order_by(cases.Case.opened_at)
    for case in session.scalars(asked):
        yield {
            "case": _plain(case),
            **{
                name: [
                    _plain(row)
                    for row in session.scalars(
                        select(table)
                        .where(table.org == org, table.case == case.id)
                        .order_by(*table.__table__.primary_key)
                    )
                ]
                for name, table in (
                    ("events", cases.CaseEvent), ("steps", cases.CaseStep),
                    ("notices", cases.Notice), ("requests", cases.CaseRequest),
                )
            },
        }  # fmt: skip


def _retention(session: Session, engine: Engine, package: Package) -> dict[str, Any]:
    schedule = None
    if package.schedule is not None:
        row = session.get_one(RecordSchedule, (package.org, package.schedule))
        schedule = {"id": row.id, "version": package.schedule_version, "document": row.document}
    assert package.cutoff is not None
    return {
        "schedule": schedule,
        "disposition": package.disposition,
        "mode": package.mode,
        "locked_until": package.locked_until.isoformat() if package.locked_until else None,
        "cutoff": package.cutoff.isoformat(),
        "holds": [_plain(one) for one in holds.over(session, engine.store, package)],
    }


def _plain(row: Base) -> dict[str, Any]:
    """A row as JSON has it."""
    return {
        column.key: _value(getattr(row, column.key)) for column in row.__table__.columns if column.key not in _SECRET
    }


def _value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
