"""Whose telemetry it is: the matcher that says the most wins."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import combinations
from typing import Final, NamedTuple

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from inventory.db.models import Matcher


class Telemetry(NamedTuple):
    """What telemetry says of who it is, and who sent it as the collector verified; empty: nothing."""

    service: str
    agent_id: str
    agent_name: str
    identity: str


# Of as many fields the one wins that is harder to say by mistake.
_WEIGHT: Final = {"identity": 8, "agent_id": 4, "agent_name": 2, "service": 1}
_ORDER: Final = [
    fields
    for size in (4, 3, 2, 1)
    for fields in sorted(combinations(Telemetry._fields, size), key=lambda names: -sum(_WEIGHT[name] for name in names))
]
"""Sets of fields, the most telling first. Two matchers of the same set that both hold are one."""

_KEY: Final = (Matcher.service, Matcher.telemetry_id, Matcher.telemetry_name, Matcher.identity)
"""In the order of `Telemetry`."""
_AT_ONCE: Final = 500


class Matchers:
    """All matchers of an organisation, ready to be asked."""

    def __init__(self, agents: Mapping[Telemetry, str]) -> None:
        self._agents = agents
        sets = {tuple(name for name, value in matcher._asdict().items() if value) for matcher in agents}
        self._order = [fields for fields in _ORDER if fields in sets]

    @classmethod
    def of(cls, session: Session, org: str) -> Matchers:
        """All of them."""
        rows = session.execute(select(*_KEY, Matcher.agent).where(Matcher.org == org))
        return cls({Telemetry(*fields): agent for *fields, agent in rows})

    @classmethod
    def among(cls, session: Session, org: str, seen: Iterable[Telemetry]) -> Matchers:
        """Those that hold for any of this telemetry."""
        wanted = {matcher for one in seen for matcher in (one, *wider(one))}
        return cls({telemetry_of(matcher): matcher.agent for matcher in held(session, org, wanted)})

    def agent(self, seen: Telemetry) -> str | None:
        """The registered agent whose it is; None: nobody's."""
        for fields in self._order:
            found = self._agents.get(_only(seen, fields))
            if found is not None:
                return found
        return None


def telemetry_of(row: Matcher) -> Telemetry:
    return Telemetry(row.service, row.telemetry_id, row.telemetry_name, row.identity)


def held(session: Session, org: str, matchers: Collection[Telemetry]) -> list[Matcher]:
    """Which of these are somebody's."""
    wanted = [tuple(one) for one in sorted(matchers)]
    found: list[Matcher] = []
    for at in range(0, len(wanted), _AT_ONCE):
        key = tuple_(*_KEY).in_(wanted[at : at + _AT_ONCE])
        found += session.scalars(select(Matcher).where(Matcher.org == org, key))
    return found


def wider(matcher: Telemetry) -> list[Telemetry]:
    """Matchers that hold wherever this one does, and say less: telemetry is taken from them."""
    given = [name for name, value in matcher._asdict().items() if value]
    return [_only(matcher, fields) for size in range(1, len(given)) for fields in combinations(given, size)]


def _only(seen: Telemetry, fields: Iterable[str]) -> Telemetry:
    kept = set(fields)
    return Telemetry(*(value if name in kept else "" for name, value in seen._asdict().items()))
