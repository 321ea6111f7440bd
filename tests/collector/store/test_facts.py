"""One vocabulary: whatever names a sender uses, the same columns say the same; what it sent is kept."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.signals import Signal
from collector.store import contents, facts
from collector.store.connection import Store, StoreError
from collector.store.facts import Facts
from collector.store.writer import Writer
from tests.collector.store.batches import Batch
from tests.end_to_end import stored
from tests.vocabulary import TABLE, Value, alike, facts_of

Attributes = Mapping[str, str]
COLUMNS = list(TABLE)
TEXTS = "tuple(mapKeys(Texts), arrayMap(ids -> arrayMap(i -> hex(i), ids), mapValues(Texts))) AS texts"
SPAN_NAMES = sorted(
    {name for row in TABLE.values() for names in (row["from"], *row.get("on", {}).values()) for name in names}
)
RESOURCE_NAMES = sorted({name for row in TABLE.values() for name in row.get("resource", ())})


def _function(call: str) -> tuple[str, str]:
    """OpenInference has a function in a call, OpenLLMetry hasn't."""
    return ("function.name", "function.arguments") if "tool_call" in call else ("name", "arguments")


PIECES = [
    f"{prefix}{number}.{name}"
    for prefix, part, call in (
        ("llm.input_messages.", "message.", "tool_call.{}"),
        ("llm.output_messages.", "message.", "tool_call.{}"),
        ("gen_ai.prompt.", "", "{}"),
        ("gen_ai.completion.", "", "{}"),
    )
    for number in (0, 1, 2, 10)
    for name in (
        *(part + name for name in ("role", "content", "tool_call_id", "contents.0.message_content.text", "name")),
        *(f"{part}tool_calls.{n}.{call.format(name)}" for n in (0, 1) for name in ("id", *_function(call))),
        "finish_reason",
    )
]
NAME = "the span's own"
WORDS = [
    "chat",
    "LLM",
    "TOOL",
    "tool",
    "agent",
    "AGENT",
    "workflow",
    "execute_tool",
    "invoke_agent",
    "Embedding",
    "own",
]


def some_value(name: str, draw: Random) -> str:
    if draw.random() < 0.1:
        return ""
    if "token" in name or "usage" in name:
        return draw.choice(["0", "7", "120", "18446744073709551615", "18446744073709551616", "-1", "1.5", "many"])
    if name.endswith("arguments"):
        return draw.choice(['{"a": [1, 2.5, null]}', "not {json", '"text"', "[]"])
    if "cost" in name:
        return draw.choice(["0.0001992", "1.5e-05", "12", "-0.5", "cheap"])
    if name in TABLE["Operation"]["from"]:
        return draw.choice(WORDS)
    return draw.choice(["openai", "Azure", "vertex_ai", "ü 'quoted' \\", f"text {draw.randrange(100)}"])


