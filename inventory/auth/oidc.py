"""People, by the tokens of their identity provider (OpenID Connect Core 1.0; RFC 7519, RFC 8725)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import jwt

from inventory.auth.errors import NotAuthenticated
from inventory.auth.keys import Keys
from inventory.auth.oidc_settings import OidcSettings
from inventory.auth.roles import Grant
from inventory.contract.words import PERSON

_MOST: Final = 16_384
_PERSON: Final = re.compile(PERSON)
_TYPES: Final = {"rsa": ("RS", "PS"), "ec": ("ES",), "okp": ("EdDSA",)}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says of a person, once it was verified. `expires`: seconds since 1970."""

    subject: str
    person: str
    name: str
    groups: tuple[str, ...]
    expires: float


class OidcVerifier:
    """Safe to share between threads. Raises MappingError when it is built of a file of groups that can't be used."""

    def __init__(
        self,
        settings: OidcSettings,
        http: httpx.Client | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert settings.issuer is not None
        self._settings = settings
        self._issuer = settings.issuer
        self._now = now
        self._groups = settings.groups()
        self._http = http or httpx.Client(timeout=httpx.Timeout(5.0), trust_env=False, follow_redirects=False)
        self._keys = Keys(settings.issuer, self._http, clock)

    def __repr__(self) -> str:
        return f"OidcVerifier({self._issuer!r})"

    def close(self) -> None:
        self._http.close()

    def caller(self, token: str) -> tuple[str, tuple[Grant, ...]]:
        """The person, and what their groups give. Raises AuthError."""
        claims = self.verify(token)
        return claims.person, self.grants(claims)

    def grants(self, claims: Claims) -> tuple[Grant, ...]:
        mine = set(claims.groups)
        return tuple(dict.fromkeys(Grant(one.role, one.org, one.team) for one in self._groups if one.group in mine))

    def verify(self, token: str) -> Claims:
        """Raises NotAuthenticated, or ProviderDown when the provider's keys are needed and can't be had."""
        claims = self._claims(token)
        self._check_client(claims)
        subject = claims["sub"]
        if not isinstance(subject, str) or not subject:
            raise _refused("it names nobody (sub)", "malformed")
        groups = _at(claims, self._settings.groups_claim)
        return Claims(
            f"{self._issuer}#{subject}",
            self._person(claims, subject),
            str(claims.get("name") or ""),
            tuple(one for one in groups if isinstance(one, str)) if isinstance(groups, list) else (),
            float(claims["exp"]),
        )

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _MOST:
            raise _refused(f"it has more than {_MOST:,} characters", "malformed")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _refused("it is no JSON Web Token, and no token of this Muster", "malformed") from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise _refused("it is signed in a way that MUSTER_OIDC_ALGORITHMS doesn't allow", "algorithm")
        if not isinstance(key_id, str):
            raise _refused("it doesn't say which key it was signed with (kid)", "malformed")
        key = self._keys.get(key_id)
        if not str(algorithm).startswith(_TYPES.get((key.key_type or "").lower(), ("-",))):
            raise _refused("its key is not one for how it says that it was signed", "algorithm")
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[str(algorithm)],
                options={"require": ["exp", "iat", "sub"], "verify_exp": False, "verify_nbf": False,
                         "verify_iat": False, "verify_aud": False, "verify_iss": False},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            raise _refused("its signature is not the identity provider's", "signature") from None
        except jwt.PyJWTError:
            raise _refused("it lacks a claim that it needs, or can't be read", "malformed") from None
        self._check_claims(found)
        return found

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        """Whose it is, for whom, and when: in this order, so that nothing is said of others' tokens."""
        if claims.get("iss") != self._issuer:
            raise _refused("another identity provider issued it", "issuer")
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if self._settings.audience not in named:
            raise _refused(f"it was issued for somebody else, not for {self._settings.audience}", "audience")
        now, leeway = self._now(), self._settings.leeway
        for name in ("exp", "iat", "nbf"):
            if name in claims and (isinstance(claims[name], bool) or not isinstance(claims[name], int | float)):
                raise _refused(f"its {name} is no time", "malformed")
        if now >= claims["exp"] + leeway:
            raise _refused("it has expired: sign in again", "expired")
        if max(claims["iat"], claims.get("nbf", 0)) > now + leeway:
            raise _refused("it is not valid yet: is the clock of this machine right?", "not-yet")

    def _check_client(self, claims: Mapping[str, Any]) -> None:
        client = claims.get("azp", claims.get("client_id"))
        if self._settings.clients and client not in self._settings.clients:
            raise _refused("it was issued to a client that MUSTER_OIDC_CLIENTS doesn't name", "client")

    def _person(self, claims: Mapping[str, Any], subject: str) -> str:
        """An address that the provider hasn't verified could be anybody's."""
        said = _at(claims, self._settings.person_claim)
        verified = self._settings.person_claim != "email" or claims.get("email_verified", True) is True
        person = said if isinstance(said, str) and said and verified else subject
        if not _PERSON.match(person):
            raise _refused("its name for the person has signs that aren't taken here", "malformed")
        return person


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """By its name as a whole, or else step by step."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _refused(why: str, reason: str) -> NotAuthenticated:
    return NotAuthenticated(f"the token is not accepted: {why}", reason)
