"""Content is kept once: a conversation takes what is new in it, and every text comes back byte for byte."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.signals import Signal
from collector.store import contents
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.collector.store.batches import NOW, Batch
from tests.end_to_end import stored

Messages = list[dict[str, Any]]
Sent = dict[str, str]


def said(turn: int) -> Messages:
    """A turn's two messages, of some hundred bytes that are like no other turn's."""
    return [
        {"role": role, "parts": [{"type": "text", "content": f"{role} {turn}: {secrets.token_hex(200)}"}]}
        for role in ("user", "assistant")
    ]


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def as_opentelemetry(messages: Messages) -> Sent:
    return {"gen_ai.operation.name": "chat", "gen_ai.input.messages": compact(messages)}


def as_python_writes_it(messages: Messages) -> Sent:
    return {"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages)}


def as_openinference(messages: Messages) -> Sent:
    plain = [{"role": message["role"], "content": message["parts"][0]["content"]} for message in messages]
    sent = {"openinference.span.kind": "LLM", "input.value": json.dumps({"messages": plain, "model": "m"})}
    for number, message in enumerate(plain):
        for part, text in message.items():
            sent[f"llm.input_messages.{number}.message.{part}"] = text
    return sent


def as_openllmetry(messages: Messages) -> Sent:
    sent = {"llm.request.type": "chat"}
    for number, message in enumerate(messages):
        sent[f"gen_ai.prompt.{number}.role"] = message["role"]
        sent[f"gen_ai.prompt.{number}.content"] = message["parts"][0]["content"]
    return sent


def as_langchain(messages: Messages) -> Sent:
    made = [{"lc": 1, "type": "constructor", "kwargs": {"content": m["parts"][0]["content"]}} for m in messages]
    return {"openinference.span.kind": "LLM", "input.value": json.dumps({"messages": [made]})}


WAYS = [as_opentelemetry, as_python_writes_it, as_openinference, as_openllmetry, as_langchain]


def spans(attributes: list[Sent], service: str = "chatbot", at: int = NOW) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    scope = resource.scope_spans.add()
    for number, sent in enumerate(attributes):
        span = scope.spans.add(trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8), name=f"chat {number}")
        span.start_time_unix_nano = span.end_time_unix_nano = at
        for key, text in sent.items():
            span.attributes.add(key=key).value.string_value = text
    return request


def conversation(turns: int, way: Callable[[Messages], Sent]) -> list[Sent]:
    """A call a turn, each with all that was said before."""
    history: Messages = [{"role": "system", "parts": [{"type": "text", "content": "be brief " * 60}]}]
    calls: list[Sent] = []
    for turn in range(turns):
        history = [*history, *said(turn)]
        calls.append(way(history))
    return calls


def in_order(spans: list[Sent]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(span.items()) for span in spans)


def kept(store: Store, org: str) -> tuple[int, int]:
    """(pieces, bytes) of an organisation's content, and each piece once."""
    ((pieces, size, distinct),) = (
        store.client()
        .query(
            "SELECT count(), sum(length(Content)), uniqExact(Day, ServiceName, Id) FROM contents FINAL "
            "WHERE Org = {org:String}",
            parameters={"org": org},
        )
        .result_rows
    )
    assert pieces == distinct
    return int(pieces), int(size)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_fifty_turns_take_what_is_new_in_them(store: Store, writer: Writer, way: Callable[[Messages], Sent]) -> None:
    sizes: dict[int, int] = {}
    sent_bytes = 0
    for turns in (10, 50):
        calls = conversation(turns, way)
        sent_bytes = sum(len(text) for call in calls for text in call.values())
        batch = Batch(writer, Signal.TRACES, spans(calls))
        batch.insert()
        _, sizes[turns] = kept(store, batch.org)
    # Five times the turns take five times the room (the messages alone are 25 times as much to send), and a little for
    # the last message of each call where it is written with what follows.
    assert sizes[50] < 5.5 * sizes[10]
    assert sizes[50] < sent_bytes / 8


def test_calls_in_requests_of_their_own_share_their_messages_too(store: Store, writer: Writer) -> None:
    calls = conversation(20, as_opentelemetry)
    first = Batch(writer, Signal.TRACES, spans(calls[:1]))
    first.insert()
    for call in calls[1:5]:
        Batch(writer, Signal.TRACES, spans([call]), org=first.org).insert()
    pieces, _ = kept(store, first.org)
    assert pieces == len({"system", "bracket"}) + 2 * 5


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_text_comes_back_to_the_byte(store: Store, writer: Writer, way: Callable[[Messages], Sent]) -> None:
    calls = conversation(6, way)
    batch = Batch(writer, Signal.TRACES, spans(calls))
    batch.insert()
    rows = stored.spans(stored.ask(store), f"Org = '{batch.org}'")
    found = [{attribute.key: attribute.text for attribute in row.item.attributes} for row in rows]
    assert in_order(found) == in_order(calls)


