"""Who is sending: bearer tokens to principals."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import socket
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Protocol

from collector.errors import Unauthenticated
from collector.signals import Method, Principal

TOKENS_FILE_SETTING = "MUSTER_COLLECTOR_TOKENS_FILE"
HOST_SETTING = "MUSTER_COLLECTOR_HOST"

_REMEDY = "send 'Authorization: Bearer <token>' with a token of this collector"


class SettingsError(ValueError):
    """A setting that can't be used; the message names it and the remedy. Raised before anything is served."""


class Verifier(Protocol):
    """Turns an Authorization header (or gRPC metadata) into a principal.

    Raises Unauthenticated or Forbidden. Called on the event loop for every request: it must not block.
    """

    def verify(self, authorization: str | None) -> Principal: ...


class Anonymous:
    """Takes everybody as the same nobody; only for receivers that listen on loopback."""

    _NOBODY = Principal(org="default", identity="", method=Method.NONE)

    def verify(self, authorization: str | None) -> Principal:
        return self._NOBODY


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    expires: datetime | None


class StaticTokens:
    """Tokens from a TOML file, which holds digests only and belongs to its owner alone (mode 0600):

        [[token]]
        sha256 = "<hex SHA-256 of the token>"
        org = "acme"
        identity = "checkout-agents"
        expires = 2027-01-31            # optional: not accepted from this day on, 00:00 UTC

    Tokens are found by digest, so how long a look-up takes says nothing about any token.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._known = _load(path)

    def __repr__(self) -> str:
        return f"StaticTokens({str(self._path)!r}, {len(self._known)} tokens)"

    def verify(self, authorization: str | None) -> Principal:
        if not authorization:
            raise Unauthenticated(f"no credentials; {_REMEDY}")
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(f"the authorization is not a bearer token; {_REMEDY}")
        known = self._known.get(hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest())
        if known is None:
            raise Unauthenticated(f"the token is not known; {_REMEDY}")
        if known.expires is not None and self._now() >= known.expires:
            raise Unauthenticated("the token has expired; ask the operator of this collector for a new one")
        return known.principal


def check_bind(host: str, verifier: Verifier) -> None:
    """Raises SettingsError when `host` can be reached from elsewhere and nobody would check who sends."""
    if isinstance(verifier, Anonymous) and not is_loopback(host):
        raise SettingsError(
            f"refusing to listen on {host or 'all addresses'} without tokens: "
            "anybody could send telemetry in any name. "
            f"Set {TOKENS_FILE_SETTING} to a token file, or {HOST_SETTING} to 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`. No name but localhost is looked up: others can move."""
    if host.lower() == "localhost":
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return bool(found) and all(_is_loopback_address(str(entry[4][0])) for entry in found)
    return _is_loopback_address(host.removeprefix("[").removesuffix("]"))


def _is_loopback_address(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback


def _load(path: Path) -> Mapping[bytes, _Known]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)  # of what is read, not of what the name says
            content = file.read()
    except OSError as error:
        raise _refuse(path, f"can't be read ({error.strerror})") from None
    if mode & 0o077:
        raise _refuse(path, f"has mode {mode:04o}, so others than its owner can use it: chmod 600 {path}")
    try:
        document = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise _refuse(path, "is not UTF-8") from None
    except tomllib.TOMLDecodeError:
        # Its text could quote the file.
        raise _refuse(path, "is not valid TOML") from None
    entries = document.get("token")
    if not isinstance(entries, list) or not entries or set(document) != {"token"}:
        raise _refuse(path, "must hold [[token]] entries and nothing else")
    known: dict[bytes, _Known] = {}
    for number, entry in enumerate(entries, start=1):
        digest, token = _entry(path, number, entry)
        if digest in known:
            raise _refuse(path, f"token {number} is there twice")
        known[digest] = token
    return known


def _entry(path: Path, number: int, entry: Any) -> tuple[bytes, _Known]:
    def wrong(what: str) -> SettingsError:
        return _refuse(path, f"token {number}: {what}")

    if not isinstance(entry, dict) or not {"sha256", "org", "identity"} <= entry.keys():
        raise wrong("needs sha256, org and identity")
    if not entry.keys() <= {"sha256", "org", "identity", "expires"}:
        raise wrong("takes sha256, org, identity and expires, nothing else")
    digest, org, identity = entry["sha256"], entry["org"], entry["identity"]
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-fA-F]{64}", digest):
        raise wrong('sha256 must be 64 hex digits: printf %s "$TOKEN" | sha256sum')
    if not isinstance(org, str) or not org or not isinstance(identity, str) or not identity:
        raise wrong("org and identity must be text")
    try:
        expires = _moment(entry.get("expires"))
    except (ValueError, TypeError):
        raise wrong("expires must be an ISO date, or a time with its offset") from None
    return bytes.fromhex(digest), _Known(Principal(org, identity, Method.TOKEN), expires)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value) if len(value) > len("2027-01-31") else date.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("no offset")
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise TypeError("not a date")


def _refuse(path: Path, what: str) -> SettingsError:
    return SettingsError(f"the token file {path} ({TOKENS_FILE_SETTING}) {what}")
