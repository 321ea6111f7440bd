"""Settings of the lifecycle, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class MailSettings(BaseSettings):
    """The server that mail goes to. Without a host no notice is sent, and so nothing is disabled."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_SMTP_", extra="ignore")

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr | None = None
    sender: Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$")] = "muster@localhost"
    """From, and where a server returns what it can't deliver."""
    timeout: Annotated[float, Field(gt=0, le=300)] = 20

    @model_validator(mode="after")
    def _no_secret_in_the_clear(self) -> MailSettings:
        if self.password is not None and self.security == "none":
            raise ValueError("a password isn't sent without TLS: set MUSTER_SMTP_SECURITY to starttls or tls")
        return self


class LifecycleSettings(BaseSettings):
    """Where people find the review page, and how the scheduler works."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_", extra="ignore")

    public_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")] = "http://127.0.0.1:8000"
    """As the recipients of notices reach the API."""
    zone: str = "UTC"
    """Beside UTC, times in notices are told in this zone."""
    chat_url: SecretStr | None = None
    """An incoming webhook that takes Slack's format. The URL is the secret."""
    bounces: Path | None = None
    """A Maildir into which a mail server delivers what it returns."""
    aws: bool = False
    """Act on bindings to AWS, with the credentials and the region that boto3 finds."""
    scim_url: Annotated[str, Field(pattern=r"^(https?://[^\s?#]+)?$")] = ""
    """Base of the identity provider's SCIM 2.0, before /Users; with MUSTER_SCIM_TOKEN."""
    scim_token: SecretStr | None = None
    scheduler: bool = True
    """Whether this process may act; of several, one does."""
    webhook_secret: SecretStr | None = None
    """Signs what webhook bindings are told. Without one they are to be done by hand."""

    @model_validator(mode="after")
    def _whole(self) -> LifecycleSettings:
        if bool(self.scim_url) != (self.scim_token is not None):
            raise ValueError("MUSTER_SCIM_URL and MUSTER_SCIM_TOKEN go together: set both, or neither")
        return self

    @field_validator("zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{name} is no time zone: use a name such as Europe/Zurich") from None
        return name
