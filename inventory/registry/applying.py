"""The registry as files: a plan of what would become of it, then all of that, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.canonical import canonical, sha256
from inventory.contract import documents as wire
from inventory.contract import people as people_wire
from inventory.db.models import Agent, Person, Slo, Team
from inventory.registry import agents, people, slos
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Unfit

# What is named must be there when who names it is checked.
ORDER: Final = ("person", "team", "agent", "slo")
Written = wire.PersonDocument | wire.TeamDocument | wire.AgentDocument | wire.SloDocument


@dataclass(frozen=True, slots=True)
class _Step:
    shown: people_wire.Change | None
    """None: it is as it should be."""
    seen: tuple[str, str, int]
    """Kind, id and revision of what is there now: what the fingerprint is made of."""
    run: Callable[[Change], Any] = lambda change: None


def plan(session: Session, org: str, wanted: wire.Documents) -> people_wire.Plan:
    """What would change. Raises Unfit for documents that can't be."""
    steps = _steps(session, org, wanted)
    changes = [step.shown for step in steps if step.shown is not None]
    return people_wire.Plan(
        changes=changes,
        unchanged=len(steps) - len(changes),
        fingerprint=_fingerprint(org, wanted, steps),
    )


def apply(change: Change, wanted: wire.Applying) -> people_wire.Plan:
    """Do what the plan with this fingerprint said. Raises Clash when the registry is another by now; what each object
    may raise.
    """
    steps = _steps(change.session, change.org, wanted)
    if _fingerprint(change.org, wanted, steps) != wanted.fingerprint:
        raise Clash(
            "The plan is out of date",
            "The registry, or the documents, are not what the plan was made of.",
            "make the plan again, look at it, and apply that one",
            "stale-plan",
        )
    done = [step.shown for step in steps if step.shown is not None]
    for step in steps:
        step.run(change)
    return people_wire.Plan(changes=done, unchanged=len(steps) - len(done), fingerprint=wanted.fingerprint)


def exported(session: Session, org: str, last: Sequence[str] | None, limit: int) -> list[Written]:
    """Objects as documents after the one with this kind and id, in the order in which they can be applied."""
    found: list[Written] = []
    for place, (kind, (table, write)) in enumerate(_WRITTEN.items()):
        if (last is not None and place < ORDER.index(last[0])) or len(found) == limit:
            continue
        asked = select(table).where(table.org == org).order_by(table.id).limit(limit - len(found))
        if last is not None and kind == last[0]:
            asked = asked.where(table.id > last[1])
        found += [write(session, row) for row in session.scalars(asked)]
    return found


def _steps(session: Session, org: str, wanted: wire.Documents) -> list[_Step]:
    given = sorted(wanted.documents, key=lambda document: (ORDER.index(document.kind), document.id))
    twice = [one for one, count in Counter((document.kind, document.id) for document in given).items() if count > 1]
    if twice:
        said = ", ".join(f"{kind} {name}" for kind, name in sorted(twice))
        raise Unfit(("body.documents", f"more than one document for {said}", "keep one of each"))
    there = _there(session, org, given)
    steps = [_step(session, document, there.get((document.kind, document.id))) for document in given]
    return steps + (_retirements(session, org, given) if wanted.retire else [])


def _there(session: Session, org: str, given: Sequence[Written]) -> dict[tuple[str, str], Any]:
    """Rows of what is written, asked for once a kind."""
    found: dict[tuple[str, str], Any] = {}
    for kind, (table, _) in _WRITTEN.items():
        ids = [document.id for document in given if document.kind == kind]
        for start in range(0, len(ids), 500):
            rows = session.scalars(select(table).where(table.org == org, table.id.in_(ids[start : start + 500])))
            found.update({(kind, row.id): row for row in rows})
    return found


