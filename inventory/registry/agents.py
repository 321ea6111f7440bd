"""Agents: registered, changed, found, made active, retired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, delete, insert, select, union
from sqlalchemy.orm import Session

from inventory.contract import agents as wire
from inventory.db.models import Agent, Dependency, Json, Person, Tag, Team
from inventory.registry import pages
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Unfit
from inventory.registry.matchers import set_matchers
from inventory.registry.objects import found, index, locked

KIND: Final = "agent"
_RESERVED: Final = ("seen",)
"""/v1/agents/seen is a list."""


@dataclass(frozen=True, slots=True)
class AgentFilters:
    """All that are given must hold. `tag`: each of them; `needs`: what it depends on, as kind:name."""

    owner: str | None = None
    team: str | None = None
    state: wire.State | None = None
    classification: wire.Classification | None = None
    high_impact: bool | None = None
    tag: Sequence[str] = ()
    needs: str | None = None
    words: str = ""


def get(session: Session, org: str, name: str) -> Agent:
    """Raises Missing."""
    return found(session, Agent, KIND, org, name)


def create(change: Change, name: str, spec: wire.AgentSpec) -> Agent:
    """Register an agent, as a draft. Raises Clash when there is one of this id, Unfit for who or what isn't known."""
    if name in _RESERVED:
        raise Unfit(("body.id", f"{name} is a word of the API", "choose another id"))
    if change.session.get(Agent, (change.org, name)) is not None:
        raise Clash(
            "This agent exists",
            f"There is an agent {name} already.",
            f"choose another id, or change it: PUT /v1/agents/{name}",
            "agent-exists",
        )
    row = Agent(
        org=change.org,
        id=name,
        state="draft",
        active_release=None,
        revision=0,
        created_at=change.at,
        updated_at=change.at,
        document={},
    )
    _fill(change, row, spec)
    change.session.add(row)
    _beside(change, row, spec)
    keep(change, row, "create", None)
    return row


def replace(change: Change, name: str, spec: wire.AgentSpec) -> Agent:
    """Change what is said of an agent. Raises Missing, Stale, Unconditional, Clash or Unfit."""
    row = locked(change.session, Agent, KIND, change.org, name)
    change.expects(KIND, name, row)
    return update(change, row, spec)


def update(change: Change, row: Agent, spec: wire.AgentSpec) -> Agent:
    """As `replace`, for a row that is locked."""
    if row.document == spec.model_dump(mode="json"):
        return row
    before = snapshot(row)
    _fill(change, row, spec)
    if row.state == "active":
        _ready(row.id, spec)
    _beside(change, row, spec)
    keep(change, row, "update", before)
    return row


def move(change: Change, name: str, state: wire.State, reason: str) -> Agent:
    """To another state. Raises Clash when that can't follow, Unfit when something that it needs isn't said."""
    row = locked(change.session, Agent, KIND, change.org, name)
    change.expects(KIND, name, row)
    return moved(change, row, state, reason)


def moved(change: Change, row: Agent, state: wire.State, reason: str) -> Agent:
    """As `move`, for a row that is locked."""
    if row.state == state:
        return row
    if row.state not in _FROM[state]:
        raise Clash(
            f"{row.id} can't become {state}",
            f"It is {row.state}.",
            f"only an agent that is {' or '.join(_FROM[state])} can",
            "state-conflict",
        )
    if state == "active":
        _ready(row.id, spec_of(row))
    before = snapshot(row)
    row.state = state
    keep(change, row, {"active": "activate", "retired": "retire", "draft": "reopen"}.get(state, state), before, reason)
    return row


_FROM: Final[dict[str, tuple[str, ...]]] = {
    "active": ("draft", "disabled"),
    "disabled": ("active",),
    "retired": ("draft", "active", "disabled"),
    "draft": ("retired",),
}


def listed(
    session: Session, org: str, filters: AgentFilters, limit: int, cursor: str | None
) -> tuple[Sequence[Agent], str | None]:
    """A page by id, and the cursor of the next. Raises Unfit for a cursor of something else."""
    of = ["agents", org, repr(filters)]
    asked = _filtered(select(Agent).where(Agent.org == org), org, filters)
    return pages.by(session, asked, Agent.id, of, limit, cursor)


def indexed(session: Session, row: Agent) -> None:
    """Let it be found by what is said of it."""
    spec = spec_of(row)
    texts = (row.id, spec.name, spec.purpose, spec.owner, spec.team, *spec.tags, *spec.tools.read, *spec.tools.write)
    index(session, row.org, KIND, row.id, row.id, texts)


