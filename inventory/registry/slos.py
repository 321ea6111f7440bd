"""Objectives in the registry: kept as definitions, given and shown as OpenSLO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.db.models import Agent, Slo
from inventory.registry import agents, pages
from inventory.registry.change import Change, newest_revision
from inventory.registry.errors import Unfit
from inventory.registry.objects import found, index, locked
from inventory.slos import definition, openslo

KIND: Final = "slo"


def parsed(document: dict[str, Any], name: str | None = None, at: str = "body") -> definition.Slo:
    """A document of kind SLO. Raises Unfit for what can't be meant, or can never fire."""
    return _alone(_unfit(lambda: openslo.read_documents([document]), at), name, at)


def read(text: str) -> list[definition.Slo]:
    """All objectives of a YAML text. Raises Unfit."""
    return _unfit(lambda: openslo.read(text), "body.text")


def get(session: Session, org: str, name: str) -> Slo:
    """Raises Missing."""
    return found(session, Slo, KIND, org, name)


def put(change: Change, slo: definition.Slo) -> tuple[Slo, bool]:
    """Add or change one: it, and whether it is new. Raises Stale, Unconditional or Unfit."""
    row = change.session.get(Slo, (change.org, slo.id), with_for_update=True)
    change.expects(KIND, slo.id, row)
    return set_slo(change, row, slo)


def set_slo(change: Change, row: Slo | None, slo: definition.Slo) -> tuple[Slo, bool]:
    """As `put`, for a row that is locked or isn't there."""
    session, org = change.session, change.org
    if session.get(Agent, (org, slo.agent)) is None:
        raise Unfit(("body.spec.service", f"there is no agent {slo.agent}", "name the agent whose objective it is"))
    document, new = slo.model_dump(mode="json"), row is None
    if row is not None and row.document == document:
        return row, False
    before = None if row is None else row.document
    if row is None:
        row = Slo(org=org, id=slo.id, created_at=change.at, revision=newest_revision(session, org, KIND, slo.id))
        session.add(row)
    row.agent, row.document = slo.agent, document
    row.revision, row.updated_at = row.revision + 1, change.at
    session.flush()
    indexed(session, row)
    change.version(KIND, slo.id, row.revision, document)
    change.record("create" if new else "update", KIND, slo.id, before, document)
    return row, new


def delete(change: Change, name: str) -> None:
    """Raises Missing, Stale or Unconditional."""
    row = locked(change.session, Slo, KIND, change.org, name)
    change.expects(KIND, name, row)
    index(change.session, change.org, KIND, row.agent, name, ())
    change.version(KIND, name, row.revision + 1, None)
    change.record("delete", KIND, name, row.document, None)
    change.session.delete(row)


def listed(
    session: Session, org: str, limit: int, cursor: str | None, agent: str | None = None
) -> tuple[Sequence[Slo], str | None]:
    """A page by id, and the cursor of the next."""
    of = ["slos", org, agent]
    asked = select(Slo).where(Slo.org == org)
    if agent is not None:
        agents.get(session, org, agent)
        asked = asked.where(Slo.agent == agent)
    return pages.by(session, asked, Slo.id, of, limit, cursor)


def indexed(session: Session, row: Slo) -> None:
    """Let it be found by id, agent, name and indicator."""
    slo = definition_of(row)
    index(session, row.org, KIND, row.agent, row.id, (slo.id, slo.agent, slo.display_name, slo.indicator))


def definition_of(row: Slo) -> definition.Slo:
    return definition.Slo.model_validate(row.document)


def openslo_of(row: Slo) -> dict[str, Any]:
    return openslo.document(definition_of(row))


def _unfit(read: Any, at: str) -> list[definition.Slo]:
    try:
        slos: list[definition.Slo] = read()
    except openslo.SloError as error:
        raise Unfit(
            *((f"{at}.{place}".rstrip("."), message, remedy) for place, message, remedy in error.problems)
        ) from None
    return slos


def _alone(slos: Sequence[definition.Slo], name: str | None, at: str) -> definition.Slo:
    if name is not None and slos[0].id != name:
        raise Unfit((f"{at}.metadata.name", f"it is not {name}", f"say {name}, or put it under its own id"))
    return slos[0]
