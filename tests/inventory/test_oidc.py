"""Signing in with an identity provider that runs, goes down and changes its keys."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from inventory.auth.authenticator import Authenticator
from inventory.auth.errors import NotAuthenticated, ProviderDown
from inventory.auth.oidc import OidcVerifier
from inventory.auth.oidc_settings import MappingError, OidcSettings
from inventory.auth.policy import Scope, reach
from inventory.auth.roles import Grant, Role
from inventory.contract.people import PersonSpec, RoleGiven, Roles, TeamSpec
from inventory.registry import people
from tests.inventory.access import inventory
from tests.inventory.provider import AUDIENCE, Provider, running
from tests.inventory.registry.asking import asking

GROUPS = """
[[group]]
group = "muster-sre"
role = "sre"

[[group]]
group = "support-leads"
role = "owner"
team = "support"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running() as opened:
        yield opened


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _settings(issuer: str, **more: Any) -> OidcSettings:
    return OidcSettings(issuer=issuer, audience=AUDIENCE, **more)


@pytest.fixture
def verifier(provider: Provider, tmp_path: Path, clock: Clock) -> Iterator[OidcVerifier]:
    path = tmp_path / "groups.toml"
    path.write_text(GROUPS)
    opened = OidcVerifier(_settings(provider.issuer, groups_file=path), clock=clock)
    yield opened
    opened.close()


def _reason(verifier: OidcVerifier, token: str) -> str:
    with pytest.raises(NotAuthenticated) as caught:
        verifier.verify(token)
    assert token[:40] not in f"{caught.value} {caught.value!r} {verifier!r}"
    return caught.value.reason


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_token_of_the_provider_names_the_person_and_what_their_groups_give(
    verifier: OidcVerifier, provider: Provider, algorithm: str
) -> None:
    token = provider.token(algorithm, groups=["muster-sre", "other", "support-leads", 3], name="Alice")
    claims = verifier.verify(token)
    assert (claims.person, claims.name, claims.subject) == ("alice@example.org", "Alice", f"{provider.issuer}#s-1")
    assert verifier.grants(claims) == (Grant(Role.SRE, "default"), Grant(Role.OWNER, "default", "support"))


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": -70}, "expired"), ({"nbf": 90}, "not-yet"), ({"iat": 90}, "not-yet"),
        ({"aud": "another"}, "audience"), ({"aud": ["a", "b"]}, "audience"), ({"aud": None}, "audience"),
        ({"iss": "https://evil.example"}, "issuer"), ({"iss": None}, "issuer"),
        ({"sub": None}, "malformed"), ({"sub": ""}, "malformed"), ({"exp": None}, "malformed"),
        ({"iat": None}, "malformed"), ({"email": "a b", "sub": "x"}, "malformed"),
    ],
)  # fmt: skip
def test_a_token_that_is_wrong_is_not_accepted(
    verifier: OidcVerifier, provider: Provider, claims: dict[str, Any], reason: str
) -> None:
    now = int(time.time())
    moved = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
    assert _reason(verifier, provider.token(**moved)) == reason


@pytest.mark.parametrize("moved", [{"exp": -50}, {"nbf": 50}, {"iat": 50}])
def test_clocks_may_differ_by_a_minute(verifier: OidcVerifier, provider: Provider, moved: dict[str, int]) -> None:
    now = int(time.time())
    verifier.verify(provider.token(**{name: now + value for name, value in moved.items()}))


def test_no_signature_and_a_signature_with_the_public_key_are_none(verifier: OidcVerifier, provider: Provider) -> None:
    good = provider.token()
    verifier.verify(good)
    header, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    unsigned = f"{part({'alg': 'none', 'kid': 'rsa-1'})}.{payload}."
    symmetric = jwt.encode(claims, "x" * 64, "HS256", {"kid": jwt.get_unverified_header(good)["kid"]})
    tampered = f"{header}.{part({**claims, 'email': 'admin@example.org'})}.{signature}"
    mixed = provider.token("ES256", header={"kid": jwt.get_unverified_header(good)["kid"]})
    for token, reason in (
        (unsigned, "algorithm"), (symmetric, "algorithm"), (tampered, "signature"), (mixed, "algorithm"),
        ("x.y.z", "malformed"), ("x" * 20_000, "malformed"), (f"{header}..{signature}", "signature"),
    ):  # fmt: skip
        assert _reason(verifier, token) == reason


