"""The registry's search: every word asked for begins a word of what is found."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from inventory.contract import people as wire
from inventory.db.models import Agent, Person, Release, Slo, Team, Term
from inventory.registry.errors import Unfit
from inventory.registry.objects import words

_LAST = "\U0010ffff"


def find(session: Session, org: str, text: str, limit: int, kinds: Sequence[str] = ()) -> tuple[list[wire.Found], bool]:
    """Objects by kind and id, and whether there are more. Raises Unfit when there is no word in the text."""
    asked = words(text)[:10]
    if not asked:
        raise Unfit(("query.words", "there is no word in it", "send a word, or the beginning of one"))
    # The longest word is the rarest most of the time; the others are looked up for what it finds.
    first, *others = sorted(asked, key=len, reverse=True)
    query = (
        select(Term.kind, Term.agent, Term.object)
        .where(Term.org == org, _begins(first))
        .distinct()
        .order_by(Term.kind, Term.agent, Term.object)
        .limit(limit + 1)
    )
    if kinds:
        query = query.where(Term.kind.in_(kinds))
    for word in others:
        query = _also(query, org, word)
    keys = [(kind, agent, name) for kind, agent, name in session.execute(query)]
    return _named(session, org, keys[:limit]), len(keys) > limit


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
