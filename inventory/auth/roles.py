"""Roles of people, and where they hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    SRE = "sre"
    OWNER = "owner"
    RECORDS = "records"
    ADMIN = "admin"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in an organisation; `team`: only for what is this team's."""

    role: Role
    org: str
    team: str | None = None