def used_by(session: Session, org: str, name: str) -> list[str]:
    """Agents that depend on it. Raises Missing."""
    get(session, org, name)
    asked = select(Dependency.agent).where(Dependency.org == org, Dependency.kind == "agent", Dependency.needs == name)
    return list(session.scalars(asked.order_by(Dependency.agent)))


def spec_of(row: Agent) -> wire.AgentSpec:
    return wire.AgentSpec.model_validate(row.document)


def snapshot(row: Agent) -> Json:
    """What is kept of it in the audit log and the versions."""
    return {"id": row.id, "state": row.state, "active_release": row.active_release, "spec": row.document}


def _filtered(asked: Select[Agent], org: str, filters: AgentFilters) -> Select[Agent]:
    if filters.owner is not None:
        # Two look-ups in two indexes: asked with OR, SQLite walks all agents.
        owned = select(Agent.id).where(Agent.org == org, Agent.owner == filters.owner)
        backed = select(Agent.id).where(Agent.org == org, Agent.backup_owner == filters.owner)
        asked = asked.where(Agent.id.in_(union(owned, backed)))
    for column, value in (
        (Agent.team, filters.team),
        (Agent.state, filters.state),
        (Agent.classification, filters.classification),
        (Agent.high_impact, filters.high_impact),
    ):
        if value is not None:
            asked = asked.where(column == value)
    for tag in filters.tag:
        asked = asked.where(Agent.id.in_(select(Tag.agent).where(Tag.org == org, Tag.tag == tag)))
    if filters.needs is not None:
        kind, _, needs = filters.needs.partition(":")
        asked = asked.where(
            Agent.id.in_(
                select(Dependency.agent).where(
                    Dependency.org == org, Dependency.kind == kind, Dependency.needs == needs
                )
            )
        )
    return asked


def _fill(change: Change, row: Agent, spec: wire.AgentSpec) -> None:
    _known(change.session, change.org, spec)
    row.document = spec.model_dump(mode="json")
    row.name = spec.name
    row.owner, row.backup_owner, row.team = spec.owner, spec.backup_owner, spec.team
    row.high_impact, row.classification = spec.high_impact, spec.classification


def _known(session: Session, org: str, spec: wire.AgentSpec) -> None:
    """People must be active and teams there: who isn't can't answer for an agent."""
    wrong: list[tuple[str, str, str]] = []
    for field, person in (("owner", spec.owner), ("backup_owner", spec.backup_owner)):
        if person is None:
            continue
        row = session.get(Person, (org, person))
        if row is None:
            wrong.append((f"body.spec.{field}", f"{person} is not known", f"add them first: PUT /v1/people/{person}"))
        elif not row.active:
            wrong.append((f"body.spec.{field}", f"{person} is no longer active", "name somebody who is"))
    if spec.team is not None and session.get(Team, (org, spec.team)) is None:
        wrong.append(("body.spec.team", f"there is no team {spec.team}", f"add it first: PUT /v1/teams/{spec.team}"))
    if wrong:
        raise Unfit(*wrong)


def _ready(name: str, spec: wire.AgentSpec) -> None:
    """What an active agent can't be without: somebody to ask, what to do, and whom to wake."""
    missing = [
        (f"body.spec.{field}", f"{name} has none, and is active with one only", f"say the {word} of {name}")
        for field, word, value in (
            ("owner", "owner", spec.owner),
            ("runbook", "runbook's URL", spec.runbook),
            ("pager", "pager alias", spec.pager),
        )
        if not value
    ]
    if missing:
        raise Unfit(*missing)


def _beside(change: Change, row: Agent, spec: wire.AgentSpec) -> None:
    """The tables by which an agent is found."""
    session, org = change.session, change.org
    session.flush()
    set_matchers(change, row, spec.matchers)
    for table, rows in (
        (Tag, [{"org": org, "tag": tag, "agent": row.id} for tag in spec.tags]),
        (
            Dependency,
            [{"org": org, "agent": row.id, "kind": one.kind, "needs": one.needs} for one in spec.dependencies],
        ),
    ):
        session.execute(delete(table).where(table.org == org, table.agent == row.id))
        if rows:
            session.execute(insert(table), rows)
    indexed(session, row)


def keep(change: Change, row: Agent, action: str, before: Json | None, reason: str = "") -> None:
    """Another revision: its version, and the entry in the audit log."""
    row.revision += 1
    row.updated_at = change.at
    after: dict[str, Any] = snapshot(row)
    change.version(KIND, row.id, row.revision, after)
    change.record(action, KIND, row.id, before, {**after, "reason": reason} if reason else after)