def test_a_new_key_is_taken_without_a_start_and_forged_ones_make_no_flood(
    verifier: OidcVerifier, provider: Provider, clock: Clock
) -> None:
    verifier.verify(provider.token())
    asked = provider.asked()
    for number in range(50):
        assert _reason(verifier, provider.token(header={"kid": f"forged-{number}"})) == "unknown-key"
    assert provider.asked() == asked
    provider.rotate()
    clock.at += 11
    verifier.verify(provider.token())
    assert provider.asked() == asked + 1
    for number in range(50):
        assert _reason(verifier, provider.token(header={"kid": f"forged-{number}"})) == "unknown-key"
    assert provider.asked() == asked + 1


def test_many_at_once_ask_for_the_keys_once(verifier: OidcVerifier, provider: Provider) -> None:
    token, asked = provider.token(), provider.asked()
    together, people = threading.Barrier(8), []

    def sign_in() -> None:
        together.wait()
        people.append(verifier.verify(token).person)

    threads = [threading.Thread(target=sign_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert people == ["alice@example.org"] * 8
    assert provider.asked() == asked + 1


def test_keys_outlive_the_provider_for_a_day_and_without_any_it_is_said(clock: Clock) -> None:
    with running() as gone:
        kept = OidcVerifier(_settings(gone.issuer), clock=clock)
        never = OidcVerifier(_settings(gone.issuer), clock=clock)
        token = gone.token()
        kept.verify(token)
    clock.at += 3 * 3600
    assert kept.verify(token).person == "alice@example.org"
    with pytest.raises(ProviderDown, match="can't be asked"):
        never.verify(token)
    clock.at += 24 * 3600
    with pytest.raises(ProviderDown):
        kept.verify(token)


def test_an_address_that_is_not_verified_names_nobody(verifier: OidcVerifier, provider: Provider) -> None:
    assert verifier.verify(provider.token(email_verified=False)).person == "s-1"
    assert verifier.verify(provider.token(email=None)).person == "s-1"


def test_tokens_of_other_clients_are_not_accepted_where_clients_are_named(provider: Provider) -> None:
    opened = OidcVerifier(_settings(provider.issuer, clients=["muster-cli"], groups_claim="realm_access.roles"))
    claims = opened.verify(provider.token(azp="muster-cli", realm_access={"roles": ["a"]}))
    assert claims.groups == ("a",)
    assert _reason(opened, provider.token(azp="wiki")) == "client"
    opened.close()


def test_who_signs_in_has_what_groups_give_and_what_was_given_here(
    verifier: OidcVerifier, provider: Provider, tmp_path: Path
) -> None:
    opened = inventory(tmp_path).registry
    with opened.changing(asking()) as change:
        people.put_person(change, "alice@example.org", PersonSpec(name="Alice"))
        people.put_team(change, "support", TeamSpec(name="Support", members=["alice@example.org"]))
    with opened.changing(asking(if_match="*")) as change:
        people.put_roles(change, "alice@example.org", Roles(roles=[RoleGiven(role=Role.AUDITOR)]))
    known = Authenticator(opened.database, provider=verifier)
    caller = known.caller(f"Bearer {provider.token(groups=['muster-sre'])}")
    assert (caller.actor, caller.org, sorted(caller.teams)) == ("person:alice@example.org", "default", ["support"])
    assert {grant.role for grant in caller.grants} == {Role.SRE, Role.AUDITOR}
    assert reach(caller, Scope.AUDIT_READ).everything
    with opened.changing(asking(if_match="*")) as change:
        people.put_person(change, "alice@example.org", PersonSpec(name="Alice", active=False))
    with pytest.raises(NotAuthenticated, match="no longer active"):
        known.caller(f"Bearer {provider.token()}")


@pytest.mark.parametrize(
    ("text", "words"),
    [("x", "no TOML"), ("[[group]]\ngroup = 'a'\nrole = 'king'", "group 1: role"), ("a = 1", r"\[\[group\]\]"),
     ("[[group]]\nrole = 'sre'", "group 1: group")],
)  # fmt: skip
def test_a_file_of_groups_that_can_not_be_used_says_why(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(text)
    with pytest.raises(MappingError, match=words):
        OidcVerifier(_settings("http://127.0.0.1:9", groups_file=path))


def test_an_issuer_elsewhere_must_be_https() -> None:
    for wrong in ("http://login.example.org", "ftp://x", "login"):
        with pytest.raises(ValidationError, match="https"):
            _settings(wrong)
    assert _settings("https://login.example.org").issuer
