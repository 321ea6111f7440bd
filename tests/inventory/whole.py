"""The whole API as `muster up` serves it: the inventory's routes, and those of what lies above it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from inventory.app import api_app
from inventory.auth.caller import Caller, Kind
from inventory.registry.change import Asking
from inventory.services import Inventory
from lifecycle import policies, service
from lifecycle.review import review_routes
from lifecycle.routes import lifecycle_routes
from lifecycle.service import Lifecycle
from lifecycle.settings import LifecycleSettings, MailSettings


def lifecycle_of(store: Any, services: Inventory) -> Lifecycle:
    """Its parts, with no scheduler running and no mail server."""
    made = service.build(
        services.registry,
        store,
        services.signer,
        LifecycleSettings(),
        MailSettings(),
        otlp=lambda: "http://127.0.0.1:1",
        resolve=lambda org: None,
    )
    with services.registry.changing(Asking(Caller("default", "muster:lifecycle", Kind.LOCAL), "begin")) as change:
        policies.begin(change)
    return made


def whole_app(store: Any, services: Inventory) -> FastAPI:
    made = lifecycle_of(store, services)
    routes = lifecycle_routes(made.registry, store, made.evaluator, made.connectors, made.scheduler.jobs)
    return api_app(store, services, [routes, review_routes(made.registry, services.signer, "UTC")])
