"""People, teams, roles and organisations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from inventory.auth.roles import Grant, Role
from inventory.contract import people as wire
from inventory.db.models import Agent, Json, Membership, Organisation, Person, RoleGrant, Team
from inventory.registry import pages
from inventory.registry.change import Change, newest_revision
from inventory.registry.errors import Clash, Unfit
from inventory.registry.objects import found, index

PERSON: Final = "person"
TEAM: Final = "team"


def person(session: Session, org: str, name: str) -> Person:
    """Raises Missing."""
    return found(session, Person, PERSON, org, name)


def team(session: Session, org: str, name: str) -> Team:
    """Raises Missing."""
    return found(session, Team, TEAM, org, name)


def put_person(change: Change, name: str, spec: wire.PersonSpec) -> tuple[Person, bool]:
    """Add or change somebody: them, and whether they are new. Raises Stale or Unconditional."""
    row = change.session.get(Person, (change.org, name), with_for_update=True)
    change.expects(PERSON, name, row)
    return set_person(change, row, name, spec)


def set_person(change: Change, row: Person | None, name: str, spec: wire.PersonSpec) -> tuple[Person, bool]:
    """As `put_person`, for a row that is locked or isn't there."""
    new = row is None
    before = None if row is None else person_spec(row).model_dump(mode="json")
    after = spec.model_dump(mode="json")
    if row is not None and before == after:
        return row, False
    if row is None:
        revision = newest_revision(change.session, change.org, PERSON, name)
        row = Person(org=change.org, id=name, created_at=change.at, revision=revision)
        change.session.add(row)
    row.name, row.email, row.active = spec.name, spec.email, spec.active
    row.revision, row.updated_at = row.revision + 1, change.at
    change.session.flush()
    person_indexed(change.session, row)
    change.version(PERSON, name, row.revision, after)
    change.record("create" if new else "update", PERSON, name, before, after)
    return row, new


def put_team(change: Change, name: str, spec: wire.TeamSpec) -> tuple[Team, bool]:
    """Add or change a team: it, and whether it is new. Raises Stale, Unconditional or Unfit."""
    row = change.session.get(Team, (change.org, name), with_for_update=True)
    change.expects(TEAM, name, row)
    return set_team(change, row, name, spec)


def set_team(change: Change, row: Team | None, name: str, spec: wire.TeamSpec) -> tuple[Team, bool]:
    """As `put_team`, for a row that is locked or isn't there."""
    session, org = change.session, change.org
    known = set(session.scalars(select(Person.id).where(Person.org == org, Person.id.in_(spec.members))))
    unknown = sorted(set(spec.members) - known)
    if unknown:
        raise Unfit(("body.members", f"not known: {', '.join(unknown)}", "add them first: PUT /v1/people/{id}"))
    new = row is None
    before = None if row is None else team_spec(session, row).model_dump(mode="json")
    after = wire.TeamSpec(name=spec.name, members=sorted(known)).model_dump(mode="json")
    if row is not None and before == after:
        return row, False
    if row is None:
        row = Team(org=org, id=name, created_at=change.at, revision=newest_revision(session, org, TEAM, name))
        session.add(row)
    row.name = spec.name
    row.revision, row.updated_at = row.revision + 1, change.at
    session.flush()
    session.execute(delete(Membership).where(Membership.org == org, Membership.team == name))
    if known:
        session.execute(insert(Membership), [{"org": org, "team": name, "person": one} for one in sorted(known)])
    team_indexed(session, row)
    change.version(TEAM, name, row.revision, after)
    change.record("create" if new else "update", TEAM, name, before, after)
    return row, new


def delete_team(change: Change, name: str) -> None:
    """Raises Missing, Stale, Unconditional; Clash while agents or roles are its."""
    row = team(change.session, change.org, name)
    change.expects(TEAM, name, row)
    held = change.session.scalar(
        select(Agent.id).where(Agent.org == change.org, Agent.team == name).order_by(Agent.id).limit(1)
    )
    if held is not None:
        raise Clash(
            f"Team {name} has agents", f"{held} is one of them.", "give them to another team first", "team-in-use"
        )
    given = change.session.scalar(
        select(RoleGrant.person).where(RoleGrant.org == change.org, RoleGrant.team == name).limit(1)
    )
    if given is not None:
        raise Clash(f"Team {name} has roles", f"{given} has one for it.", "take those roles away first", "team-in-use")
    before = team_spec(change.session, row).model_dump(mode="json")
    change.session.execute(delete(Membership).where(Membership.org == change.org, Membership.team == name))
    change.session.delete(row)
    index(change.session, change.org, TEAM, "", name, ())
    change.version(TEAM, name, row.revision + 1, None)
    change.record("delete", TEAM, name, before, None)


