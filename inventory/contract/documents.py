"""The wire of the registry as files: each document is one object, whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from inventory.contract import Wire
from inventory.contract.agents import AgentSpec
from inventory.contract.people import PersonSpec, TeamSpec
from inventory.contract.words import Flag, Given, PersonId, Slug


class PersonDocument(Given):
    kind: Literal["person"]
    id: PersonId
    spec: PersonSpec


class TeamDocument(Given):
    kind: Literal["team"]
    id: Slug
    spec: TeamSpec


class AgentDocument(Given):
    """`state`: left as it is, if it isn't given; a new agent is a draft then."""

    kind: Literal["agent"]
    id: Slug
    state: Literal["draft", "active", "retired"] | None = None
    spec: AgentSpec


class SloDocument(Given):
    """`openslo` is a document of OpenSLO v1, of kind SLO, as an object."""

    kind: Literal["slo"]
    id: Slug
    openslo: dict[str, Any]


Document = Annotated[PersonDocument | TeamDocument | AgentDocument | SloDocument, Field(discriminator="kind")]


class Documents(Given):
    """Objects as they are to be. What isn't among them stays as it is; `retire`: agents that aren't are retired."""

    documents: Annotated[list[Document], Field(max_length=20_000)]
    retire: Flag = False


class Applying(Documents):
    """What a plan was made of, and the plan's fingerprint."""

    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Exported(Wire):
    """A page of the registry; `next` is the cursor of the following page."""

    documents: list[Document]
    next: str | None = None
