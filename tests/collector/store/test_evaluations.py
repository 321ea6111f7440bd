"""What judges say is rows of one table, by what was judged; unknown scores are unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.signals import Signal
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.collector.store.batches import Batch

Values = Mapping[str, str | float | int]
Row = dict[str, Any]

JUDGED, OTHER = b"\1" * 16, b"\2" * 16
SPAN, JUDGE = b"\3" * 8, b"\4" * 8
EVENT = "gen_ai.evaluation.result"
RELEVANT: Values = {
    "gen_ai.evaluation.name": "relevance",
    "gen_ai.evaluation.score.value": 0.75,
    "gen_ai.evaluation.score.label": "relevant",
    "gen_ai.evaluation.explanation": "It answers the question.",
    "gen_ai.response.id": "resp-1",
}
LONG = "It is polite. " * 40
FAILED: Values = {"gen_ai.evaluation.name": "safety", "error.type": "timeout"}
SUPPORTED: Values = {
    "evaluations.0.evaluation.name": "hallucination",
    "evaluations.0.evaluation.score": 0,
    "evaluations.0.evaluation.label": "supported",
    "evaluations.0.evaluation.explanation": "Every claim is in the policy.",
    "evaluations.0.evaluation.annotator_kind": "LLM",
    "evaluations.0.evaluation.identifier": "judge-v2",
    "evaluations.1.evaluation.name": "tone",
    "evaluations.1.evaluation.label": "kind",
    "evaluations.1.evaluation.explanation": LONG,
}
LIKED: Values = {
    "session.id": "conv-1",
    "annotations.0.annotation.name": "thumbs",
    "annotations.0.annotation.score": 1.0,
    "annotations.0.annotation.annotator_kind": "HUMAN",
    "trace.annotations.0.annotation.name": "retrieval",
    "trace.annotations.0.annotation.score": "high",
    "session.evaluations.0.evaluation.name": "coherence",
    "session.evaluations.0.evaluation.score": "NaN",
    "session.evaluations.0.evaluation.explanation": "It stays with the claim.",
}


def fill(attributes: Any, values: Values) -> None:
    for key, value in values.items():
        kind = {str: "string_value", float: "double_value", int: "int_value"}[type(value)]
        setattr(attributes.add(key=key).value, kind, value)


class Spans:
    def __init__(self) -> None:
        self.request = ExportTraceServiceRequest()
        self._spans = self.request.resource_spans.add().scope_spans.add().spans

    def add(self, name: str = "chat", values: Values | None = None, *, links: int = 0, **ids: bytes) -> Any:
        given = {"trace_id": JUDGED, "span_id": SPAN} | ids
        span = self._spans.add(name=name, start_time_unix_nano=1_799_999_999 * 10**9, **given)
        fill(span.attributes, values or {})
        for _ in range(links):
            span.links.add(trace_id=JUDGED, span_id=SPAN)
        return span


def rows(store: Store, batch: Batch, *names: str) -> list[tuple[Any, ...]]:
    batch.insert()
    statement = f"SELECT {', '.join(names)} FROM evaluations WHERE Org = {{org:String}} ORDER BY Name"
    return [tuple(row) for row in store.client().query(statement, parameters={"org": batch.org}).result_rows]


RESULT = ("Name", "Score", "Label", "Explanation", "Target")
RESULTS = [
    ("relevance", 0.75, "relevant", "It answers the question.", "span"),
    ("safety", None, "", "", "span"),
]
CONVENTION = ("Source", "Convention", "TraceId", "SpanId", "ResponseId", "ErrorType")


def convention(source: str) -> list[tuple[str, ...]]:
    told = (source, "opentelemetry", JUDGED.hex(), SPAN.hex())
    return [(*told, "resp-1", ""), (*told, "", "timeout")]


def test_an_event_on_a_span_judges_the_span(store: Store, writer: Writer) -> None:
    spans = Spans()
    span = spans.add()
    for values in (RELEVANT, FAILED):
        fill(span.events.add(name=EVENT, time_unix_nano=1_799_999_999 * 10**9).attributes, values)
    span.events.add(name="another")
    found = rows(store, Batch(writer, Signal.TRACES, spans.request), *RESULT, *CONVENTION)
    assert found == [(*said, *told) for said, told in zip(RESULTS, convention("span_event"), strict=True)]


@pytest.mark.parametrize("named_by", ["event_name", "event.name"])
def test_a_log_event_says_the_same(store: Store, writer: Writer, named_by: str) -> None:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add().log_records
    for values in (RELEVANT, FAILED):
        name = {"event_name": EVENT} if named_by == "event_name" else {}
        log = logs.add(trace_id=JUDGED, span_id=SPAN, **name)
        fill(log.attributes, values if name else {**values, "event.name": EVENT})
    logs.add(event_name="another")
    found = rows(store, Batch(writer, Signal.LOGS, request), *RESULT, *CONVENTION)
    assert found == [(*said, *told) for said, told in zip(RESULTS, convention("log"), strict=True)]


def test_an_evaluator_judges_what_its_link_names(store: Store, writer: Writer) -> None:
    spans = Spans()
    kind: Values = {"openinference.span.kind": "EVALUATOR"}
    spans.add("judge", {**kind, **SUPPORTED}, links=1, trace_id=OTHER, span_id=JUDGE)
    names = (*RESULT, "Evaluator", "EvaluatorKind", "TraceId", "SpanId", "JudgeTraceId", "JudgeSpanId", "Source")
    ids = (JUDGED.hex(), SPAN.hex(), OTHER.hex(), JUDGE.hex(), "span")
    assert rows(store, Batch(writer, Signal.TRACES, spans.request), *names) == [
        ("hallucination", 0.0, "supported", "Every claim is in the policy.", "span", "judge-v2", "llm", *ids),
        ("tone", None, "kind", LONG, "span", "judge", "", *ids),
    ]


def test_an_event_on_an_evaluator_judges_what_its_link_names(store: Store, writer: Writer) -> None:
    spans = Spans()
    span = spans.add("judge", {"openinference.span.kind": "EVALUATOR"}, links=1, trace_id=OTHER, span_id=JUDGE)
    fill(span.events.add(name=EVENT).attributes, RELEVANT)
    batch = Batch(writer, Signal.TRACES, spans.request)
    assert rows(store, batch, "TraceId", "SpanId", "Evaluator") == [(JUDGED.hex(), SPAN.hex(), "judge")]


def test_annotations_judge_their_span_its_trace_or_its_conversation(store: Store, writer: Writer) -> None:
    spans = Spans()
    spans.add("answer", LIKED, links=1, trace_id=OTHER, span_id=JUDGE)
    names = (*RESULT, "EvaluatorKind", "TraceId", "SpanId", "ConversationId")
    assert rows(store, Batch(writer, Signal.TRACES, spans.request), *names) == [
        ("coherence", None, "", "It stays with the claim.", "conversation", "", "", "", "conv-1"),
        ("retrieval", None, "", "", "trace", "", OTHER.hex(), "", "conv-1"),
        ("thumbs", 1.0, "", "", "span", "human", OTHER.hex(), JUDGE.hex(), "conv-1"),
    ]


def test_other_spans_and_logs_judge_nothing(store: Store, writer: Writer) -> None:
    spans = Spans()
    spans.add("judge", {"openinference.span.kind": "EVALUATOR", "output.value": "0.9"}, links=1)
    spans.add("chat", {"annotations": "none", "evaluations.name": "x"}).events.add(name="gen_ai.choice")
    assert rows(store, Batch(writer, Signal.TRACES, spans.request), "Name") == []
