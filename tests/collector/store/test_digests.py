"""The digest of arguments: the same in the engine and in Python, whatever way the arguments are written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.store.connection import Store
from collector.store.digests import DEPTH, arguments_digest, canonical, canonical_sql, digest_sql

KEY = "0f" * 32
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = (
    st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1e21, 1e22, 1e-7, 123456789.123456789, 5e-324, 1.7976931348623157e308, 0.5, 100.0])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=4),
    max_leaves=12,
)


def in_engine(store: Store, texts: list[str]) -> list[tuple[str, str]]:
    """Canonical form and digest of each."""
    rows = store.client().query(
        f"SELECT {canonical_sql('t')}, {digest_sql('t', 'k')} FROM (SELECT arrayJoin({{texts:Array(String)}}) AS t, "
        "{key:String} AS k)",
        parameters={"texts": texts, "key": KEY},
    )
    return [(str(text), str(digest)) for text, digest in rows.result_rows]


def written(value: Any, draw: Any) -> str:
    """JSON in one of the ways in which people write it."""
    return json.dumps(
        value,
        ensure_ascii=draw(st.booleans()),
        sort_keys=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])),
        indent=draw(st.sampled_from([None, 2])),
    )


def test_engine_and_python_agree(store: Store) -> None:
    texts: list[str] = []

    @settings(max_examples=300, deadline=None, derandomize=True, database=None)
    @given(st.data())
    def make(data: Any) -> None:
        texts.append(written(data.draw(VALUES), data.draw))

    make()
    texts += ["", "not {json", '"text"', "[]", "{}", " [1 , 2]\n", '{"a":1}x', "[1e400]", '{"n":123456789012345678901}']
    texts += [
        '{"a":"\\ud83d"}',
        "NaN",
        '{"a/b":"</script>\u2028"}',
        '{"b":1,"a":2,"a":1}',
        "-0",
        "-0.0",
        " -0e3",
        "tru",
        '["\\u0000"]',
    ]
    found = in_engine(store, texts)
    wanted = [(canonical(text), arguments_digest(text, KEY.encode())) for text in texts]
    assert [(t, f, w) for t, f, w in zip(texts, found, wanted, strict=True) if f != w] == []


def test_the_same_arguments_have_one_digest_however_they_are_written(store: Store) -> None:
    ways = [
        '{"city": "Zürich", "limit": 5, "near": {"lon": 8.5, "lat": 47.0}}',
        '{"limit":5,"near":{"lat":47,"lon":8.50},"city":"Z\\u00fcrich"}',
        '{\n  "near": {"lat": 47.00, "lon": 8.5},\n  "limit": 5,\n  "city": "Zürich"\n}',
    ]
    assert len({digest for _, digest in in_engine(store, ways)}) == 1
    other = ways[0].replace("5,", "6,")
    assert arguments_digest(other, KEY.encode()) != arguments_digest(ways[0], KEY.encode())


def test_another_key_gives_another_digest_and_nothing_has_none() -> None:
    assert arguments_digest("{}", b"a") != arguments_digest("{}", b"b")
    assert arguments_digest("", b"a") == ""


def test_objects_are_sorted_to_a_depth_that_is_told() -> None:
    def nested(keys: str, depth: int) -> str:
        inner = "{" + ",".join(f'"{key}":1' for key in keys) + "}"
        return '{"x":' * depth + inner + "}" * depth

    assert canonical(nested("ba", DEPTH - 1)) == canonical(nested("ab", DEPTH - 1))
    assert canonical(nested("ba", DEPTH)) != canonical(nested("ab", DEPTH))
