"""The route of incidents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from inventory import problems
from inventory.contract import incidents as wire
from inventory.incidents.looking import incident
from inventory.queries import Windowed
from inventory.readers import Readers
from inventory.registry.change import Registry
from inventory.routes.door import TheCaller

_LONGEST = timedelta(days=7)


class IncidentQuery(Windowed):
    """A window of five minutes to seven days; the last hour if nothing is said."""


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

    return routes
