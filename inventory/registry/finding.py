"""The registry's search: every word asked for begins a word of what is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from inventory.contract import people as wire
from inventory.db.models import Agent, Person, Release, Slo, Team, Term
from inventory.registry import agents, people, releases, slos
from inventory.registry.errors import Unfit
from inventory.registry.objects import words

_COUNTED = 5_000
_LAST = "\U0010ffff"


def find(session: Session, org: str, text: str, limit: int, kinds: Sequence[str] = ()) -> tuple[list[wire.Found], bool]:
    """Objects by kind and id, and whether there are more. Raises Unfit when there is no word in the text."""
    asked = words(text)[:10]
    if not asked:
        raise Unfit(("query.words", "there is no word in it", "send a word, or the beginning of one"))
    counts = {word: _how_many(session, org, word) for word in asked} if len(asked) > 1 else {asked[0]: 0}
    first, *others = sorted(asked, key=lambda word: counts[word])
    if counts[first] < _COUNTED:
        # What has the rarest word, and of that what has the others.
        query = select(Term.kind, Term.agent, Term.object).where(Term.org == org, _begins(first)).distinct()
    else:
        # All are common: object by object until a page is full.
        query = _also(select(Term.kind, Term.agent, Term.object).where(Term.org == org).distinct(), org, first)
    query = query.order_by(Term.kind, Term.agent, Term.object).limit(limit + 1)
    if kinds:
        query = query.where(Term.kind.in_(kinds))
    for word in others:
        query = _also(query, org, word)
    keys = [(kind, agent, name) for kind, agent, name in session.execute(query)]
    return _named(session, org, keys[:limit]), len(keys) > limit


def rebuild(session: Session) -> int:
    """Index every object anew, after a step of the tables that lost the index: how many."""
    count = 0
    each: list[tuple[Any, Callable[[Session, Any], None]]] = [
        (Agent, agents.indexed),
        (Release, releases.indexed),
        (Person, people.person_indexed),
        (Team, people.team_indexed),
        (Slo, slos.indexed),
    ]
    for table, indexed in each:
        for row in session.scalars(select(table).execution_options(yield_per=1000)):
            indexed(session, row)
            count += 1
    return count


def empty(session: Session) -> bool:
    """Whether nothing is indexed, though there are agents or people."""
    there = session.scalar(select(Person.id).limit(1)) or session.scalar(select(Agent.id).limit(1))
    return there is not None and session.scalar(select(Term.term).limit(1)) is None


def _how_many(session: Session, org: str, word: str) -> int:
    """Objects that have a word which begins so; `_COUNTED` means that many or more."""
    some = select(Term.term).where(Term.org == org, _begins(word)).limit(_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _begins(word: str) -> ColumnElement[bool]:
    return and_(Term.term >= word, Term.term < word + _LAST)


def _also(query: Select[str, str, str], org: str, word: str) -> Select[str, str, str]:
    other = Term.__table__.alias()
    return query.where(
        select(1)
        .where(
            other.c.org == org,
            other.c.kind == Term.kind,
            other.c.agent == Term.agent,
            other.c.object == Term.object,
            other.c.term >= word,
            other.c.term < word + _LAST,
        )
        .exists()
    )


def _named(session: Session, org: str, keys: Sequence[tuple[str, str, str]]) -> list[wire.Found]:
    """With what a person wants to read beside the id."""
    ids = {kind: [name for of, _, name in keys if of == kind] for kind, _, _ in keys}
    said: dict[tuple[str, str, str], tuple[str, str]] = {}
    if "agent" in ids:
        for row in session.scalars(select(Agent).where(Agent.org == org, Agent.id.in_(ids["agent"]))):
            said["agent", row.id, row.id] = row.name, row.state
    if "release" in ids:
        for release in session.scalars(select(Release).where(Release.org == org, Release.id.in_(ids["release"]))):
            name = release.version or f"number {release.number}"
            said["release", release.agent, release.id] = name, release.status
    if "slo" in ids:
        for slo in session.scalars(select(Slo).where(Slo.org == org, Slo.id.in_(ids["slo"]))):
            said["slo", slo.agent, slo.id] = str(slo.document.get("display_name") or slo.id), ""
    if "person" in ids:
        for person in session.scalars(select(Person).where(Person.org == org, Person.id.in_(ids["person"]))):
            said["person", "", person.id] = person.name, "active" if person.active else "gone"
    if "team" in ids:
        for team in session.scalars(select(Team).where(Team.org == org, Team.id.in_(ids["team"]))):
            said["team", "", team.id] = team.name, ""
    return [
        wire.Found.model_validate(
            {"kind": kind, "id": name, "agent": agent or None, "name": said[key][0], "state": said[key][1]}
        )
        for key in keys
        if key in said
        for kind, agent, name in [key]
    ]