def _step(session: Session, document: Written, row: Any) -> _Step:
    before, after, run = _states(session, document, row)
    seen = (document.kind, document.id, row.revision if row is not None else 0)
    if before == after:
        return _Step(None, seen)
    members = sorted(name for name in {*(before or {}), *after} if (before or {}).get(name) != after.get(name))
    action: Literal["create", "update"] = "create" if row is None else "update"
    shown = people_wire.Change(
        kind=document.kind, id=document.id, action=action, members=members, before=before, after=after
    )
    return _Step(shown, seen, run)


def _states(session: Session, document: Written, row: Any) -> tuple[Any, dict[str, Any], Callable[[Change], Any]]:
    """What it is (None: it isn't), what it is to be, and how it becomes that."""
    name = document.id
    match document:
        case wire.PersonDocument(spec=spec):
            before = None if row is None else people.person_spec(row).model_dump(mode="json")
            return before, spec.model_dump(mode="json"), lambda change: people.set_person(change, row, name, spec)
        case wire.TeamDocument(spec=spec):
            team = None if row is None else people.team_spec(session, row).model_dump(mode="json")
            after = {**spec.model_dump(mode="json"), "members": sorted(set(spec.members))}
            return team, after, lambda change: people.set_team(change, row, name, spec)
        case wire.SloDocument(openslo=openslo):
            slo = slos.parsed(openslo, name, f"body.documents.{name}.openslo")
            before = None if row is None else row.document
            return before, slo.model_dump(mode="json"), lambda change: slos.set_slo(change, row, slo)
        case wire.AgentDocument():
            state = document.state or ("draft" if row is None else row.state)
            agent = None if row is None else {"state": row.state, **row.document}
            return (
                agent,
                {"state": state, **document.spec.model_dump(mode="json")},
                lambda change: _agent(change, document, row),
            )


def _agent(change: Change, document: wire.AgentDocument, row: Agent | None) -> None:
    if row is None:
        row = agents.create(change, document.id, document.spec)
    else:
        if row.state == "retired" and document.state not in (None, "retired"):
            row = agents.moved(change, row, "draft", "")
        row = agents.update(change, row, document.spec)
    if document.state is not None:
        agents.moved(change, row, document.state, "")


def _retirements(session: Session, org: str, given: Iterable[Written]) -> list[_Step]:
    named = {document.id for document in given if document.kind == "agent"}
    rows = session.scalars(select(Agent).where(Agent.org == org, Agent.state != "retired").order_by(Agent.id))
    return [_retirement(row) for row in rows if row.id not in named]


def _retirement(row: Agent) -> _Step:
    shown = people_wire.Change(
        kind="agent", id=row.id, action="retire", members=["state"],
        before={"state": row.state}, after={"state": "retired"},
    )  # fmt: skip
    return _Step(
        shown, ("agent", row.id, row.revision), lambda change: agents.moved(change, row, "retired", "not in the files")
    )


def _fingerprint(org: str, wanted: wire.Documents, steps: Sequence[_Step]) -> str:
    written = [document.model_dump(mode="json") for document in wanted.documents]
    return sha256(canonical([org, wanted.retire, written, [list(step.seen) for step in steps]]))


def _person_document(session: Session, row: Person) -> Written:
    return wire.PersonDocument(kind="person", id=row.id, spec=people.person_spec(row))


def _team_document(session: Session, row: Team) -> Written:
    return wire.TeamDocument(kind="team", id=row.id, spec=people.team_spec(session, row))


def _agent_document(session: Session, row: Agent) -> Written:
    state: Any = None if row.state == "disabled" else row.state
    return wire.AgentDocument(kind="agent", id=row.id, state=state, spec=agents.spec_of(row))


def _slo_document(session: Session, row: Slo) -> Written:
    return wire.SloDocument(kind="slo", id=row.id, openslo=slos.openslo_of(row))


_WRITTEN: Final[dict[str, tuple[Any, Callable[[Session, Any], Written]]]] = {
    "person": (Person, _person_document),
    "team": (Team, _team_document),
    "agent": (Agent, _agent_document),
    "slo": (Slo, _slo_document),
}
