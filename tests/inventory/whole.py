"""The whole API as `muster up` serves it: the inventory's routes, and those of what lies above it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from collector.retention.job import Retention
from collector.retention.policy import Policy
from exporters import service as records
from exporters.routes import record_routes
from exporters.service import Records
from exporters.settings import RecordsSettings
from exporters.signing import KeyFile
from exporters.targets.folder import Folder
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


def records_of(store: Any, services: Inventory) -> Records:
    """Its parts, in a directory of their own, with nobody at work."""
    directory = Path(tempfile.mkdtemp(prefix="muster-records-"))
    made = records.build(
        services.registry,
        store,
        RecordsSettings(settle_minutes=0),
        Folder(directory / "records"),
        KeyFile(directory / "records.pem"),
        Retention(store, Policy()),
        directory / "staging",
        local=True,
    )
    records.begin(made, ["default"])
    return made


def whole_app(store: Any, services: Inventory, kept: Records | None = None) -> FastAPI:
    made = lifecycle_of(store, services)
    routes = lifecycle_routes(made.registry, store, made.evaluator, made.connectors, made.scheduler.jobs)
    review = review_routes(made.registry, services.signer, "UTC")
    return api_app(store, services, [routes, review, record_routes(kept or records_of(store, services))])
