"""Settings of the inventory, checked before anything starts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from collector.receivers.auth import is_loopback


class ApiSettings(BaseSettings):
    """Where the API listens, and how much it takes from one caller."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_API_", extra="ignore")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    rate: Annotated[float, Field(gt=0, le=1e6, description="Requests a second of one caller")] = 50
    burst: Annotated[float, Field(ge=1, le=1e6, description="Requests of one caller at once")] = 300

    @property
    def local(self) -> bool:
        """Only this machine can reach it."""
        return is_loopback(self.host)


class RegistrySettings(BaseSettings):
    """Where the registry is kept; without a URL in SQLite, under the data directory."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_", extra="ignore")

    database_url: SecretStr | None = None
    """May hold a password."""
    anchor_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 60
    """How often the audit chain's head is signed and kept outside of the database."""
