"""Who is told about an agent: its owner, and in their place whoever is next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.auth.roles import Role
from inventory.contract.lifecycle import PolicySpec
from inventory.db.models import Agent, Membership, Person, RoleGrant


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person with an address. `why`: what they are to the agent, for the notice."""

    person: str
    name: str
    address: str
    why: str


def chain(session: Session, agent: Agent, policy: PolicySpec) -> list[Recipient]:
    """In the order in which they are asked: owner, backup owner, team, the policy's fallback, admins. Who has left, or
    has no address, is left out.
    """
    org = agent.org
    team = session.scalars(
        select(Membership.person)
        .where(Membership.org == org, Membership.team == agent.team)
        .order_by(Membership.person)
    )
    admins = session.scalars(
        select(RoleGrant.person)
        .where(RoleGrant.org == org, RoleGrant.role == Role.ADMIN.value, RoleGrant.team == "")
        .order_by(RoleGrant.person)
    )
    asked: dict[str, str] = {}
    for why, people in (
        (f"you own {agent.id}", [agent.owner]),
        (f"you are the backup owner of {agent.id}", [agent.backup_owner]),
        (f"you are in {agent.team}, whose agent this is, and its owners can't be reached", team),
        ("nobody nearer to this agent can be reached", policy.fallback),
        ("you are an admin, and nobody nearer to this agent can be reached", admins),
    ):
        for person in people:
            if person is not None:
                asked.setdefault(person, why)
    return _reachable(session, org, asked.items())


def _reachable(session: Session, org: str, asked: Iterable[tuple[str, str]]) -> list[Recipient]:
    wanted = dict(asked)
    rows = session.scalars(select(Person).where(Person.org == org, Person.id.in_(list(wanted))))
    known = {row.id: row for row in rows}
    return [
        Recipient(person, row.name, row.email or person, why)
        for person, why in wanted.items()
        if (row := known.get(person)) is not None and row.active and "@" in (row.email or person)
    ]
