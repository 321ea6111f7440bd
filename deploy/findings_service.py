"""Findings as a service: the job that looks for them, and what they open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from collector.store.connection import Store
from deploy.inventory_service import InventoryService
from inventory.findings.keeping import Findings
from inventory.registry import people
from lifecycle.jobs import Job, each
from lifecycle.looking import HEARTBEAT_ORG
from lifecycle.violations import of_finding


class FindingsService:
    """One process at a time looks: its job runs where the scheduler's lease is held."""

    def __init__(self, inventory: InventoryService, store: Store) -> None:
        services = inventory.inventory
        self._registry = services.registry
        self._findings = Findings(services.registry, store, services.publisher, of_finding)

    def job(self) -> Job:
        """For the scheduler."""

        def act(dry_run: bool) -> Mapping[str, Any]:
            with self._registry.reading() as session:
                orgs = [org for org in people.organisations(session) if org != HEARTBEAT_ORG]
            return each(orgs, lambda org: {} if dry_run else self._findings.run(org))

        return Job("findings", timedelta(minutes=2), act, "look for controls that failed, in what was sealed since")
