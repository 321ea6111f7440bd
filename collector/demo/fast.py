"""Millions of spans as serialised OTLP trace requests, made by filling ids and times into templates.

A template (`Sheet`) is one real request, cut at every place where an id or a time stands. All of these
have a fixed width in protobuf (16 and 8 bytes, fixed64), so that nothing else changes: a request is the
constant pieces joined with new values, and no per-span Python runs but one addition for each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from operator import itemgetter
from random import Random
from struct import Struct

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import ReadableSpan

from collector.demo.schedule import DAY, SECOND, book_live
from collector.demo.spoken import speak
from collector.demo.stage import Stage
from collector.demo.workflows import perform

# Prefix of a place to fill in; a 4-byte number follows. Not UTF-8, so that no text contains it.
_MARK = b"\xf7\xfe\xc1\xfb"
# Ids inside texts get new digits too, or a column of them would compress like no real one does.
_TEXT_DIGITS = 10
_PLACE = re.compile(
    re.escape(_MARK) + b"(.{4})|(?:conv-|task-|call_|resp_|apr-|ref-)([0-9a-f]{%d})" % _TEXT_DIGITS, re.DOTALL
)
_STAGGER = SECOND // 20
_SHEETS = 3

_BENCH_TEXT = 60
_BENCH_DROPPED = (
    "muster.task.",
    "muster.policy.",
    "gen_ai.system_instructions",
    "gen_ai.request.temperature",
)


class Profile(StrEnum):
    """BENCH: flat attributes only, about 510 bytes a span. DEEP: as the agents send it, nested values too. SPOKEN:
    BENCH, and conversations of which every message is its own.
    """

    BENCH = "bench"
    DEEP = "deep"
    SPOKEN = "spoken"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A request cut in pieces. `places` index trace ids, span ids, times and ids in texts, in this order."""

    pieces: tuple[bytes, ...]
    places: tuple[int, ...]
    traces: int
    spans: int
    offsets: tuple[int, ...]
    texts: int

    def fill(self, rng: Random, base: int) -> bytes:
        """A request with new ids whose earliest span starts at `base` (ns)."""
        traces = Struct("16s" * self.traces).unpack(rng.randbytes(16 * self.traces))
        spans = Struct("8s" * self.spans).unpack(rng.randbytes(8 * self.spans))
        moments = Struct(f"<{len(self.offsets)}Q").pack(*[base + offset for offset in self.offsets])
        times = Struct("8s" * len(self.offsets)).unpack(moments)
        digits = rng.randbytes(_TEXT_DIGITS // 2 * self.texts).hex().encode()
        texts = Struct(f"{_TEXT_DIGITS}s" * self.texts).unpack(digits)
        parts: list[bytes] = [b""] * (2 * len(self.places) + 1)
        parts[0::2] = self.pieces
        parts[1::2] = itemgetter(*self.places)(traces + spans + times + texts)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Template traces: each a list of (resource, span), parents before children."""

    templates: tuple[tuple[ResourceSpans, ...], ...]

    @classmethod
    def of(cls, profile: Profile, *, traces: int = 60, seed: int = 7) -> Blueprint:
        """Plays `traces` traces of the demo's mix and keeps them as templates."""
        collected = _Collected([])
        stage = Stage(collected, seed=seed, rollout=SECOND, epoch=SECOND)
        templates = []
        for booking in book_live(rate=1.0, seed=seed, start=DAY, traces=traces):
            perform(stage, booking, patience=0.02)
            templates.append(_template(collected.spans, profile))
            collected.spans.clear()
        return cls(tuple(templates))

    def sheet(self, spans: int, *, first: int = 0) -> Sheet:
        """A template request of exactly `spans` spans, beginning with template trace number `first`."""
        chosen: list[list[ResourceSpans]] = []
        missing, number = spans, first
        while missing:
            trace = list(islice(self.templates[number % len(self.templates)], missing))
            chosen.append(trace)
            missing -= len(trace)
            number += 1
        return _cut(chosen)

    def requests(
        self, spans_total: int, spans_per_request: int, *, seed: int = 7, start: int = 0, days: float = 1.0
    ) -> Iterator[bytes]:
        """ExportTraceServiceRequests of `spans_per_request` spans (the last may be smaller).

        Times advance from `start` (ns) over `days`. A request depends on seed and position only, so that
        another process can make the same ones again.
        """
        if spans_total < 1 or spans_per_request < 1:
            raise ValueError("spans_total and spans_per_request must be at least 1")
        full, rest = divmod(spans_total, spans_per_request)
        step = int(days * DAY) // (full + 1)
        apart = max(1, len(self.templates) // _SHEETS)
        sheets = [self.sheet(spans_per_request, first=i * apart) for i in range(_SHEETS)] if full else []
        for index in range(full):
            rng = Random(seed << 64 | index)  # noqa: S311
            yield sheets[index % _SHEETS].fill(rng, start + index * step)
        if rest:
            yield self.sheet(rest).fill(Random(seed << 64 | full), start + full * step)  # noqa: S311


def requests(
    spans_total: int,
    spans_per_request: int,
    seed: int = 7,
    start: int = 0,
    days: float = 1.0,
    profile: Profile = Profile.BENCH,
) -> Iterator[bytes]:
    """`Blueprint.requests` of a profile's own blueprint: the same arguments give the same bytes."""
    blueprint = Blueprint.of(profile)
    return blueprint.requests(spans_total, spans_per_request, seed=seed, start=start, days=days)


def ids(request: bytes) -> list[tuple[str, str]]:
    """(trace id, span id) of every span of a serialised request, lower-case hex, in order."""
    parsed = ExportTraceServiceRequest.FromString(request)
    return [
        (span.trace_id.hex(), span.span_id.hex())
        for resource_spans in parsed.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


@dataclass(frozen=True, slots=True)
class _Collected:
    spans: list[ReadableSpan]

    def on_span(self, service: str, span: ReadableSpan) -> None:
        self.spans.append(span)

    def on_log(self, service: str, record: ReadableLogRecord) -> None:
        """Templates are spans only."""


def _template(spans: list[ReadableSpan], profile: Profile) -> tuple[ResourceSpans, ...]:
    """Each span alone in its ResourceSpans, parents before children."""
    single = []
    # Spans that start together end inside out, so the last one of them is the parent.
    ordered = list(reversed(spans))
    ordered.sort(key=lambda span: span.start_time or 0)
    for span in ordered:
        encoded = encode_spans([span]).resource_spans[0]
        if profile is not Profile.DEEP:
            _flatten(encoded.scope_spans[0].spans[0])
        single.append(encoded)
    if profile is Profile.SPOKEN:
        speak([encoded.scope_spans[0].spans[0] for encoded in single])
    return tuple(single)


def _flatten(span: Span) -> None:
    """Scalars only, texts of ordinary length, no envelope: what flat instrumentations send."""
    kept = []
    for attribute in span.attributes:
        if attribute.key.startswith(_BENCH_DROPPED):
            continue
        kind = attribute.value.WhichOneof("value")
        if kind in ("array_value", "kvlist_value"):
            text = f"{attribute.key} of {span.name}"
        elif kind == "string_value":
            text = attribute.value.string_value
        else:
            kept.append(attribute)
            continue
        kept.append(KeyValue(key=attribute.key))
        kept[-1].value.string_value = text[:_BENCH_TEXT]
    attributes = [KeyValue.FromString(attribute.SerializeToString()) for attribute in kept]
    del span.attributes[:]
    span.attributes.extend(attributes)


def _cut(traces: list[list[ResourceSpans]]) -> Sheet:
    """Marks every id and time, groups the spans by resource as a gateway would, serialises, cuts."""
    spans_total = sum(len(trace) for trace in traces)
    offsets: list[int] = []
    marks = len(traces)
    times_from = len(traces) + spans_total
    grouped: dict[bytes, ResourceSpans] = {}

    def mark_time(at: int, zero: int) -> int:
        offsets.append(at - zero)
        return int.from_bytes(_mark(times_from + len(offsets) - 1), "little")

    for number, trace in enumerate(traces):
        zero = trace[0].scope_spans[0].spans[0].start_time_unix_nano - number * _STAGGER
        numbers: dict[bytes, int] = {b"": 0}
        for source in trace:
            span = Span.FromString(source.scope_spans[0].spans[0].SerializeToString())
            numbers[span.span_id] = marks
            span.trace_id = _mark(number) + bytes(8)
            span.span_id = _mark(marks)
            if span.parent_span_id:
                span.parent_span_id = _mark(numbers[span.parent_span_id])
            span.start_time_unix_nano = mark_time(span.start_time_unix_nano, zero)
            span.end_time_unix_nano = mark_time(span.end_time_unix_nano, zero)
            for event in span.events:
                event.time_unix_nano = mark_time(event.time_unix_nano, zero)
            _group(grouped, source).scope_spans[0].spans.append(span)
            marks += 1

    body = ExportTraceServiceRequest(resource_spans=grouped.values()).SerializeToString()
    pieces, places, position = [], [], 0
    texts: dict[bytes, int] = {}
    for found in _PLACE.finditer(body):
        mark, digits = found.groups()
        if digits:
            place, begin = times_from + len(offsets) + texts.setdefault(digits, len(texts)), found.start(2)
            width = _TEXT_DIGITS
        else:
            place, begin = int.from_bytes(mark, "little"), found.start()
            width = 16 if place < len(traces) else 8
        pieces.append(body[position:begin])
        places.append(place)
        position = begin + width
    pieces.append(body[position:])
    return Sheet(tuple(pieces), tuple(places), len(traces), spans_total, tuple(offsets), len(texts))


def _mark(place: int) -> bytes:
    return _MARK + place.to_bytes(4, "little")


def _group(grouped: dict[bytes, ResourceSpans], source: ResourceSpans) -> ResourceSpans:
    key = source.resource.SerializeToString()
    if key not in grouped:
        grouped[key] = ResourceSpans(resource=Resource.FromString(key), schema_url=source.schema_url)
        grouped[key].scope_spans.add(scope=source.scope_spans[0].scope)
    return grouped[key]
