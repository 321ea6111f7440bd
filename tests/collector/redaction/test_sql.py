"""The engine and Python make the same of every text, and the gate is open wherever a rule has something to do."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.redaction.gates import necessary
from collector.redaction.policy import Policy, parse, shipped
from collector.redaction.redactor import Redactor
from collector.redaction.sql import RedactionSql, literal
from collector.store.connection import Store
from tests.collector.redaction.engine import ask
from tests.collector.redaction.samples import AROUND, HARMLESS, SECRETS

OWN = parse(
    rb"""
disable = ["phone"]
[[rule]]
name = "customer"
pattern = 'C-[0-9]{4}'
action = "tokenise"
attributes = ["app.*"]
orgs = ["acme"]
[[rule]]
name = "customer"
attribute = "app.customer"
action = "tokenise"
[[rule]]
name = "cookie"
attribute = "http.request.header.*"
action = "mask"
[[rule]]
name = "gone"
attribute = "gone"
action = "drop"
[[rule]]
name = "greedy"
pattern = ['(?i)foo\s(a|b)', 'b[^c]{2}\b', '\xc3\xa9+']
action = "drop"
except_attributes = ["app.*"]
[[rule]]
name = "last"
pattern = "^'x.$"
action = "mask"
""",
    "own.toml",
)
KEYS = ["", "user.id", "app.customer", "app.x", "http.request.header.cookie", "gone", "gen_ai.input.messages"]
PIECES = [
    *(secret for found in SECRETS.values() for secret in found),
    *HARMLESS,
    *(
        "C-1234",
        "FOO\ta",
        "bxyz",
        "éé",
        "'x'",
        "\n",
        " ",
        "\\n",
        "\\",
        '"',
        "\U0010ff03",
        "\U0010fffd",
        "\x00",
        "[",
        "+1",
    ),
]
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=5).map("".join)


def same(store: Store, policy: Policy, org: str, pairs: list[tuple[str, str]], key: str = "key") -> None:
    redactor = Redactor(policy, key)
    for (name, text), row in zip(pairs, ask(store, policy, org, pairs, key), strict=True):
        expected = redactor.redact(org, name, text)
        assert row.texts == [expected.text], (name, text)
        assert row.counts == expected.counts, (name, text)


@pytest.mark.parametrize("policy", [shipped(), OWN])
@pytest.mark.parametrize("org", ["acme", "other"])
def test_the_engine_and_python_agree_on_samples(store: Store, policy: Policy, org: str) -> None:
    pieces = [around.format(piece) for piece in PIECES for around in AROUND]
    same(store, policy, org, [(KEYS[number % len(KEYS)], piece) for number, piece in enumerate(pieces)])
    same(store, policy, org, [(key, "C-1234 bob@example.com") for key in KEYS])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(st.sampled_from(KEYS), texts), min_size=1, max_size=60),
    policy=st.sampled_from([shipped(), OWN]),
)
def test_the_engine_and_python_agree_on_any_text(store: Store, pairs: list[tuple[str, str]], policy: Policy) -> None:
    same(store, policy, "acme", pairs)


def test_without_a_key_there_are_masks(store: Store) -> None:
    same(store, OWN, "acme", [("", "zoe@example.com"), ("app.customer", "x")], key="")
    (row,) = ask(store, OWN, "acme", [("", "zoe@example.com")], key="")
    assert row.texts == ["[redacted:email]"]


def test_equal_values_stay_joinable(store: Store) -> None:
    rows = ask(store, OWN, "acme", [("app.customer", "C-1234"), ("app.x", "of C-1234")])
    assert rows[1].texts == [f"of {rows[0].texts[0]}"]
    other = ask(store, OWN, "acme", [("app.customer", "C-1234")], key="another")
    assert other[0].texts != rows[0].texts


def test_a_row_of_many_texts_is_counted_whole(store: Store) -> None:
    sql = RedactionSql(shipped())
    mails = ["a@example.com b@example.com", "none", "c@example.com"]
    ((changed, counts),) = (
        store.client()
        .query(
            f"SELECT {sql.redacted('s', 'o', 'k', 't')}, {sql.counted('s', 'o', 'k', 't')} FROM (SELECT 'o' AS o, "
            "{t:Array(String)} AS t, ['', '', ''] AS k, 'key' AS redaction_key, "
            f"{sql.suspicious('o', 'k', 't')} AS s)",
            parameters={"t": mails},
        )
        .result_rows
    )
    assert changed[1] == "none"
    assert counts == {"email": 3}


def test_one_text_needs_no_arrays(store: Store) -> None:
    sql = RedactionSql(shipped())
    (row,) = (
        store.client()
        .query(
            f"SELECT {sql.redacted_text('s', 'o', 't')}, {sql.counted_text('s', 'o', 't')} FROM (SELECT 'o' AS o, "
            f"{{t:String}} AS t, {sql.suspicious_text('o', 't')} AS s, '' AS redaction_key)",
            parameters={"t": "to bob@example.com"},
        )
        .result_rows
    )
    assert row == ("to [redacted:email]", {"email": 1})


def test_an_empty_policy_costs_nothing(store: Store) -> None:
    sql = RedactionSql(parse(b'extend = "none"', "none.toml"))
    assert sql.suspicious("o", "k", "t") == "0"
    assert sql.redacted("0", "o", "k", "t") == "t"
    assert sql.redacted_text("0", "o", "t") == "t"
    assert store.client().query(f"SELECT {sql.counted('0', 'o', 'k', 't')}").result_rows == [({},)]


def test_no_text_makes_it_throw(store: Store) -> None:
    sql = RedactionSql(OWN)
    expression = sql.redacted(sql.suspicious("'acme'", "['app.x']", "[t]"), "'acme'", "['app.x']", "[t]")
    bytes_of_all_kinds = (
        "arrayJoin([unhex('FF'), unhex('C3'), unhex('FF41402E'), concat('a@b.example', unhex('F490'))])"
    )
    rows = (
        store.client()
        .query(f"SELECT hex({expression}[1]) FROM (SELECT {bytes_of_all_kinds} AS t, 'key' AS redaction_key)")
        .result_rows
    )
    assert len(rows) == 4


def test_no_key_stands_in_the_statement() -> None:
    sql = RedactionSql(OWN)
    assert "redaction_key" in sql.redacted("s", "o", "k", "t")


def test_many_rules_are_a_statement_that_the_engine_reads(store: Store) -> None:
    rules = "".join(f"[[rule]]\nname='r{n}'\npattern='secret-{n}\\b'\naction='tokenise'\n" for n in range(40))
    policy = parse(rules.encode(), "many.toml")
    same(store, policy, "acme", [("", "secret-7 secret-39 bob@example.com")])


# Gates


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(many=st.lists(texts, min_size=1, max_size=60))
def test_where_a_rule_matches_its_gate_is_open(store: Store, many: list[str]) -> None:
    redactor = Redactor(shipped(), "key")
    rows = ask(store, shipped(), "acme", [("", text) for text in many])
    for text, row in zip(many, rows, strict=True):
        assert row.suspicious or not redactor.redact("acme", "", text).counts, text


@pytest.mark.parametrize("rule", shipped().rules, ids=lambda rule: str(rule.name))
def test_each_shipped_gate_is_open_for_its_rule(store: Store, rule: object) -> None:
    (found,) = [r for r in shipped().rules if r is rule or r == rule]
    gates = f"[{', '.join(map(literal, found.gates or ()))}]"
    secrets = [around.format(secret) for secret in SECRETS[found.name] for around in AROUND]
    rows = (
        store.client()
        .query(
            f"SELECT t FROM (SELECT arrayJoin({{t:Array(String)}}) AS t) WHERE NOT multiMatchAny(t, {gates})",
            parameters={"t": secrets},
        )
        .result_rows
    )
    assert rows == []


@pytest.mark.parametrize(
    ("pattern", "gate"),
    [
        (r"\bC-[0-9]{4}\b", "C-[0-9]{4}"),
        (r"^ab{2,30}$", "ab{2,}"),
        (r"[0-9]{20}", "[0-9]{8,}"),
        (r"(a|b)[^c]+?d", "(?:a|b).+d"),
        (r"(?i)key", None),
        (r"\pN+", None),
        (r"a\s", None),
        (r"(^|x)a", None),
        (r"\b", None),
    ],
)
def test_a_gate_is_made_of_what_is_surely_needed(pattern: str, gate: str | None) -> None:
    assert necessary(pattern) == gate


ATOMS = st.sampled_from(["a", "b", "0", r"\d", r"\w", "[ab]", "[^a]", ".", r"\.", "(a|b0)", "(?:ab)+", "é"])
REPEATS = st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,3}", "{9,12}", "+?"])
BORDERS = st.sampled_from(["", "", "", r"\b", "^", "$"])
patterns = st.lists(st.tuples(BORDERS, ATOMS, REPEATS), min_size=1, max_size=5).map(
    lambda parts: "".join(f"{border}{atom}{repeat}" for border, atom, repeat in parts)
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(patterns, min_size=1, max_size=20),
    many=st.lists(st.text(alphabet="ab0. é\n", max_size=20), min_size=1, max_size=40),
)
def test_a_made_gate_is_open_wherever_its_pattern_matches(store: Store, made: list[str], many: list[str]) -> None:
    for pattern in made:
        gate = necessary(pattern)
        if gate is None:
            continue
        shut = (
            store.client()
            .query(
                f"SELECT t FROM (SELECT arrayJoin({{t:Array(String)}}) AS t) "
                f"WHERE match(t, {literal('(?-s)' + pattern)}) AND NOT multiMatchAny(t, [{literal(gate)}])",
                parameters={"t": many},
            )
            .result_rows
        )
        assert shut == [], (pattern, gate)
