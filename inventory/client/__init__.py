"""A typed client of the inventory's API; its errors are drawn in `inventory.client.asker`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from inventory.client.approvals import Approvals
from inventory.client.asker import (
    Busy,
    ClientError,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    NotUnderstood,
    Refused,
    Unreachable,
)
from inventory.client.environment import DEFAULT_URL, TokenFileError, api_of_environment
from inventory.client.findings import Findings
from inventory.client.lifecycle import Lifecycle
from inventory.client.records import Records
from inventory.client.registry import Registry
from inventory.client.telemetry import Telemetry


class InventoryClient(Telemetry, Registry, Lifecycle, Records, Approvals, Findings):
    """Synchronous, safe to share between threads; a context manager that closes its connections."""

    @classmethod
    def of_environment(cls, url: str = "", token_file: Path | None = None) -> Self:
        """As `api_of_environment` says."""
        return cls(*api_of_environment(url, token_file))


__all__ = [
    "DEFAULT_URL",
    "Busy",
    "ClientError",
    "Conflict",
    "Invalid",
    "InventoryClient",
    "NotAllowed",
    "NotFound",
    "NotUnderstood",
    "Refused",
    "TokenFileError",
    "Unreachable",
]