ODD = [
    "[]",
    "[{}]",
    '[{"role":"user"}]',
    '[{"role":"user"},{"role":"x"}] ',
    ',{"role":',
    '[{"role": "a"}, {"role": "b"},{"role": "c"}]',
    "\0" * 300,
    '[{"role":"user","content":"\0"},{"role":"x"}]',
    '{"a": [{"role": "b", "x": [{"role": "c"}, {"role": "d"}]}, {"role": "e"}]}',
    '[{"role":"user","content":"a, {\\"role\\" b"},{"role":"z"}]',
    "]",
    "[{",
    "[{]",
    "ü" * 200,
    ', {"role"' * 50,
]


def test_whatever_is_sent_as_messages_comes_back(store: Store, writer: Writer) -> None:
    calls = [{"gen_ai.input.messages": text, "note": text * 3} for text in ODD]
    batch = Batch(writer, Signal.TRACES, spans(calls))
    batch.insert()
    rows = stored.spans(stored.ask(store), f"Org = '{batch.org}'")
    found = [{attribute.key: attribute.text for attribute in row.item.attributes} for row in rows]
    assert in_order(found) == in_order(calls)


def test_what_is_short_and_no_content_stays_in_the_row(store: Store, writer: Writer) -> None:
    long = contents.load().long
    sent = {"short": "x" * (long - 1), "long": "x" * long, "input.value": "hi", "gen_ai.prompt.version": "7"}
    batch = Batch(writer, Signal.TRACES, spans([sent]))
    batch.insert()
    ((in_row, moved),) = (
        store.client()
        .query(
            "SELECT mapKeys(SpanAttributes), mapKeys(Texts) FROM otel_traces WHERE Org = {org:String}",
            parameters={"org": batch.org},
        )
        .result_rows
    )
    assert (set(in_row), set(moved)) == ({"short", "gen_ai.prompt.version"}, {"long", "input.value"})


def test_log_records_of_a_conversation_share_their_bodies(store: Store, writer: Writer) -> None:
    history = [f"message {n} {secrets.token_hex(60)}" for n in range(10)]
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for turn in range(1, len(history) + 1):
        for text in history[:turn]:
            record = scope.log_records.add(time_unix_nano=NOW, event_name="gen_ai.user.message")
            record.body.kvlist_value.values.add(key="content").value.string_value = text
    batch = Batch(writer, Signal.LOGS, request)
    batch.insert()
    pieces, _ = kept(store, batch.org)
    assert pieces == len(history)
    rows = stored.log_records(stored.ask(store), f"Org = '{batch.org}'")
    bodies = [json.loads(row.item.body.text)["content"] for row in rows]
    assert sorted(bodies) == sorted(text for turn in range(1, 11) for text in history[:turn])


def test_an_agent_of_another_service_day_or_organisation_has_pieces_of_its_own(store: Store, writer: Writer) -> None:
    call = conversation(1, as_opentelemetry)
    day = 86_400 * 10**9
    batch = Batch(writer, Signal.TRACES, spans(call, "a"), spans(call, "b"), spans(call, "a", NOW - day))
    batch.insert()
    other = Batch(writer, Signal.TRACES, spans(call, "a"))
    other.insert()
    alone, _ = kept(store, other.org)
    assert kept(store, batch.org)[0] == 3 * alone


def test_sql_sees_whole_texts_in_the_views_of_calls(store: Store, writer: Writer) -> None:
    calls = conversation(3, as_opentelemetry)
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look_up",
        "gen_ai.tool.call.arguments": '{"id": 7}',
        "gen_ai.tool.call.result": compact([{"role": "x"}, {"role": "y"}]),
    }
    batch = Batch(writer, Signal.TRACES, spans([*calls, tool]))
    batch.insert()
    client, where = store.client(), {"org": batch.org}
    models = client.query("SELECT InputMessages FROM genai_calls WHERE Org = {org:String}", parameters=where)
    assert sorted(row[0] for row in models.result_rows) == sorted(call["gen_ai.input.messages"] for call in calls)
    tools = client.query("SELECT ToolArguments, ToolResult FROM tool_calls WHERE Org = {org:String}", parameters=where)
    assert tools.result_rows == [(tool["gen_ai.tool.call.arguments"], tool["gen_ai.tool.call.result"])]
