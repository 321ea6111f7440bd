"""Whose telemetry it is: the matcher that says the most wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Final, NamedTuple

from sqlalchemy import select
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


class Matchers:
    """All matchers of an organisation, ready to be asked."""

    def __init__(self, agents: Mapping[Telemetry, str]) -> None:
        self._agents = agents
        sets = {tuple(name for name, value in matcher._asdict().items() if value) for matcher in agents}
        self._order = [fields for fields in _ORDER if fields in sets]

    @classmethod
    def of(cls, session: Session, org: str) -> Matchers:
        rows = session.scalars(select(Matcher).where(Matcher.org == org))
        return cls({telemetry_of(row): row.agent for row in rows})

    def agent(self, seen: Telemetry) -> str | None:
        """The registered agent whose it is; None: nobody's."""
        for fields in self._order:
            found = self._agents.get(_only(seen, fields))
            if found is not None:
                return found
        return None


def telemetry_of(row: Matcher) -> Telemetry:
    return Telemetry(row.service, row.telemetry_id, row.telemetry_name, row.identity)


def wider(matcher: Telemetry) -> list[Telemetry]:
    """Matchers that hold wherever this one does, and say less: telemetry is taken from them."""
    given = [name for name, value in matcher._asdict().items() if value]
    return [_only(matcher, fields) for size in range(1, len(given)) for fields in combinations(given, size)]


def _only(seen: Telemetry, fields: Iterable[str]) -> Telemetry:
    kept = set(fields)
    return Telemetry(*(value if name in kept else "" for name, value in seen._asdict().items()))
