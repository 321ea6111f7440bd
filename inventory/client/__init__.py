"""A typed client of the inventory's API; its errors are drawn in `inventory.client.asker`."""

from __future__ import annotations

import os
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
from inventory.client.findings import Findings
from inventory.client.lifecycle import Lifecycle
from inventory.client.records import Records
from inventory.client.registry import Registry
from inventory.client.telemetry import Telemetry

DEFAULT_URL = "http://127.0.0.1:8000"


class InventoryClient(Telemetry, Registry, Lifecycle, Records, Approvals, Findings):
    """Synchronous, safe to share between threads; a context manager that closes its connections."""

    @classmethod
    def of_environment(cls, url: str = "", token_file: Path | None = None) -> Self:
        """Of MUSTER_API_URL, with the token of MUSTER_API_TOKEN, or in the file that MUSTER_API_TOKEN_FILE names.

        `url` and `token_file` stand in for what the environment doesn't say. Raises TokenFileError.
        """
        named = os.environ.get("MUSTER_API_TOKEN_FILE")
        path = Path(named) if named else token_file
        token = os.environ.get("MUSTER_API_TOKEN") or (_read(path) if path and (named or path.exists()) else None)
        return cls(os.environ.get("MUSTER_API_URL") or url or DEFAULT_URL, token)


class TokenFileError(ClientError):
    """The file of MUSTER_API_TOKEN_FILE can't be read."""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise TokenFileError(
            f"The token file {path} can't be read ({error.strerror}). Use the account that started Muster, or set "
            "MUSTER_API_TOKEN."
        ) from None


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
