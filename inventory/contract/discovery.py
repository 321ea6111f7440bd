"""The wire of discovery: where registry and telemetry differ."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inventory.contract import Moment, Wire
from inventory.contract.agents import AgentSpec, Matcher
from inventory.contract.words import Given, Slug


class Discovered(Wire):
    """shadow: telemetry of no registered agent; ghost: an agent without telemetry; duplicate: agents that are told the
    same, or call the same tools for the same service; orphan: an agent without an owner who is here.
    """

    kind: Literal["shadow", "ghost", "duplicate", "orphan"]
    subject: Annotated[str, Field(description="A key of telemetry, an agent, or agents joined by +")]
    opened_at: Moment
    seen_at: Moment
    closed_at: Moment | None
    outcome: str
    details: dict[str, Any]


class Discoveries(Wire):
    """What is open as of now, or what was closed."""

    as_of: Moment
    found: list[Discovered]


class Claim(Given):
    """Telemetry is an agent's: of one that is registered, or of a new one, for which `spec` is given. It applies to all
    that was ever received.
    """

    agent: Slug
    matcher: Matcher
    spec: AgentSpec | None = None

    @model_validator(mode="after")
    def _once(self) -> Self:
        if self.spec is not None and self.spec.matchers:
            raise ValueError("spec.matchers: leave them out, the claim's matcher is the new agent's")
        return self


class Claimed(Wire):
    """`keys`: how many kinds of telemetry have changed hands; null: the engine is told in a few seconds."""

    agent: Slug
    revision: int
    created: bool
    keys: int | None
