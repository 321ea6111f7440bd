"""Routes of the registry as files: plan, apply, export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from inventory import problems
from inventory.auth.caller import Reach
from inventory.auth.policy import Scope, reach
from inventory.contract import documents as wire
from inventory.contract import people as people_wire
from inventory.registry import applying, pages
from inventory.registry.change import Change, Registry
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheAsking, TheCaller, post, refused

_NEEDS = {
    "person": Scope.PEOPLE_WRITE,
    "team": Scope.PEOPLE_WRITE,
    "agent": Scope.AGENTS_WRITE,
    "slo": Scope.SLOS_WRITE,
}


def document_routes(registry: Registry) -> APIRouter:
    routes = APIRouter(tags=["registry"])

    @routes.post(
        "/v1/registry/plan", summary="What would change", responses=problems.responses(401, 403, 422, 429, 503)
    )
    def plan(caller: TheCaller, wanted: wire.Documents) -> people_wire.Plan:
        """Compare documents with the registry; nothing changes."""
        with registry.reading() as session:
            return applying.plan(session, caller.org, wanted)

    @routes.post(
        "/v1/registry/apply",
        summary="Change it so",
        response_model=people_wire.Plan,
        responses=problems.responses(401, 403, 409, 422, 429, 503),
    )
    def apply(asking: TheAsking, wanted: wire.Applying) -> Response:
        """Do what the plan with this fingerprint said: all of it, or nothing."""

        def act(change: Change) -> tuple[people_wire.Plan, dict[str, str]]:
            done = applying.apply(change, wanted)
            for one in done.changes:
                if not _within(reach(asking.caller, _NEEDS[one.kind]), one):
                    raise refused(asking.caller, _NEEDS[one.kind], f"{one.kind} {one.id}")
            return done, {}

        return post(registry, asking, wanted, act, 200)

    @routes.get("/v1/registry/export", summary="All of it", responses=problems.responses(401, 403, 422, 429, 503))
    def export(caller: TheCaller, query: Annotated[PageQuery, Query()]) -> wire.Exported:
        """Every object as a document, page by page; what `apply` takes."""
        of = ["export", caller.org]
        last = pages.after(query.cursor, of, (str, str))
        with registry.reading() as session:
            rows, more = pages.cut(applying.exported(session, caller.org, last, query.limit + 1), query.limit)
        return wire.Exported(
            documents=list(rows), next=pages.cursor(of, [rows[-1].kind, rows[-1].id]) if more else None
        )

    return routes


def _within(held: Reach, one: people_wire.Change) -> bool:
    """Whether what an object was and what it becomes are within reach."""
    if held.everything:
        return True
    states = [state for state in (one.before, one.after) if state is not None]
    return one.kind == "agent" and all(
        "owner" in state and held.covers(one.id, owners=(state["owner"], state["backup_owner"]), team=state["team"])
        for state in states
    )
