"""A policy file says what it does, and what is wrong with it, in words."""

from __future__ import annotations

import pytest

from collector.redaction.policy import Action, PolicyError, parse, shipped
from collector.redaction.redactor import Redactor

RULE = "[[rule]]\nname = 'one'\naction = 'mask'\n"


def test_own_rules_go_first_and_shipped_ones_can_be_left_out() -> None:
    policy = parse(f"disable = ['phone', 'email']\n{RULE}pattern = 'one'".encode(), "p.toml")
    assert policy.rules[0].name == "one"
    names = [rule.name for rule in policy.rules[1:]]
    assert names == [rule.name for rule in shipped().rules if rule.name not in ("phone", "email")]


def test_extending_none_leaves_only_own_rules() -> None:
    policy = parse(f"extend = 'none'\n{RULE}attribute = 'a.*'".encode(), "p.toml")
    assert [rule.action for rule in policy.rules] == [Action.MASK]


def test_equal_policies_have_equal_ids() -> None:
    one = parse(f"{RULE}pattern = 'one'\norgs = ['a', 'b']".encode(), "p.toml")
    same = parse(f"# said otherwise\n{RULE}orgs = ['b', 'a', 'a']\npattern = ['one']".encode(), "q.toml")
    other = parse(f"{RULE}pattern = 'two'\norgs = ['a', 'b']".encode(), "p.toml")
    assert one.id == same.id != other.id
    assert parse(b"", "empty.toml").id == shipped().id


def test_identity_attributes_can_be_chosen() -> None:
    redactor = Redactor(parse(b"identity_attributes = ['who']", "p.toml"), "key")
    assert redactor.redact("acme", "who", "a@example.com").text == "a@example.com"
    assert redactor.redact("acme", "user.id", "a@example.com").text != "a@example.com"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("rule = 1", "p.toml, rule"),
        ("[[rule", "p.toml is not TOML"),
        ("extent = 'none'", "p.toml, extent: unknown; there are extend, disable"),
        (RULE, r"p.toml, rule 1 \(one\): give exactly one of pattern and attribute"),
        (f"{RULE}pattern = 'a'\nattribute = 'a'", "exactly one"),
        (f"{RULE}pattern = '(a'", r"rule 1 \(one\): pattern is not a regular expression that RE2 reads"),
        (f"{RULE}pattern = '(?=a)'", "RE2"),
        (f"{RULE}pattern = ['a', '(']", "pattern 2 is not"),
        (f"{RULE}pattern = 'a*'", "matches where nothing is"),
        (f"{RULE}pattern = '\\b'", "matches where nothing is"),
        (f"{RULE}pattern = '{'(a)' * 7}'", "6 groups"),
        (f"{RULE}pattern = 'a'\nbefore = '(b)'", "before may not capture"),
        (f"{RULE}pattern = 'a'\nacton = 'drop'", r"rule 1 \(one\), acton: unknown; there are name"),
        (f"{RULE}pattern = 'a'\norgs = []", "orgs"),
        (f"{RULE}pattern = 'a'\nattributes = ['a*b']", "attributes"),
        (f"{RULE}pattern = 'a'\ngate = ['a']", "gate: unknown"),
        (f"{RULE}attribute = 'a'\nattributes = ['b']", "belong to a pattern"),
        ("[[rule]]\nname = 'No'\naction = 'mask'\npattern = 'a'", r"rule 1 \(No\), name"),
        ("[[rule]]\nname = 'a'\naction = 'hide'\npattern = 'a'", "action: .*mask.*drop.*tokenise"),
        ("disable = ['emale']", "no shipped rule is called emale; there are private-key"),
        ("extend = 'none'\ndisable = ['email']", "about shipped rules"),
        ("".join(f"{RULE}pattern = 'a{n}'\n" for n in range(60)), "more than 64"),
    ],
)
def test_what_is_wrong_is_named(content: str, complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        parse(content.encode(), "p.toml")
