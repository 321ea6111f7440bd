"""What eleven real clients sent is in the tables: every file posted to a real collector, every value found again.

A file's rows are told by the time they were received at. The JavaScript SDK writes JSON that says what OTLP has no
place for (`js-sdk-odd`); it is kept as its protobuf exporter sends the same values: a number beyond int64 in an
`intValue` becomes the double that it was, half a surrogate pair U+FFFD.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.end_to_end import stored
from tests.end_to_end.dropped import KEPT, dropped
from tests.end_to_end.over_grpc import Channel, channel_to
from tests.fixtures import expected
from tests.fixtures.expected import FIXTURES, Attribute, Attributes, Span
from tests.server import Server
from tests.vocabulary import Value, alike, facts_of

FILES = sorted(FIXTURES.glob("*/*.*.*"))
SIGNALS = ("traces", "logs", "metrics")
READ: dict[str, Any] = {"traces": expected.spans, "logs": expected.log_records, "metrics": expected.points}
ROWS: dict[str, Any] = {"traces": stored.spans, "logs": stored.log_records, "metrics": stored.points}
RESPONSES: dict[str, Any] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def signal_of(path: Path) -> str:
    return path.name.split(".")[1]


@dataclass(frozen=True)
class Sending:
    """`code` is an HTTP status, or the name of a gRPC code; rows received from `began` to `ended` (ns) are its."""

    path: Path
    code: int | str
    answer: bytes
    began: int
    ended: int


@dataclass
class Replay:
    sendings: dict[str, Sending]
    rows: dict[str, list[stored.Row[Any]]]
    query: stored.Query
    unaccounted: int

    def received(self, path: Path) -> list[stored.Row[Any]]:
        sending = self.sendings[name_of(path)]
        return [r for r in self.rows[signal_of(path)] if sending.began <= r.received_at <= sending.ended]


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """Every recording sent as it came: JSON and protobuf over HTTP, the gRPC ones over gRPC."""
    server = Server(tmp_path_factory.mktemp("replay") / "data")
    server.start()
    try:
        with channel_to(server) as channel, httpx.Client(base_url=server.endpoint, timeout=60) as client:
            sendings = {name_of(path): _send(client, channel, path) for path in FILES}
        server.settle()
        unaccounted = server.unaccounted()
    finally:
        server.stop()
    rows = {signal: ROWS[signal](server.query) for signal in SIGNALS}
    return Replay(sendings, rows, server.query, unaccounted)


def _send(client: httpx.Client, channel: Channel, path: Path) -> Sending:
    body, began = path.read_bytes(), time.time_ns()
    code: int | str
    if path.parent.name == "python-sdk-grpc":
        status, answer = channel.export(signal_of(path), body, grpc.Compression.Gzip)
        code = status.name
    else:
        kind = "application/json" if path.suffix == ".json" else "application/x-protobuf"
        response = client.post(f"/v1/{signal_of(path)}", content=body, headers={"content-type": kind})
        code, answer = response.status_code, response.content
    return Sending(path, code, answer, began, time.time_ns())


def kept(path: Path) -> list[Any]:
    """The items of a file that become rows."""
    items: list[Any] = READ[signal_of(path)](path)
    if path.parent.name == "js-sdk-odd":
        return [replace(span, attributes=tuple(map(representable, span.attributes))) for span in items]
    return [item for item in items if not isinstance(item, expected.Point) or item.type in KEPT]


def representable(attribute: Attribute) -> Attribute:
    if attribute.kind == "int" and not -(2**63) <= int(attribute.text) < 2**63:
        return Attribute(attribute.key, "double", repr(float(int(attribute.text))))
    whole_text = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in attribute.text)
    return replace(attribute, text=whole_text)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_item_of_a_recorded_request_is_found_again_exactly(replay: Replay, path: Path) -> None:
    found = replay.received(path)
    sent = kept(path)
    counts = dropped(path)
    assert len(counts) == len(sent)
    stored.same([(row.item, row.dropped) for row in found], list(zip(sent, counts, strict=True)))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_answer_says_what_was_kept(replay: Replay, path: Path) -> None:
    sending = replay.sendings[name_of(path)]
    assert sending.code in (200, "OK")
    items: list[Any] = READ[signal_of(path)](path)
    rejected = len(items) - len(kept(path))
    if path.suffix == ".json":
        # Only the exponential histograms of the JavaScript SDK are rejected.
        assert (f'"rejectedDataPoints":"{rejected}"' in sending.answer.decode()) == bool(rejected)
    else:
        answer: Any = RESPONSES[signal_of(path)].FromString(sending.answer)
        assert getattr(answer.partial_success, "rejected_data_points", 0) == rejected


def test_nothing_else_is_in_the_tables_and_it_adds_up(replay: Replay) -> None:
    sent = {signal: sum(len(kept(path)) for path in FILES if signal_of(path) == signal) for signal in SIGNALS}
    assert {signal: len(replay.rows[signal]) for signal in SIGNALS} == sent
    assert replay.unaccounted == 0
    # So many that a fixture that went missing would show.
    assert (sent["traces"] > 300, sent["logs"] > 200, sent["metrics"] > 80) == (True, True, True)


def test_every_row_carries_the_stamp_of_its_request(replay: Replay) -> None:
    for path in FILES:
        rows = replay.received(path)
        assert len({row.request_id for row in rows}) <= 1
        assert all(row.request_id and row.batch_id and row.org == "default" for row in rows)
        assert {row.method for row in rows} <= {"none"}


def text(attributes: Attributes, *keys: str) -> str:
    """The first of the keys that has a text."""
    found = texts(attributes)
    return next((found[key] for key in keys if found.get(key)), "")


def all_spans() -> list[Span]:
    return [span for path in expected.fixtures("traces") for span in kept(path)]


MODEL_CALLS = {"chat", "text_completion", "generate_content", "embeddings"}
MINUTE, HOUR = 60 * 10**9, 3600 * 10**9


def facts(span: Span) -> dict[str, Value]:
    return facts_of(span.name, texts(span.attributes), texts(span.origin.resource))


def texts(attributes: Attributes) -> dict[str, str]:
    return {attribute.key: attribute.text for attribute in reversed(attributes)}


def is_call(fact: dict[str, Value], operations: set[str], name: str) -> bool:
    """By its operation or, where an instrumentation tells none, by what it names."""
    return fact["Operation"] in operations or (not fact["Operation"] and bool(fact[name]))


CALL = (
    "Operation Provider RequestModel Model ResponseId ServiceTier ConversationId Requester InputTokens OutputTokens "
    "CacheReadTokens CacheWriteTokens ReasoningTokens ReportedCost InputMessages OutputMessages SystemInstructions"
)
TOOL_CALL = "ToolName ToolCallId ToolType ToolArguments ToolResult"


@pytest.mark.parametrize(
    ("view", "operations", "name", "columns", "least"),
    [("genai_calls", MODEL_CALLS, "Model", CALL, 100), ("tool_calls", {"execute_tool"}, "ToolName", TOOL_CALL, 8)],
)
def test_calls_agree_with_the_recordings(
    replay: Replay, view: str, operations: set[str], name: str, columns: str, least: int
) -> None:
    wanted = columns.split()
    rows = replay.query(f"SELECT TraceId, SpanId, {', '.join(f'toString({column})' for column in wanted)} FROM {view}")
    calls = [(span, fact) for span in all_spans() if is_call(fact := facts(span), operations, name)]
    sent = [(span.trace_id, span.span_id, *(written(fact[column]) for column in wanted)) for span, fact in calls]
    assert len(sent) >= least
    assert sorted(repr([alike(value) for value in row]) for row in rows) == sorted(
        repr([alike(value) for value in row]) for row in sent
    )


def written(value: Value) -> str | None:
    """As the engine writes it: a Decimal without the zeros at its end."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return None if value is None else str(value)


