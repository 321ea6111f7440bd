"""Who may send, and where nobody needs to ask."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.errors import Unauthenticated
from collector.receivers.auth import Anonymous, SettingsError, StaticTokens, check_bind
from collector.signals import Method, Principal

TOKEN = "token-of-checkout"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
ENTRY = f'[[token]]\nsha256 = "{DIGEST}"\norg = "acme"\nidentity = "checkout"\n'
ACME = Principal("acme", "checkout", Method.TOKEN)


def tokens(path: Path, content: str = ENTRY, mode: int = 0o600, now: str = "2026-06-01T00:00:00Z") -> StaticTokens:
    file = path / "tokens.toml"
    file.write_text(content)
    file.chmod(mode)
    return StaticTokens(file, now=lambda: datetime.fromisoformat(now))


def test_anonymous_takes_everybody_as_nobody() -> None:
    assert Anonymous().verify(None) == Principal("default", "", Method.NONE)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_a_known_token_is_its_principal(tmp_path: Path, scheme: str) -> None:
    assert tokens(tmp_path).verify(f"{scheme} {TOKEN}") == ACME


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", "Bearer other", "Bearer \udcff"]
)
def test_anything_else_is_refused_with_the_remedy_and_without_the_token(
    tmp_path: Path, authorization: str | None
) -> None:
    with pytest.raises(Unauthenticated, match="Authorization: Bearer <token>") as caught:
        tokens(tmp_path).verify(authorization)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "expires", ["2026-06-02", '"2026-06-02"', "2026-06-02T00:00:00Z", '"2026-06-02T02:00:00+02:00"']
)
def test_a_token_ends_when_it_expires(tmp_path: Path, expires: str) -> None:
    content = f"{ENTRY}expires = {expires}\n"
    assert tokens(tmp_path, content, now="2026-06-01T23:59:59Z").verify(f"Bearer {TOKEN}") == ACME
    with pytest.raises(Unauthenticated, match="expired"):
        tokens(tmp_path, content, now="2026-06-02T00:00:00Z").verify(f"Bearer {TOKEN}")


def test_neither_repr_nor_errors_show_a_token_or_its_digest(tmp_path: Path) -> None:
    verifier = tokens(tmp_path)
    assert TOKEN not in repr(verifier)
    assert DIGEST not in repr(vars(verifier))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SettingsError, match=r"chmod 600 .*tokens\.toml"):
        tokens(tmp_path, mode=mode)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "must hold"),
        ("token = 1", "must hold"),
        ("x = 1\n" + ENTRY, "must hold"),
        ("[[token]\nsecret", "not valid TOML"),
        (ENTRY + ENTRY, "token 2 is there twice"),
        ("[[token]]\norg = 'a'\nidentity = 'b'", "token 1: needs sha256"),
        ("[[token]]\nsha256 = 'secret'\norg = 'a'\nidentity = 'b'", "64 hex digits"),
        (ENTRY.replace('"acme"', '""'), "org and identity"),
        (ENTRY.replace('"checkout"', "7"), "org and identity"),
        (ENTRY + "token = 'secret'", "nothing else"),
        (ENTRY + "expires = 'soon'", "ISO date"),
        (ENTRY + "expires = 2027-01-31T00:00:00", "offset"),
        (ENTRY + "expires = 7", "ISO date"),
    ],
)
def test_a_file_that_is_wrong_is_refused_without_quoting_it(tmp_path: Path, content: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what) as caught:
        tokens(tmp_path, content)
    assert "MUSTER_COLLECTOR_TOKENS_FILE" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        StaticTokens(tmp_path / "none.toml")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"])
def test_loopback_needs_no_tokens(host: str) -> None:
    check_bind(host, Anonymous())


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "[::]", "10.0.0.1", "muster.example", "127.1", "::ffff:10.0.0.1"]
)
def test_any_other_bind_without_tokens_is_refused_with_the_remedy(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="Set MUSTER_COLLECTOR_TOKENS_FILE to a token file"):
        check_bind(host, Anonymous())
    check_bind(host, tokens(tmp_path))


def test_a_token_without_an_end_never_expires(tmp_path: Path) -> None:
    far = datetime.max.replace(tzinfo=UTC).isoformat()
    assert tokens(tmp_path, now=far).verify(f"Bearer {TOKEN}") == ACME
