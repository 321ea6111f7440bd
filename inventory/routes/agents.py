"""Routes of agents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from inventory import problems
from inventory.auth.policy import Scope, reach
from inventory.contract import agents as wire
from inventory.contract.words import SLUG, Label, Maybe, PersonId, Slug
from inventory.db.models import Agent
from inventory.registry import agents
from inventory.registry.change import Change, Registry
from inventory.routes.door import TheAsking, TheCaller, check_agent, post, refused, tag

AgentPath = Annotated[str, Path(pattern=SLUG, description="The agent's id", examples=["support-drafter"])]
CursorQuery = Annotated[str | None, Field(max_length=1000, description="`next` of the page before")]
Limit = Annotated[int, Field(ge=1, le=500)]


class PageQuery(BaseModel):
    """Of a list. A parameter that doesn't exist is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = 50
    cursor: CursorQuery = None


class AgentQuery(PageQuery):
    """Filters of the list; all that are given must hold."""

    owner: Annotated[PersonId | None, Field(description="Owner or backup owner")] = None
    team: Slug | None = None
    state: wire.State | None = None
    classification: wire.Classification | None = None
    high_impact: bool | None = None
    tag: Annotated[list[Label], Field(max_length=5)] = []
    needs: Annotated[
        Maybe | None, Field(pattern="^(agent|model|tool|data|system):[^\x00]+$", examples=["agent:crm-writer"])
    ] = None

    def filters(self) -> agents.AgentFilters:
        given = self.model_dump(exclude={"limit", "cursor", "tag"})
        return agents.AgentFilters(**given, tag=tuple(sorted(self.tag)))


def agent_routes(registry: Registry) -> APIRouter:
    routes = APIRouter(tags=["agents"])

    @routes.get("/v1/agents", summary="List agents", responses=problems.responses(401, 403, 422, 429, 503))
    def list_agents(caller: TheCaller, query: Annotated[AgentQuery, Query()]) -> wire.AgentPage:
        """Registered agents by id; follow `next` for more."""
        with registry.reading() as session:
            rows, cursor = agents.listed(session, caller.org, query.filters(), query.limit, query.cursor)
            return wire.AgentPage(agents=[summary(row) for row in rows], next=cursor)

    @routes.post(
        "/v1/agents",
        summary="Register an agent",
        status_code=201,
        response_model=wire.Agent,
        responses=problems.responses(401, 403, 409, 422, 429, 503),
    )
    def register_agent(asking: TheAsking, new: wire.NewAgent) -> Response:
        """Register an agent, as a draft."""
        held = reach(asking.caller, Scope.AGENTS_WRITE)
        if not held.covers(new.id, owners=(new.spec.owner, new.spec.backup_owner), team=new.spec.team):
            raise refused(asking.caller, Scope.AGENTS_WRITE, "an agent that is neither yours nor your team's")

        def act(change: Change) -> tuple[wire.Agent, dict[str, str]]:
            row = agents.create(change, new.id, new.spec)
            return answer(row), {"ETag": f'"{row.revision}"', "Location": f"/v1/agents/{row.id}"}

        return post(registry, asking, new, act)

    @routes.get("/v1/agents/{agent_id}", summary="One agent", responses=problems.responses(*problems.READS))
    def get_agent(caller: TheCaller, agent_id: AgentPath, response: Response) -> wire.Agent:
        """All that is said of an agent; its ETag is what a change must name."""
        with registry.reading() as session:
            row = agents.get(session, caller.org, agent_id)
            tag(response, row.revision)
            return answer(row)

    @routes.put(
        "/v1/agents/{agent_id}",
        summary="Change an agent",
        responses=problems.responses(*problems.CHANGES),
    )
    def put_agent(asking: TheAsking, agent_id: AgentPath, spec: wire.AgentSpec, response: Response) -> wire.Agent:
        """Replace what is said of an agent. `If-Match` names the revision that it was made for."""
        with registry.changing(asking) as change:
            check_agent(change, Scope.AGENTS_WRITE, agent_id)
            row = agents.replace(change, agent_id, spec)
            tag(response, row.revision)
            return answer(row)

    def move(asking: TheAsking, agent_id: str, state: wire.State, reason: wire.Reason) -> Response:
        def act(change: Change) -> tuple[wire.Agent, dict[str, str]]:
            check_agent(change, Scope.AGENTS_WRITE, agent_id)
            row = agents.move(change, agent_id, state, reason.reason)
            return answer(row), {"ETag": f'"{row.revision}"'}

        return post(registry, asking, reason, act, 200)

    moving = problems.responses(*problems.CHANGES)

    @routes.post(
        "/v1/agents/{agent_id}/activate", summary="Make it active", response_model=wire.Agent, responses=moving
    )
    def activate_agent(asking: TheAsking, agent_id: AgentPath, reason: wire.Reason) -> Response:
        """It answers for itself from now on: with an owner, a runbook and a pager, and not without."""
        return move(asking, agent_id, "active", reason)

    @routes.post("/v1/agents/{agent_id}/retire", summary="Retire it", response_model=wire.Agent, responses=moving)
    def retire_agent(asking: TheAsking, agent_id: AgentPath, reason: wire.Reason) -> Response:
        """It runs no more; what is known of it stays. `reopen` takes it back."""
        return move(asking, agent_id, "retired", reason)

    @routes.post("/v1/agents/{agent_id}/reopen", summary="Take it back", response_model=wire.Agent, responses=moving)
    def reopen_agent(asking: TheAsking, agent_id: AgentPath, reason: wire.Reason) -> Response:
        """A retired agent becomes a draft again."""
        return move(asking, agent_id, "draft", reason)

    @routes.get(
        "/v1/agents/{agent_id}/used-by",
        summary="What depends on it",
        responses=problems.responses(*problems.READS),
    )
    def get_used_by(caller: TheCaller, agent_id: AgentPath) -> wire.UsedBy:
        """Agents that say they need this one: whom to ask before it goes."""
        with registry.reading() as session:
            return wire.UsedBy(agents=agents.used_by(session, caller.org, agent_id))

    return routes


def answer(row: Agent) -> wire.Agent:
    return wire.Agent.model_validate(
        {
            "id": row.id,
            "state": row.state,
            "revision": row.revision,
            "active_release": row.active_release,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "spec": row.document,
        }
    )


def summary(row: Agent) -> wire.AgentSummary:
    given = {name: getattr(row, name) for name in wire.AgentSummary.model_fields if name != "tags"}
    return wire.AgentSummary.model_validate({**given, "tags": row.document["tags"]})