def put_roles(change: Change, name: str, roles: wire.Roles) -> wire.Roles:
    """All the roles that somebody has here. Raises Missing; Unfit for a team that isn't; Stale, Unconditional."""
    row = found(change.session, Person, PERSON, change.org, name)
    change.expects(PERSON, name, row)
    before = roles_of(change.session, change.org, name)
    wanted = sorted({(one.role.value, one.team or "") for one in roles.roles})
    for _, team_name in wanted:
        if team_name and change.session.get(Team, (change.org, team_name)) is None:
            raise Unfit(("body.roles", f"there is no team {team_name}", "add it first, or leave the team out"))
    change.session.execute(delete(RoleGrant).where(RoleGrant.org == change.org, RoleGrant.person == name))
    if wanted:
        change.session.execute(
            insert(RoleGrant),
            [{"org": change.org, "person": name, "role": role, "team": team_name} for role, team_name in wanted],
        )
    after = roles_of(change.session, change.org, name)
    if after != before:
        row.revision, row.updated_at = row.revision + 1, change.at
        change.version(PERSON, name, row.revision, person_spec(row).model_dump(mode="json"))
        change.record("roles", PERSON, name, before.model_dump(mode="json"), after.model_dump(mode="json"))
    return after


def roles_of(session: Session, org: str, name: str) -> wire.Roles:
    return wire.Roles(
        roles=[wire.RoleGiven(role=grant.role, team=grant.team) for grant in grants_of(session, org, name)]
    )


def grants_of(session: Session, org: str, name: str) -> tuple[Grant, ...]:
    """What somebody was given here, in one order."""
    rows = session.scalars(
        select(RoleGrant).where(RoleGrant.org == org, RoleGrant.person == name).order_by(RoleGrant.role, RoleGrant.team)
    )
    return tuple(Grant(Role(row.role), org, row.team or None) for row in rows)


def teams_of(session: Session, org: str, people: Sequence[str]) -> Mapping[str, list[str]]:
    """The teams that each of them is in."""
    teams: dict[str, list[str]] = {name: [] for name in people}
    rows = session.execute(
        select(Membership.person, Membership.team)
        .where(Membership.org == org, Membership.person.in_(people))
        .order_by(Membership.team)
    )
    for name, team_name in rows:
        teams[name].append(team_name)
    return teams


def person_indexed(session: Session, row: Person) -> None:
    """Let them be found by id, name and address."""
    index(session, row.org, PERSON, "", row.id, (row.id, row.name, row.email))


def team_indexed(session: Session, row: Team) -> None:
    """Let it be found by id and name."""
    index(session, row.org, TEAM, "", row.id, (row.id, row.name))


def people(
    session: Session, org: str, limit: int, cursor: str | None, *, active: bool | None = None
) -> tuple[Sequence[Person], str | None]:
    """A page by id, and the cursor of the next."""
    of = ["people", org, active]
    asked = select(Person).where(Person.org == org)
    if active is not None:
        asked = asked.where(Person.active == active)
    return pages.by(session, asked, Person.id, of, limit, cursor)


def teams(session: Session, org: str, limit: int, cursor: str | None) -> tuple[Sequence[Team], str | None]:
    """A page by id, and the cursor of the next."""
    return pages.by(session, select(Team).where(Team.org == org), Team.id, ["teams", org], limit, cursor)


def person_spec(row: Person) -> wire.PersonSpec:
    return wire.PersonSpec(name=row.name, email=row.email, active=row.active)


def team_spec(session: Session, row: Team) -> wire.TeamSpec:
    members = session.scalars(
        select(Membership.person)
        .where(Membership.org == row.org, Membership.team == row.id)
        .order_by(Membership.person)
    )
    return wire.TeamSpec(name=row.name, members=list(members))


def organisations(session: Session) -> list[str]:
    """Ids of all that there are, by name."""
    return sorted({"default", *session.scalars(select(Organisation.id))})


def create_organisation(change: Change, name: str, title: str) -> Organisation:
    """Raises Clash when there is one of this id."""
    if change.session.get(Organisation, name) is not None:
        raise Clash(
            "This organisation exists", f"There is one of id {name}.", "choose another id", "organisation-exists"
        )
    row = Organisation(id=name, name=title, created_at=change.at)
    change.session.add(row)
    after: Json = {"id": name, "name": title}
    change.record("create", "organisation", name, None, after)
    return row
