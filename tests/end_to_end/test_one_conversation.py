"""One conversation under seven instrumentations: the same rows and the same digests of arguments.

What a dialect has no words for is in `CANNOT_SAY`, and nothing else may differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.signals import Signal
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.collector.store.batches import Batch
from tests.fixtures.expected import FIXTURES
from tests.instrumentations import dialogue

Row = dict[str, Any]

PREFIX = "conversation-"
RECORDINGS = sorted(path.name.removeprefix(PREFIX) for path in FIXTURES.glob(f"{PREFIX}*"))

IN_EVENTS = "messages are log events under the conventions of then, and tool calls are inside them"
CANNOT_SAY: dict[str, dict[str, str]] = {
    "openai-otel": {
        "CacheReadTokens": "opentelemetry-util-genai 1.1b0 leaves the details of OpenAI's usage out",
        "ReasoningTokens": "as CacheReadTokens",
    },
    "openai-otel-legacy": {
        "CacheReadTokens": "the conventions of then had no such token",
        "ReasoningTokens": "as CacheReadTokens",
        "input": IN_EVENTS,
        "output": IN_EVENTS,
        "tools": IN_EVENTS,
    },
    "openai-openllmetry": {"ToolCallId": "an entity of Traceloop's has no id of its call"},
    "openai-openinference": {"ToolCallId": "the decorator isn't told the id of the call"},
    "langchain-openinference": {"ToolCallId": "it is inside the tool message in output.value"},
    "pydantic-ai": {"Requester": "an agent's run has no place for a user"},
    "anthropic-openllmetry": {"ReasoningTokens": "Anthropic doesn't count them apart"},
}
# Another provider's model, with its own way to count; the rest is the same.
ANOTHER_MODEL = {
    "anthropic-openllmetry": {
        "Provider": "anthropic",
        "Model": "claude-sonnet-4-5",
        "InputTokens": 2400,
        "CacheReadTokens": 2048,
    }
}
# The Anthropic client emits spans of its own beside the instrumentation's, without messages.
TOLD_TWICE = "com.anthropic.sdk.python"


SPAN = ("SpanId", "ParentSpanId", "ServiceName", "ScopeName", "StatusCode")
MODEL_CALL = ("Operation", "Provider", "Model")
TOKENS = ("InputTokens", "OutputTokens", "CacheReadTokens", "ReasoningTokens")
TOOL_CALL = ("Operation", "ToolName", "ToolCallId")
OWNERS = ("AgentName", "ConversationId", "Requester")


@dataclass(frozen=True)
class Conversation:
    calls: list[Row]
    tools: list[Row]


@pytest.fixture(scope="module")
def conversations(store: Store, writer: Writer) -> dict[str, Conversation]:
    """What the tables hold of each recording, all sent to one organisation."""
    requests = [
        ExportTraceServiceRequest.FromString(path.read_bytes())
        for recording in RECORDINGS
        for path in sorted((FIXTURES / f"{PREFIX}{recording}").glob("*.traces.pb"))
    ]
    batch = Batch(writer, Signal.TRACES, *requests)
    batch.insert()
    rows = {row["SpanId"]: row for row in spans(store, batch.org)}
    for span, found in texts(store, batch.org).items():
        rows[span] |= found
    return {recording: conversation(recording, rows) for recording in RECORDINGS}


def spans(store: Store, org: str) -> list[Row]:
    wanted = {*SPAN, *MODEL_CALL, *TOKENS, *OWNERS, *TOOL_CALL, "ArgumentsDigest"}
    return select(store, org, sorted(wanted & columns(store)))


def texts(store: Store, org: str) -> dict[str, Row]:
    """The long texts of each span."""
    statement = "SELECT SpanId, Texts FROM otel_traces WHERE Org = {org:String}"
    contents = store.client().query(
        "SELECT Id, Content FROM contents WHERE Org = {org:String}", parameters={"org": org}
    )
    pieces: dict[bytes, str] = {row[0]: row[1] for row in contents.result_rows}
    names = {
        "InputMessages": "gen_ai.input.messages",
        "OutputMessages": "gen_ai.output.messages",
        "SystemInstructions": "gen_ai.system_instructions",
        "ToolArguments": "gen_ai.tool.call.arguments",
        "ToolResult": "gen_ai.tool.call.result",
    }
    return {
        span: {column: "".join(pieces[i] for i in found.get(name, ())) for column, name in names.items()}
        for span, found in store.client().query(statement, parameters={"org": org}).result_rows
    }


def columns(store: Store) -> set[str]:
    return {row["name"] for row in store.client().query("DESCRIBE otel_traces").named_results()}


def select(store: Store, org: str, names: list[str]) -> list[Row]:
    statement = f"SELECT {', '.join(names)} FROM otel_traces WHERE Org = {{org:String}} ORDER BY Timestamp"
    return list(store.client().query(statement, parameters={"org": org}).named_results())


def conversation(recording: str, rows: Mapping[str, Row]) -> Conversation:
    mine = [row for row in rows.values() if row["ServiceName"] == recording and row["ScopeName"] != TOLD_TWICE]
    calls = [
        attributed(row, rows)
        | {name: row[name] for name in (*MODEL_CALL, *TOKENS)}
        | {"input": said(row["InputMessages"], row["SystemInstructions"]), "output": said(row["OutputMessages"])}
        for row in mine
        if row["Operation"] == "chat"
    ]
    tools = [
        attributed(row, rows)
        | {name: row[name] for name in TOOL_CALL}
        | {"arguments": value(row["ToolArguments"]), "result": result(row["ToolResult"])}
        | {"ArgumentsDigest": row["ArgumentsDigest"]}
        for row in mine
        if row["Operation"] == "execute_tool"
    ]
    return Conversation(calls, tools)


def attributed(row: Row, rows: Mapping[str, Row]) -> Row:
    """Whose it is: as the span says, or else the nearest span around it that does."""

    def around(span: Row | None) -> Iterator[Row]:
        while span is not None:
            yield span
            span = rows.get(span["ParentSpanId"])

    owned = {name: next((span[name] for span in around(row) if span[name]), "") for name in OWNERS}
    # Unset and Ok both say that nothing failed.
    return owned | {"failed": row["StatusCode"] == "Error"}


Said = tuple[Any, ...]


def said(messages: str, system: str = "") -> list[Said]:
    """(role, text), (role, "calls", id, tool, arguments) or ("tool", id, result) for each part of the messages."""
    parts: list[Said] = [("system", part["content"]) for part in json.loads(system or "[]")]
    for message in json.loads(messages or "[]"):
        for part in message["parts"]:
            match part["type"]:
                case "text":
                    parts.append((message["role"], part["content"]))
                case "tool_call":
                    parts.append((message["role"], "calls", part["id"], part["name"], value(part["arguments"])))
                case "tool_call_response":
                    # Who brings it is the tool, or the user who has the tools; Pydantic AI calls it a result.
                    parts.append(("tool", part["id"], value(part.get("response", part.get("result")))))
                case other:
                    raise AssertionError(f"a part of type {other}")
    return parts


def value(given: Any) -> Any:
    """Arguments and results: some write the value, some its JSON text."""
    return json.loads(given) if isinstance(given, str) else given


def result(text: str) -> Any:
    """LangChain's tools give a whole tool message, with the result's JSON text inside."""
    found = value(text)
    return value(found["data"]["content"]) if found.keys() == {"type", "data"} else found


OWNED = {
    "AgentName": dialogue.AGENT,
    "ConversationId": dialogue.CONVERSATION,
    "Requester": dialogue.USER,
    "failed": False,
}


def expected(recording: str) -> Conversation:
    """What dialogue.py says happened."""
    said_so_far: list[Said] = [("system", dialogue.SYSTEM)]
    calls: list[Row] = []
    tools: list[Row] = []

    def model_answers(*answer: Any) -> None:
        counts = {"InputTokens": 1440 + 20 * len(calls), "OutputTokens": 85}
        details = {"CacheReadTokens": 1024, "ReasoningTokens": 32}
        model = {"Operation": "chat", "Provider": "openai", "Model": f"{dialogue.MODEL}-2024-07-18"}
        spoken = {"input": list(said_so_far), "output": [answer]}
        calls.append(OWNED | model | counts | details | ANOTHER_MODEL.get(recording, {}) | spoken)
        said_so_far.append(answer)

    for question, (identifier, _) in dialogue.CALLS.items():
        said_so_far.append(("user", question))
        model_answers("assistant", "calls", identifier, dialogue.TOOL, dialogue.ARGUMENTS)
        tool = {"Operation": "execute_tool", "ToolName": dialogue.TOOL, "ToolCallId": identifier}
        tools.append(OWNED | tool | {"arguments": dialogue.ARGUMENTS, "result": dialogue.RESULT})
        said_so_far.append(("tool", identifier, dialogue.RESULT))
        model_answers("assistant", dialogue.ANSWER)
    return Conversation(calls, tools)


def without(rows: list[Row], names: Mapping[str, str]) -> list[Row]:
    return [{name: cell for name, cell in row.items() if name not in names} for row in rows]


@pytest.mark.parametrize("recording", RECORDINGS)
def test_model_calls_are_the_same(conversations: dict[str, Conversation], recording: str) -> None:
    unsaid = CANNOT_SAY[recording]
    assert without(conversations[recording].calls, unsaid) == without(expected(recording).calls, unsaid)


@pytest.mark.parametrize("recording", RECORDINGS)
def test_tool_calls_are_the_same(conversations: dict[str, Conversation], recording: str) -> None:
    unsaid = CANNOT_SAY[recording] | {"ArgumentsDigest": "see below"}
    tools = [] if "tools" in unsaid else expected(recording).tools
    assert without(conversations[recording].tools, unsaid) == without(tools, unsaid)


@pytest.mark.parametrize("recording", RECORDINGS)
def test_what_a_dialect_cannot_say_is_unknown_and_not_something_else(
    conversations: dict[str, Conversation], recording: str
) -> None:
    found = conversations[recording]
    for name in CANNOT_SAY[recording]:
        cells = found.tools if name == "tools" else [row[name] for row in found.calls + found.tools if name in row]
        assert not any(cells), name


def test_arguments_have_one_digest_whoever_records_them_and_however_they_are_written(
    conversations: dict[str, Conversation],
) -> None:
    digests = [tool["ArgumentsDigest"] for found in conversations.values() for tool in found.tools]
    assert len(digests) == 12
    assert len(set(digests)) == 1
    assert digests[0]


def test_the_model_wrote_the_same_arguments_in_two_ways() -> None:
    first, second = (text for _, text in dialogue.CALLS.values())
    assert first != second
    assert json.loads(first) == json.loads(second) == dialogue.ARGUMENTS
    assert list(json.loads(first)) != list(json.loads(second))
    assert len(RECORDINGS) == 7
