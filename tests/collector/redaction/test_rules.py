"""The shipped rules find what they are for, wherever it stands, and nothing that only looks like it."""

from __future__ import annotations

import json

import pytest

from collector.redaction.policy import shipped
from collector.redaction.redactor import Redactor
from tests.collector.redaction.samples import AROUND, HARMLESS, SECRETS

REDACTOR = Redactor(shipped(), "key")


def test_every_shipped_rule_has_a_sample() -> None:
    assert {rule.name for rule in shipped().rules} == SECRETS.keys()


@pytest.mark.parametrize(("name", "secret"), [(name, secret) for name, found in SECRETS.items() for secret in found])
@pytest.mark.parametrize("around", AROUND)
def test_a_secret_is_found_wherever_it_stands(name: str, secret: str, around: str) -> None:
    redacted = REDACTOR.redact("acme", "", around.format(secret))
    assert redacted.counts.get(name) == 1
    assert secret not in redacted.text


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("around", AROUND)
def test_what_only_looks_like_one_stays(text: str, around: str) -> None:
    whole = around.format(text)
    redacted = REDACTOR.redact("acme", "", whole)
    assert redacted.text == whole
    assert redacted.counts == {}


@pytest.mark.parametrize("secret", [secret for found in SECRETS.values() for secret in found if "\\" not in secret])
def test_json_stays_json(secret: str) -> None:
    for text in (f"a\n{secret}\tb", f'"{secret}"', f"C:\\{secret}", f"é{secret}\u2028"):
        once = json.dumps([{"content": text}])
        for whole in (once, json.dumps({"inner": once}), json.dumps([text], ensure_ascii=False)):
            redacted = REDACTOR.redact("acme", "", whole)
            json.loads(redacted.text)


def test_neighbours_are_all_found() -> None:
    cards = " ".join(["4111111111111111"] * 3)
    assert REDACTOR.redact("acme", "", cards).counts == {"payment-card": 3}
    mails = ",".join(["bob@example.com", "eve@example.com"] * 2)
    assert REDACTOR.redact("acme", "", mails).counts == {"email": 4}


@pytest.mark.parametrize("key", ["user.id", "enduser.id", "muster.approval.approver"])
def test_who_asked_and_who_decided_stays_known(key: str) -> None:
    assert REDACTOR.redact("acme", key, "bob@example.com").text == "bob@example.com"
    assert "sk-" not in REDACTOR.redact("acme", key, SECRETS["model-key"][0]).text


def test_what_was_redacted_is_not_redacted_again() -> None:
    for found in SECRETS.values():
        for secret in found:
            once = REDACTOR.redact("acme", "", f"x {secret} y").text
            assert REDACTOR.redact("acme", "", once).text == once
