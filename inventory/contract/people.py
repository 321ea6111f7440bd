"""The wire of people, teams, organisations and tokens, and of what is said of changes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inventory.auth.policy import Scope
from inventory.auth.roles import Role
from inventory.contract import Moment, Wire
from inventory.contract.words import Flag, Given, Maybe, Name, Number, PersonId, Slug

TokenKind = Literal["person", "agent", "service", "gateway"]


class PersonSpec(Given):
    """Somebody who can own agents and decide. Who is no longer `active` keeps what they did, and can do nothing."""

    name: Name
    email: Annotated[Maybe, Field(description="Where notices go", examples=["alice@example.org"])] = ""
    active: Flag = True


class Person(Wire):
    id: PersonId
    revision: int
    spec: PersonSpec
    teams: list[str]
    created_at: Moment
    updated_at: Moment


class PersonPage(Wire):
    people: list[Person]
    next: str | None = None


class TeamSpec(Given):
    name: Name
    members: Annotated[list[PersonId], Field(max_length=1000)] = []


class Team(Wire):
    id: Slug
    revision: int
    spec: TeamSpec
    created_at: Moment
    updated_at: Moment


class TeamPage(Wire):
    teams: list[Team]
    next: str | None = None


class RoleGiven(Given):
    """A role, in the whole organisation or for what is one team's."""

    role: Role
    team: Slug | None = None


class Roles(Given):
    """All roles that a person has here; what an identity provider's groups give comes on top."""

    roles: Annotated[list[RoleGiven], Field(max_length=50)]


class OrganisationSpec(Given):
    name: Name


class NewOrganisation(Given):
    id: Slug
    name: Name


class Organisation(Wire):
    id: Slug
    name: str
    created_at: Moment


class Organisations(Wire):
    organisations: list[Organisation]


class NewToken(Given):
    """A token for a machine (agent, service or gateway), or for a person's scripts. It never does more than its kind
    allows, and `scopes` narrow that.
    """

    kind: TokenKind
    name: Annotated[Name, Field(examples=["nightly export"])]
    agents: Annotated[
        list[Slug], Field(max_length=100, description="One for an agent's token, one or more for a service's")
    ] = []
    person: Annotated[PersonId | None, Field(description="Whose token it is; kind person only")] = None
    scopes: Annotated[list[Scope], Field(max_length=30, description="Empty: all that the kind allows")] = []
    days: Annotated[Number, Field(ge=1, le=366, description="Until it expires")] = 90

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.kind == "person") != (self.person is not None):
            raise ValueError("person is given for a token of kind person, and for no other")
        most = {"person": 0, "gateway": 0, "agent": 1, "service": 100}[self.kind]
        least = {"agent": 1, "service": 1}.get(self.kind, 0)
        if not least <= len(set(self.agents)) <= most:
            raise ValueError("agents: one for an agent's token, one or more for a service's, none for others")
        return self


class Token(Wire):
    """A token, without the token. `last_used_at` is exact to a minute."""

    id: str
    kind: TokenKind
    name: str
    agents: list[str]
    person: str | None
    scopes: list[str]
    created_at: Moment
    created_by: str
    expires_at: Moment
    revoked_at: Moment | None
    suspended_at: Annotated[Moment | None, Field(description="Its agent is disabled; it may be given back")] = None
    last_used_at: Moment | None


class IssuedToken(Wire):
    """The only time that `secret` is shown."""

    secret: Annotated[str, Field(examples=["muster_…"])]
    token: Token


class TokenPage(Wire):
    tokens: list[Token]
    next: str | None = None


class Me(Wire):
    """Who asks, and what they may."""

    org: str
    actor: str
    kind: str
    person: str | None
    roles: list[RoleGiven]
    teams: list[str]
    agents: list[str]
    scopes: Annotated[dict[str, str], Field(description="Scope → all, teams, own or agents")]


class AuditEntry(Wire):
    """Who did what to what. `before` and `after` are what the object was."""

    seq: int
    at: Moment
    actor: str
    action: str
    kind: str
    object: str
    before: Any
    after: Any
    request_id: str
    previous: str
    hash: str


class AuditPage(Wire):
    entries: list[AuditEntry]
    next: str | None = None


class AuditBreak(Wire):
    seq: int
    reason: str


class AuditVerdict(Wire):
    """What a walk over the whole chain found, compared with the heads that were signed and kept outside."""

    intact: bool
    entries: int
    head: str
    head_seq: int
    anchors: int
    last_anchored: int | None
    breaks: list[AuditBreak]


class Found(Wire):
    """Something whose words were asked for."""

    kind: Literal["agent", "release", "slo", "person", "team"]
    id: str
    agent: str | None
    name: str
    state: str


class FoundPage(Wire):
    found: list[Found]
    truncated: Annotated[bool, Field(description="There is more: ask with more words")] = False


class Change(Wire):
    """One step of a plan: what would become of an object. Members are those that differ."""

    kind: Literal["person", "team", "agent", "slo"]
    id: str
    action: Literal["create", "update", "retire"]
    members: list[str]
    before: Any
    after: Any


class Plan(Wire):
    """What `apply` would do. `fingerprint` is of the registry it was made for: applied to another, it is refused."""

    changes: list[Change]
    unchanged: int
    fingerprint: str
