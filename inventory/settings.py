"""Settings of the API, from the environment (`MUSTER_API_…`), checked before anything starts."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """Where the API listens. Until it knows who asks, that is this machine only."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_API_", extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        if host == "localhost":
            return host
        try:
            if ipaddress.ip_address(host).is_loopback:
                return host
        except ValueError:
            pass
        raise ValueError(
            f"MUSTER_API_HOST={host} is reachable from other machines, and this API does not check yet who asks: "
            "use 127.0.0.1, ::1 or localhost, and reach it from elsewhere through an SSH tunnel"
        )
