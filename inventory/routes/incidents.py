"""The route of incidents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from inventory import problems
from inventory.contract import incidents as wire
from inventory.incidents.agents import agent_figures, workflows
from inventory.incidents.looking import incident
from inventory.queries import Windowed
from inventory.readers import Readers
from inventory.registry.change import Registry
from inventory.routes.door import TheCaller

AgentName = Annotated[str, Path(max_length=200, examples=["support-drafter"])]
_LONGEST = timedelta(days=7)


class IncidentQuery(Windowed):
    """A window of five minutes to seven days; the last hour if nothing is said."""


class WorkflowsQuery(Windowed):
    default_window = timedelta(days=1)


class AgentFiguresQuery(Windowed):
    """A window, and in how many steps it is told."""

    default_window = timedelta(days=7)
    steps: Annotated[int, Field(ge=1, le=500)] = 84


def incident_routes(store: Readers, registry: Registry, now: Callable[[], datetime]) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/v1/incident",
        tags=["figures"],
        summary="What is out of the ordinary",
        responses=problems.responses(401, 403, 422, 429, 503),
    )
    def get_incident(caller: TheCaller, query: Annotated[IncidentQuery, Query()]) -> wire.Incident:
        """A window held against what came before it: one sentence, what deviates and since when, whose it is and how
        they are reached, what changed just before, whom it reached. Figures are of sealed traces that began in it.
        """
        as_of = now()
        window = query.window(as_of)
        if window.until - window.since > _LONGEST:
            raise problems.invalid("query.since", "the window is longer than seven days")
        return incident(store, registry, caller.org, window, as_of)

    @routes.get(
        "/v1/agents/{agent_id}/figures",
        tags=["figures"],
        summary="How an agent does",
        responses=problems.responses(401, 403, 422, 429, 503),
    )
    def get_agent_figures(
        caller: TheCaller, agent_id: AgentName, query: Annotated[AgentFiguresQuery, Query()]
    ) -> wire.AgentFigures:
        """Runs, failures, cost and durations over time, of sealed traces: of a registered agent, or of whatever calls
        itself so.
        """
        as_of = now()
        return agent_figures(store, caller.org, agent_id, query.window(as_of), query.steps, as_of)

    @routes.get(
        "/v1/workflows",
        tags=["figures"],
        summary="What workflows do and cost",
        responses=problems.responses(401, 403, 422, 429, 503),
    )
    def get_workflows(caller: TheCaller, query: Annotated[WorkflowsQuery, Query()]) -> wire.Workflows:
        """Traces that began in a window, by their outermost agent: how many, how many failed, and what they cost."""
        as_of = now()
        return workflows(store, caller.org, query.window(as_of), as_of)

    return routes
