"""Settings of sign-in with an identity provider (`MUSTER_OIDC_…`), checked before anything starts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from collector.receivers.auth import is_loopback
from inventory.auth.roles import Role
from inventory.contract.words import SLUG, Given

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class MappingError(ValueError):
    """The file of groups can't be used; the message names it, the entry and the remedy."""


class GroupRole(Given):
    """What being in a group gives."""

    group: Annotated[str, Field(min_length=1, max_length=500)]
    role: Role
    org: Annotated[str, Field(pattern=SLUG)] = "default"
    team: Annotated[str | None, Field(pattern=SLUG)] = None


class OidcSettings(BaseSettings):
    """Without an issuer nobody signs in so."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_OIDC_", extra="forbid")

    issuer: str | None = None
    """As it stands in tokens, to the letter; https, unless it is this machine."""
    audience: str = ""
    """Whom tokens must be meant for: the API's name at the provider."""
    clients: list[str] = []
    """Clients whose tokens are taken (`azp`); empty: any that were issued for the audience."""
    algorithms: list[Algorithm] = ["RS256", "ES256", "PS256", "EdDSA"]
    leeway: Annotated[float, Field(ge=0, le=300)] = 60
    """Seconds by which clocks may differ."""
    person_claim: str = "email"
    """Names the person here. An address that isn't verified is not taken; without it `sub` is."""
    groups_claim: str = "groups"
    """Where groups are; a way into objects has dots, as in realm_access.roles."""
    groups_file: Path | None = None
    """TOML: [[group]] with group, role and perhaps org and team."""

    @field_validator("issuer")
    @classmethod
    def _safe(cls, issuer: str | None) -> str | None:
        if issuer is None:
            return None
        parts = urlsplit(issuer)
        if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            return issuer
        raise ValueError("it must be an https URL: keys that come over http can be anybody's")

    def groups(self) -> list[GroupRole]:
        """Raises MappingError."""
        if self.groups_file is None:
            return []
        path = self.groups_file
        try:
            said: dict[str, Any] = tomllib.loads(path.read_text())
        except OSError as error:
            raise MappingError(f"MUSTER_OIDC_GROUPS_FILE {path} can't be read ({error.strerror})") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise MappingError(f"MUSTER_OIDC_GROUPS_FILE {path} is no TOML: {error}") from None
        entries = said.get("group")
        if not isinstance(entries, list) or set(said) != {"group"}:
            raise MappingError(f"MUSTER_OIDC_GROUPS_FILE {path} must hold [[group]] entries and nothing else")
        found = []
        for number, entry in enumerate(entries, start=1):
            try:
                found.append(GroupRole.model_validate(entry))
            except ValidationError as error:
                one = error.errors()[0]
                field = ".".join(str(part) for part in one["loc"])
                raise MappingError(f"MUSTER_OIDC_GROUPS_FILE {path}, group {number}: {field}: {one['msg']}") from None
        return found