def test_approvals_are_the_events_named_so(replay: Replay) -> None:
    rows = replay.query("SELECT TraceId, SpanId, Source, Decision, Approver FROM approvals")
    prefix = "muster.approval"
    sent = [
        (span.trace_id, span.span_id, "span_event", *(text(event.attributes, f"{prefix}.{name}") for name in names))
        for names in [("decision", "approver")]
        for span in all_spans()
        for event in span.events
        if event.name == prefix
    ]
    assert len(sent) > 90
    assert sorted(map(tuple, rows)) == sorted(sent)


def test_agent_activity_agrees_with_the_recordings(replay: Replay) -> None:
    rows = replay.query(
        "SELECT toUnixTimestamp(Hour), ServiceName, AgentId, AgentName, Environment, "
        "sum(Spans), sum(Errors), sum(ModelCalls), sum(ToolCalls), "
        "toUnixTimestamp64Nano(min(FirstSeen)), toUnixTimestamp64Nano(max(LastSeen)) "
        "FROM agent_activity GROUP BY ALL"
    )
    groups: dict[tuple[Any, ...], list[Span]] = {}
    for span in all_spans():
        fact = facts(span)
        seen = (fact["AgentId"], fact["AgentName"], fact["Environment"])
        groups.setdefault((span.start // HOUR * 3600, span.origin.service_name, *seen), []).append(span)
    sent = [
        (
            *key,
            len(spans),
            sum(span.status_code == 2 for span in spans),
            sum(is_call(facts(span), MODEL_CALLS, "Model") for span in spans),
            sum(is_call(facts(span), {"execute_tool"}, "ToolName") for span in spans),
            min(span.start for span in spans),
            max(span.start for span in spans),
        )
        for key, spans in groups.items()
    ]
    assert sorted(map(tuple, rows)) == sorted(sent)


def test_minute_rollups_agree_with_the_recordings(replay: Replay) -> None:
    rows = replay.query(
        "SELECT toUnixTimestamp(Minute), ServiceName, Operation, AgentName, Provider, Model, ToolName, sum(Calls), "
        "sum(Errors), sum(InputTokens), sum(OutputTokens), sum(TokensUnknown) FROM operation_minute GROUP BY ALL"
    )
    sent: dict[tuple[Any, ...], Counter[str]] = {}
    for span in all_spans():
        fact = facts(span)
        if not fact["Operation"]:
            continue
        names = ("Operation", "AgentName", "Provider", "Model", "ToolName")
        key = (span.start // MINUTE * 60, span.origin.service_name, *(fact[name] for name in names))
        asked, given = fact["InputTokens"], fact["OutputTokens"]
        sent.setdefault(key, Counter()).update(
            calls=1,
            errors=int(span.status_code == 2),
            input=int(asked or 0),
            output=int(given or 0),
            unknown=int(fact["Operation"] in MODEL_CALLS and asked is None and given is None),
        )
    measures = ("calls", "errors", "input", "output", "unknown")
    counted = [(*key, *(counter[measure] for measure in measures)) for key, counter in sent.items()]
    assert sorted(map(tuple, rows)) == sorted(counted)


def test_odd_values_are_the_same_as_json_and_as_protobuf(replay: Replay) -> None:
    """The same four values, files 000 to 003 as JSON and 004 to 007 as protobuf."""
    odd = [path for path in FILES if path.parent.name == "js-sdk-odd"]
    values = [[row.item.attributes for row in replay.received(path)] for path in odd]
    as_json, as_protobuf = values[:4], values[4:]
    # The one difference: -2^63 is an int64, and JavaScript rounds it when it writes it out.
    assert Attribute("int.most.negative", "int", str(-(2**63))) in as_protobuf.pop(2)[0]
    assert Attribute("int.most.negative", "double", repr(-(2.0**63))) in (
        replace(a, text=repr(float(a.text))) if a.kind == "double" else a for a in as_json.pop(2)[0]
    )
    stored.same(as_json, as_protobuf)