def some_spans(count: int) -> list[tuple[Attributes, Attributes]]:
    draw = Random(7)
    spans: list[tuple[Attributes, Attributes]] = []
    for number in range(count):
        # A name by itself first, then more and more of them at once.
        names = [SPAN_NAMES[number % len(SPAN_NAMES)], *draw.sample(SPAN_NAMES, draw.randrange(1 + number // 20))]
        if draw.random() < 0.7:
            names += draw.sample(TABLE["Operation"]["from"], 1)
        if draw.random() < 0.3:
            names += draw.sample(PIECES, draw.randrange(12))
        draw.shuffle(names)
        sent = {name: some_value(name, draw) for name in names} | {"own": "kept"}
        spans.append((sent, {name: some_value(name, draw) for name in draw.sample(RESOURCE_NAMES, draw.randrange(3))}))
    return spans


def insert(writer: Writer, spans: list[tuple[Attributes, Attributes]]) -> str:
    """The organisation that they belong to."""
    request = ExportTraceServiceRequest()
    for number, (attributes, resource) in enumerate(spans, 1):
        at = request.resource_spans.add()
        for key, text in resource.items():
            at.resource.attributes.add(key=key).value.string_value = text
        span = at.scope_spans.add().spans.add(trace_id=bytes(15) + b"\1", span_id=number.to_bytes(8, "big"), name=NAME)
        for key, text in attributes.items():
            span.attributes.add(key=key).value.string_value = text
    batch = Batch(writer, Signal.TRACES, request)
    batch.insert()
    return batch.org


def rows(store: Store, org: str) -> list[dict[str, Any]]:
    """The columns, with the texts that are kept in `contents` put back where they belong."""
    chosen = ", ".join([*COLUMNS, "Moved", "SpanAttributes", TEXTS])
    found = store.client().query(
        f"SELECT {chosen} FROM otel_traces WHERE Org = {{org:String}} ORDER BY SpanId", parameters={"org": org}
    )
    pieces = stored.pieces(stored.ask(store))
    whole: list[dict[str, Any]] = []
    for row in found.named_results():
        texts = {name: "".join(pieces[i] for i in ids) for name, ids in zip(*row["texts"], strict=True)}
        columns = {column: texts[name] for name, column in stored.LARGE.items() if name in texts}
        whole.append({**row, **columns, "texts": texts})
    return whole


def facts_in(row: Mapping[str, Any]) -> dict[str, Value]:
    return {column: row[column] for column in COLUMNS}


def alike_all(found: Mapping[str, Value]) -> dict[str, Any]:
    return {column: alike(value) for column, value in found.items()}


@pytest.fixture(scope="module")
def spans() -> list[tuple[Attributes, Attributes]]:
    return some_spans(600)


@pytest.fixture(scope="module")
def org(writer: Writer, spans: list[tuple[Attributes, Attributes]]) -> str:
    return insert(writer, spans)


def test_every_name_tells_its_fact_and_the_preferred_one_wins(
    store: Store, org: str, spans: list[tuple[Attributes, Attributes]]
) -> None:
    found = rows(store, org)
    assert len(found) == len(spans)
    for row, (attributes, resource) in zip(found, spans, strict=True):
        assert alike_all(facts_in(row)) == alike_all(facts_of(NAME, attributes, resource)), attributes
    assert {name for attributes, _ in spans for name, text in attributes.items() if text} >= set(SPAN_NAMES)


def test_what_was_sent_is_kept_under_its_own_name(
    store: Store, org: str, spans: list[tuple[Attributes, Attributes]]
) -> None:
    moved = Facts(facts.load(), contents.load()).moved
    assert [column for _, column in moved] == [c for c, row in TABLE.items() if row.get("moved")]
    for row, (attributes, _) in zip(rows(store, org), spans, strict=True):
        told = {name for bit, (name, _) in enumerate(moved) if not row["Moved"] >> bit & 1}
        back = {name: text for name, text in row["texts"].items() if name not in told}
        assert not back.keys() & row["SpanAttributes"].keys()
        assert row["SpanAttributes"] | back == attributes


def test_rows_inserted_by_column_name_get_the_same_facts(
    store: Store, spans: list[tuple[Attributes, Attributes]]
) -> None:
    org = f"facts-{secrets.token_hex(4)}"
    store.client().insert(
        "otel_traces",
        [[org, f"{n:016x}", NAME, attributes, resource] for n, (attributes, resource) in enumerate(spans)],
        column_names=["Org", "SpanId", "SpanName", "SpanAttributes", "ResourceAttributes"],
    )
    for row, (attributes, resource) in zip(rows(store, org), spans, strict=True):
        assert alike_all(facts_in(row)) == alike_all(facts_of(NAME, attributes, resource)), attributes
        assert (row["Moved"], row["SpanAttributes"]) == (0, attributes)


def test_the_table_covers_what_the_three_dialects_say() -> None:
    for name in ("gen_ai.provider.name", "gen_ai.system", "llm.provider"):
        assert name in TABLE["Provider"]["from"]
    assert all(row["type"] in ("name", "id", "text", "count", "money") for row in TABLE.values())
    assert not [column for column, row in TABLE.items() if row.get("alias") and row.get("moved")]


@pytest.mark.parametrize(
    ("row", "word"), [({"type": "number", "from": []}, "type"), ({"type": "id", "form": []}, "form")]
)
def test_a_wrong_row_is_named(monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], word: str) -> None:
    monkeypatch.setattr("tomllib.loads", lambda _: {"Operation": row})
    with pytest.raises(StoreError, match=f"facts.toml, Operation: .*{word}"):
        facts.load()


def test_a_name_may_serve_several_facts() -> None:
    made = Facts(facts.load(), contents.load())
    shared = dataclasses.replace(made.facts[-1], column="Other", moved=False)
    assert "AS Other" in Facts((*made.facts, shared), contents.load()).select("n", "k", "t", "r")
