"""Generated requests are real OTLP: parsable, unique, of the right size and reproducible."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.demo.fast import Blueprint, Profile, ids, requests
from collector.demo.schedule import DAY, HOUR

START = 1_767_225_600_000_000_000
BENCH = Blueprint.of(Profile.BENCH)
DEEP = Blueprint.of(Profile.DEEP)


def spans(request: bytes) -> list[Span]:
    parsed = ExportTraceServiceRequest.FromString(request)
    return [s for resource in parsed.resource_spans for scope in resource.scope_spans for s in scope.spans]


@given(total=st.integers(1, 700), per=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_counts_are_exact(total: int, per: int) -> None:
    sizes = [len(ids(request)) for request in BENCH.requests(total, per)]
    assert sum(sizes) == total
    assert all(size == per for size in sizes[:-1])


@pytest.mark.parametrize("blueprint", [BENCH, DEEP])
def test_ids_are_unique_and_parents_are_in_their_trace(blueprint: Blueprint) -> None:
    made = list(blueprint.requests(30_000, 1000, start=START))
    assert len({pair for request in made for pair in ids(request)}) == 30_000
    for request in made[:3]:
        known = {(s.trace_id, s.span_id): s for s in spans(request)}
        for span in known.values():
            if span.parent_span_id:
                parent = known[span.trace_id, span.parent_span_id]
                assert parent.start_time_unix_nano <= span.start_time_unix_nano
    roots = [s for s in spans(made[0]) if not s.parent_span_id]
    assert len(roots) == len({s.trace_id for s in spans(made[0])})


def test_times_spread_over_the_days_asked_for() -> None:
    first, *_, last = BENCH.requests(20_000, 1000, start=START, days=10)
    starts = [[s.start_time_unix_nano for s in spans(request)] for request in (first, last)]
    assert min(starts[0]) == START
    assert START + 9 * DAY < min(starts[1]) < max(starts[1]) < START + 10 * DAY
    assert all(START <= s.start_time_unix_nano <= s.end_time_unix_nano < START + HOUR for s in spans(first))


def test_the_same_seed_makes_the_same_requests_whatever_came_before() -> None:
    assert list(requests(2500, 1000, seed=5, start=START)) == list(requests(2500, 1000, seed=5, start=START))
    assert next(requests(1000, 1000, seed=5)) != next(requests(1000, 1000, seed=6))


def test_sizes_are_those_of_the_profiles() -> None:
    bench = sum(map(len, BENCH.requests(20_000, 1000))) / 20_000
    deep = sum(map(len, DEEP.requests(20_000, 1000))) / 20_000
    assert 450 < bench < 560 < deep < 950


def test_bench_is_flat_and_deep_is_not() -> None:
    def kinds(blueprint: Blueprint) -> set[str | None]:
        (request,) = blueprint.requests(1000, 1000)
        return {a.value.WhichOneof("value") for s in spans(request) for a in s.attributes}

    assert kinds(BENCH) <= {"string_value", "int_value", "double_value", "bool_value"}
    assert "array_value" in kinds(DEEP)


def test_conversations_are_sent_again_and_every_message_is_its_own() -> None:
    made = [spans(request) for request in Blueprint.of(Profile.SPOKEN).requests(2000, 1000)]
    texts = [a.value.string_value for m in made for s in m for a in s.attributes if a.key == "gen_ai.input.messages"]
    said = [[message["parts"][0]["content"] for message in json.loads(text)] for text in texts]
    assert max(len(messages) for messages in said) == 4
    last = [messages[-1] for messages in said]
    assert len(last) > 400
    assert len(set(last)) > 0.8 * len(last)
    assert any(messages[-3] in last for messages in said if len(messages) > 2)


def test_ids_in_texts_differ_between_traces() -> None:
    made = [spans(request) for request in BENCH.requests(2000, 1000)]
    conversations = {
        a.value.string_value for m in made for s in m for a in s.attributes if a.key == "gen_ai.conversation.id"
    }
    assert len(conversations) > 80


def test_it_is_fast() -> None:
    began = time.process_time()
    size = sum(map(len, BENCH.requests(300_000, 1000)))
    assert size
    # Half of what one core does here, so that a busy machine doesn't fail it.
    assert 300_000 / (time.process_time() - began) > 400_000
