"""Records as a service: where packages go, the thread that writes them, the job that wants them, their routes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter

from collector.retention.holds import Holds
from collector.retention.job import Paused, Retention
from collector.retention.policy import Policy
from collector.selfobs import Observations
from collector.store.connection import Store
from deploy.archive import Archive
from deploy.inventory_service import InventoryService
from deploy.settings import DeploySettings
from exporters import service
from exporters.calendar import scheduled
from exporters.exporting import Heartbeats
from exporters.figures import Figures
from exporters.routes import record_routes
from exporters.settings import RecordsSettings
from exporters.signing import KeyFile
from inventory.registry import people
from lifecycle.jobs import Job
from lifecycle.looking import HEARTBEAT_ORG, HEARTBEAT_SERVICE


class RecordsService:
    """`paused` keeps inserts out while pieces of content are removed, where this process takes telemetry in."""

    def __init__(
        self, settings: DeploySettings, inventory: InventoryService, store: Store, held: Holds,
        paused: Paused | None = None,
    ) -> None:  # fmt: skip
        registry = inventory.inventory.registry
        self.settings = RecordsSettings()
        self.records = service.build(
            registry, store, self.settings, service.target_of(self.settings, settings.data),
            KeyFile(settings.collector().keys_path / "records.pem"),
            # A policy that keeps all: what it removes is named by a disposition.
            Retention(store, Policy(), holds=held, paused=paused),
            settings.data / "staging", heartbeats=Heartbeats(HEARTBEAT_ORG, HEARTBEAT_SERVICE),
        )  # fmt: skip
        self.archive = Archive(self.records)

    def begin(self) -> None:
        """What organisations start with."""
        service.begin(self.records, self._organisations())

    def job(self) -> Job:
        """For the scheduler: archive the months that schedules want."""

        def act(dry_run: bool) -> Mapping[str, Any]:
            found = dict(scheduled(self.records.calendar, self.records.registry, self._organisations(), dry_run))
            return next(iter(found.values())) if len(found) == 1 else found

        return Job("records", timedelta(hours=6), act, "archive ended months, as the schedules of records want it")

    def _organisations(self) -> list[str]:
        with self.records.registry.reading() as session:
            return [org for org in people.organisations(session) if org != HEARTBEAT_ORG]

    def routes(self) -> list[APIRouter]:
        return [record_routes(self.records)]

    def observe(self, observations: Observations) -> None:
        read = Figures(self.records.registry)
        for name, description, levels in (
            ("muster.records.packages", "Packages by state, and whether something is wrong with them", read.packages),
            ("muster.records.works", "What waits to be done to packages, or failed", read.works),
        ):
            observations.gauge(name, description, levels, "")

    def start(self) -> None:
        if self.settings.worker:
            self.records.worker.start()

    def stop(self) -> None:
        """Ends with the file under way; it is gone on with at the next start."""
        if self.settings.worker:
            self.records.worker.stop()
