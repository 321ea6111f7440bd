"""Routes of people, teams, roles, organisations, and of who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import select

from inventory import problems
from inventory.auth.caller import Kind
from inventory.auth.policy import Scope, reach
from inventory.contract import people as wire
from inventory.contract.words import PERSON, SLUG
from inventory.db.models import Organisation, Person, Team
from inventory.registry import people
from inventory.registry.change import Change, Registry
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheAsking, TheCaller, post, tag

PersonPath = Annotated[str, Path(pattern=PERSON, description="The person's id", examples=["alice@example.org"])]
TeamPath = Annotated[str, Path(pattern=SLUG, description="The team's id", examples=["support"])]


class PeopleQuery(PageQuery):
    active: bool | None = None


def people_routes(registry: Registry) -> APIRouter:
    routes = APIRouter(tags=["people"])

    @routes.get("/v1/me", summary="Who asks", responses=problems.responses(401, 429, 503))
    def get_me(caller: TheCaller) -> wire.Me:
        """Who the credentials are, and what they may do."""
        scopes = {}
        for scope in Scope:
            held = reach(caller, scope)
            if held:
                named = (("all", held.everything), ("teams", held.teams), ("own", held.owner), ("agents", held.agents))
                scopes[scope.value] = ",".join(name for name, there in named if there)
        return wire.Me(
            org=caller.org,
            actor=caller.actor,
            kind=caller.kind.value,
            person=caller.person,
            roles=[wire.RoleGiven(role=one.role, team=one.team) for one in caller.grants],
            teams=sorted(caller.teams),
            agents=sorted(caller.agents),
            scopes=scopes,
        )

    @routes.get("/v1/people", summary="List people", responses=problems.responses(*problems.READS))
    def list_people(caller: TheCaller, query: Annotated[PeopleQuery, Query()]) -> wire.PersonPage:
        """By id; follow `next` for more."""
        with registry.reading() as session:
            rows, cursor = people.people(session, caller.org, query.limit, query.cursor, active=query.active)
            teams = people.teams_of(session, caller.org, [row.id for row in rows])
            return wire.PersonPage(people=[person(row, teams[row.id]) for row in rows], next=cursor)

    @routes.get("/v1/people/{person_id}", summary="One person", responses=problems.responses(*problems.READS))
    def get_person(caller: TheCaller, person_id: PersonPath, response: Response) -> wire.Person:
        """With the teams they are in."""
        with registry.reading() as session:
            row = people.person(session, caller.org, person_id)
            tag(response, row.revision)
            return person(row, people.teams_of(session, caller.org, [row.id])[row.id])

    @routes.put(
        "/v1/people/{person_id}",
        summary="Add or change a person",
        responses={201: {"model": wire.Person, "description": "It is new"}, **problems.responses(*problems.CHANGES)},
    )
    def put_person(asking: TheAsking, person_id: PersonPath, spec: wire.PersonSpec, response: Response) -> wire.Person:
        """Nobody is deleted: who left is no longer `active`. For somebody who is there, `If-Match` is needed."""
        with registry.changing(asking) as change:
            row, new = people.put_person(change, person_id, spec)
            response.status_code = 201 if new else 200
            tag(response, row.revision)
            return person(row, people.teams_of(change.session, change.org, [row.id])[row.id])

    @routes.get(
        "/v1/people/{person_id}/roles", summary="Somebody's roles", responses=problems.responses(*problems.READS)
    )
    def get_roles(caller: TheCaller, person_id: PersonPath, response: Response) -> wire.Roles:
        """What they were given here. What an identity provider's groups give comes on top."""
        with registry.reading() as session:
            tag(response, people.person(session, caller.org, person_id).revision)
            return people.roles_of(session, caller.org, person_id)

    @routes.put("/v1/people/{person_id}/roles", summary="Give roles", responses=problems.responses(*problems.CHANGES))
    def put_roles(asking: TheAsking, person_id: PersonPath, roles: wire.Roles, response: Response) -> wire.Roles:
        """All roles that they have here. `If-Match` names the person's revision."""
        with registry.changing(asking) as change:
            given = people.put_roles(change, person_id, roles)
            tag(response, people.person(change.session, change.org, person_id).revision)
            return given

    @routes.get("/v1/teams", summary="List teams", responses=problems.responses(*problems.READS))
    def list_teams(caller: TheCaller, query: Annotated[PageQuery, Query()]) -> wire.TeamPage:
        """By id, with their members; follow `next` for more."""
        with registry.reading() as session:
            rows, cursor = people.teams(session, caller.org, query.limit, query.cursor)
            return wire.TeamPage(teams=[team(row, people.team_spec(session, row)) for row in rows], next=cursor)

    @routes.get("/v1/teams/{team_id}", summary="One team", responses=problems.responses(*problems.READS))
    def get_team(caller: TheCaller, team_id: TeamPath, response: Response) -> wire.Team:
        """With its members."""
        with registry.reading() as session:
            row = people.team(session, caller.org, team_id)
            tag(response, row.revision)
            return team(row, people.team_spec(session, row))

    @routes.put(
        "/v1/teams/{team_id}",
        summary="Add or change a team",
        responses={201: {"model": wire.Team, "description": "It is new"}, **problems.responses(*problems.CHANGES)},
    )
    def put_team(asking: TheAsking, team_id: TeamPath, spec: wire.TeamSpec, response: Response) -> wire.Team:
        """With all its members. For a team that is there, `If-Match` is needed."""
        with registry.changing(asking) as change:
            row, new = people.put_team(change, team_id, spec)
            response.status_code = 201 if new else 200
            tag(response, row.revision)
            return team(row, people.team_spec(change.session, row))

    @routes.delete(
        "/v1/teams/{team_id}", summary="Remove a team", status_code=204, responses=problems.responses(*problems.CHANGES)
    )
    def delete_team(asking: TheAsking, team_id: TeamPath) -> None:
        """Only one that has no agents and no roles. `If-Match` names its revision."""
        with registry.changing(asking) as change:
            people.delete_team(change, team_id)

    @routes.get("/v1/organisations", summary="Organisations", responses=problems.responses(401, 403, 429, 503))
    def list_organisations(caller: TheCaller) -> wire.Organisations:
        """All of them for the local admin, one's own for others."""
        asked = select(Organisation).order_by(Organisation.id)
        if caller.kind is not Kind.LOCAL:
            asked = asked.where(Organisation.id == caller.org)
        with registry.reading() as session:
            return wire.Organisations(organisations=[organisation(row) for row in session.scalars(asked)])

    @routes.post(
        "/v1/organisations",
        summary="Add an organisation",
        status_code=201,
        response_model=wire.Organisation,
        responses=problems.responses(401, 403, 409, 422, 429, 503),
    )
    def add_organisation(asking: TheAsking, new: wire.NewOrganisation) -> Response:
        """What belongs to one organisation is seen by nobody of another."""

        def act(change: Change) -> tuple[wire.Organisation, dict[str, str]]:
            return organisation(people.create_organisation(change, new.id, new.name)), {}

        return post(registry, asking, new, act)

    return routes


def person(row: Person, teams: list[str]) -> wire.Person:
    return wire.Person(
        id=row.id,
        revision=row.revision,
        spec=people.person_spec(row),
        teams=teams,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def team(row: Team, spec: wire.TeamSpec) -> wire.Team:
    return wire.Team(id=row.id, revision=row.revision, spec=spec, created_at=row.created_at, updated_at=row.updated_at)


def organisation(row: Organisation) -> wire.Organisation:
    return wire.Organisation(id=row.id, name=row.name, created_at=row.created_at)
