"""The demo's traffic, sealed: the totals are those of a loop over its spans."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.demo import fast
from collector.pricing import Cost
from tests.collector.sealing.scene import BEGIN, Scene

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPANS = 2_000


def spans_of(body: bytes) -> list[tuple[Any, dict[str, Any]]]:
    """Each span with its attributes."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        (span, {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes})
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_the_demo_sealed_comes_to_what_a_loop_does(scene: Scene) -> None:
    (body,) = fast.requests(SPANS, SPANS, start=BEGIN, days=0.01, profile=fast.Profile.DEEP)
    scene.store_request(body)
    scene.seal()
    spans = spans_of(body)
    by_id = {(span.trace_id, span.span_id): (span, told) for span, told in spans}

    def agent(span: Any) -> str:
        while (span.trace_id, span.span_id) in by_id:
            span, told = by_id[span.trace_id, span.span_id]
            if name := told.get("gen_ai.agent.name"):
                return str(name)
            span = type(span)(trace_id=span.trace_id, span_id=span.parent_span_id)
        return ""

    prices = scene.costing.book.prices
    expected: Counter[str] = Counter()
    cost = Decimal(0)
    for span, told in spans:
        expected["spans of " + agent(span)] += 1
        expected["errors"] += span.status.code == 2
        expected["tools"] += told.get("gen_ai.operation.name") == "execute_tool"
        if told.get("gen_ai.operation.name") in ("chat", "embeddings"):
            tokens = {"input_tokens": told.get("gen_ai.usage.input_tokens"),
                      "output_tokens": told.get("gen_ai.usage.output_tokens"),
                      "cache_read_tokens": told.get("gen_ai.usage.cache_read.input_tokens")}  # fmt: skip
            at = EPOCH + timedelta(microseconds=span.start_time_unix_nano // 1000)
            model = told.get("gen_ai.response.model") or told["gen_ai.request.model"]
            found = prices.cost(told["gen_ai.provider.name"], model, at, tokens)
            expected["calls"] += 1
            expected["priced"] += isinstance(found, Cost)
            expected["input"] += tokens["input_tokens"] or 0
            cost += found.usd if isinstance(found, Cost) else 0

    spend = scene.spend()
    counted: Counter[str] = Counter()
    for key, sums in spend.items():
        counted["spans of " + key[2]] += sums["Spans"]
        counted["errors"] += sums["Errors"]
        counted["tools"] += sums["ToolCalls"]
        counted["calls"] += sums["Calls"]
        counted["priced"] += sums["Calls"] - sums["Unpriced"]
        counted["input"] += sums["InputTokens"]
    assert counted == expected
    assert sum(sums["Cost"] for sums in spend.values()) == cost != 0
    assert spend == scene.spend_afresh()
    summaries = scene.query("SELECT sum(Spans * Sign) AS spans, sum(Cost * Sign) AS cost FROM trace_summaries")
    assert (summaries[0]["spans"], summaries[0]["cost"]) == (SPANS, cost)
    assert scene.query("SELECT max(HumanWait) AS wait FROM trace_summaries")[0]["wait"] > 0
