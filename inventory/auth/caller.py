"""Who asks, and how far what they may do reaches."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from inventory.auth.roles import Grant


class Kind(StrEnum):
    """How somebody is known."""

    PERSON = "person"
    AGENT = "agent"
    SERVICE = "service"
    GATEWAY = "gateway"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who has proved who they are. `scopes`: what a token was narrowed to; None: all that its holder may."""

    org: str
    actor: str
    """As the audit log names them: person:alice@example.org, token:tok_…, local:admin."""
    kind: Kind
    person: str | None = None
    grants: tuple[Grant, ...] = ()
    agents: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    teams: frozenset[str] = field(default=frozenset())
    """Teams the person is in."""
    issuer: str | None = None
    """Who issued the token that speaks for the person: they have seen it, and may be who really asks."""


@dataclass(frozen=True, slots=True)
class Reach:
    """For what a caller may do a thing: everything, what belongs to teams, what they own, or agents by name."""

    everything: bool = False
    teams: frozenset[str] = frozenset()
    owner: str | None = None
    agents: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.teams) or self.owner is not None or bool(self.agents)

    def covers(self, agent: str, *, owners: tuple[str | None, ...], team: str | None) -> bool:
        """Whether an agent with these owners and this team is within it."""
        return (
            self.everything
            or agent in self.agents
            or (team is not None and team in self.teams)
            or (self.owner is not None and self.owner in owners)
        )
