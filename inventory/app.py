"""The inventory's HTTP API: the only door for people and tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from inventory import contract, problems
from inventory.auth.policy import PUBLIC, ROUTES
from inventory.readers import Readers
from inventory.routes.agents import agent_routes
from inventory.routes.approvals import approval_routes
from inventory.routes.audit import audit_routes
from inventory.routes.discovery import discovery_routes
from inventory.routes.documents import document_routes
from inventory.routes.door import Gate
from inventory.routes.evidence import evidence_routes
from inventory.routes.figures import figures_routes
from inventory.routes.findings import finding_routes
from inventory.routes.incidents import incident_routes
from inventory.routes.people import people_routes
from inventory.routes.releases import release_routes
from inventory.routes.shield import Shield
from inventory.routes.slos import slo_routes
from inventory.routes.tokens import token_routes
from inventory.routes.traces import trace_routes
from inventory.services import Inventory

_DESCRIPTION = """Traces of AI agents: what each did, with tokens, tool arguments and approvals.

Errors are `application/problem+json` (RFC 9457) and say what to do. Times are UTC."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


def api_app(
    store: Readers,
    inventory: Inventory,
    more: Iterable[APIRouter] = (),
    *,
    now: Callable[[], datetime] = _utc_now,
    version: str = "0.1.0",
) -> FastAPI:
    """The application; `more`: routes of what lies above. Endpoints are synchronous: reads block, and run in the
    server's thread pool.
    """
    gate = Gate(inventory.known, inventory.limiter)
    app = FastAPI(title="Muster", version=version, description=_DESCRIPTION, dependencies=[Depends(gate)])
    app.add_middleware(Shield)
    problems.install(app)
    app.include_router(trace_routes(store, inventory.sight, now))
    app.include_router(figures_routes(store, inventory.registry, inventory.sight, now))
    app.include_router(incident_routes(store, inventory.registry, now))
    app.include_router(approval_routes(inventory.registry, store, inventory.reads, inventory.digests))
    app.include_router(finding_routes(inventory.registry, store))
    app.include_router(evidence_routes(store, inventory.registry, inventory.sight, inventory.anchor, inventory.signer))
    app.include_router(agent_routes(inventory.registry))
    app.include_router(release_routes(inventory.registry, inventory.reads))
    app.include_router(slo_routes(inventory.registry))
    app.include_router(discovery_routes(inventory.registry, store, inventory.publisher))
    app.include_router(people_routes(inventory.registry))
    app.include_router(token_routes(inventory.registry))
    app.include_router(audit_routes(inventory.registry, inventory.anchor, inventory.signer))
    app.include_router(document_routes(inventory.registry))
    for routes in more:
        app.include_router(routes)

    @app.get("/healthz", tags=["health"], summary="Whether the process answers")
    def healthz() -> contract.Alive:
        """Always ok; it does not look at the store."""
        return contract.Alive()

    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Puts `Problem` where the routes' responses refer to."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        schema = build()
        models = schema["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            models.pop(unused, None)
        definition = contract.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        models.update(definition.pop("$defs"))
        models["Problem"] = definition
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                if ROUTES.get((method.upper(), path)) is PUBLIC:
                    operation["security"] = []
                if "requestBody" in operation:
                    operation["responses"] = problems.responses(400, 413) | operation["responses"]
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
