"""The lifecycle as a service: what it acts through, its scheduler, its routes."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from deploy.inventory_service import InventoryService
from inventory.readers import Readers
from lifecycle import service
from lifecycle.connectors.base import Connector
from lifecycle.connectors.webhook import Webhooks
from lifecycle.review import review_routes
from lifecycle.routes import lifecycle_routes
from lifecycle.settings import LifecycleSettings, MailSettings


class LifecycleService:
    """Build it when the collector listens: the canary goes there."""

    def __init__(self, inventory: InventoryService, store: Readers, *, otlp: Callable[[], str]) -> None:
        self.settings = LifecycleSettings()
        self._signer = inventory.signer
        self.lifecycle = service.build(
            inventory.inventory.registry, store, inventory.signer, self.settings, MailSettings(),
            otlp=otlp, more=connectors(self.settings),
        )  # fmt: skip
        service.begin(self.lifecycle)

    def routes(self) -> list[APIRouter]:
        made = self.lifecycle
        return [
            lifecycle_routes(made.registry, made.store, made.evaluator, made.connectors, made.scheduler.jobs),
            review_routes(made.registry, self._signer, self.settings.zone),
        ]

    def start(self) -> None:
        if self.settings.scheduler:
            self.lifecycle.scheduler.start()

    def stop(self) -> None:
        """Ends with the job under way."""
        if self.settings.scheduler:
            self.lifecycle.scheduler.stop()


def connectors(settings: LifecycleSettings) -> list[Connector]:
    """To what lies outside, as far as it is set up."""
    found: list[Connector] = []
    if settings.webhook_secret is not None:
        found.append(Webhooks(settings.webhook_secret))
    return found
