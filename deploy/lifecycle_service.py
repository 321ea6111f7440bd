"""The lifecycle as a service: what it acts through, its scheduler, its routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import APIRouter

from collector.selfobs import Observations
from deploy.inventory_service import InventoryService
from inventory.readers import Readers
from lifecycle import service
from lifecycle.connectors.aws import AwsIam, AwsTriggers
from lifecycle.connectors.base import Connector
from lifecycle.connectors.scim import Scim
from lifecycle.connectors.webhook import Webhooks
from lifecycle.figures import Figures
from lifecycle.jobs import Job
from lifecycle.review import review_routes
from lifecycle.routes import lifecycle_routes
from lifecycle.settings import LifecycleSettings, MailSettings


class LifecycleService:
    """Build it when the collector listens: the canary goes there."""

    def __init__(
        self, inventory: InventoryService, store: Readers, *, otlp: Callable[[], str], more: Iterable[Connector] = (),
        more_jobs: Iterable[Job] = (),
    ) -> None:  # fmt: skip
        self.settings = LifecycleSettings()
        self._signer = inventory.signer
        self.lifecycle = service.build(
            inventory.inventory.registry, store, inventory.signer, self.settings, MailSettings(),
            otlp=otlp, resolve=inventory.inventory.publisher.resolve, more=[*connectors(self.settings), *more],
            more_jobs=more_jobs,
        )  # fmt: skip
        service.begin(self.lifecycle)

    def routes(self) -> list[APIRouter]:
        made = self.lifecycle
        return [
            lifecycle_routes(made.registry, made.store, made.evaluator, made.connectors, made.scheduler.jobs),
            review_routes(made.registry, self._signer, self.settings.zone),
        ]

    def observe(self, observations: Observations) -> None:
        """Let the figures of jobs and cases stand beside the collector's own."""
        read = Figures(self.lifecycle.registry)
        for name, description, levels, unit in (
            ("muster.job.duration", "How long the last run of a job took", read.seconds, "s"),
            ("muster.job.lag", "How late the last run of a job began", read.lag, "s"),
            ("muster.job.age", "Since when a job last began", read.age, "s"),
            ("muster.job.failed", "Whether the last run of a job failed or stopped itself", read.failed, ""),
            ("muster.lifecycle.cases", "Open cases by state, and whether something holds them up", read.cases, ""),
        ):
            observations.gauge(name, description, levels, unit)

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
    if settings.aws:
        found += [AwsIam(), AwsTriggers()]
    if settings.scim_token is not None:
        found.append(Scim(settings.scim_url, settings.scim_token))
    if settings.webhook_secret is not None:
        found.append(Webhooks(settings.webhook_secret))
    return found
