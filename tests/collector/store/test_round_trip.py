"""Any valid request, through decode and the engine, is in the tables as it was sent; no view ever throws.

Hypothesis only makes the requests: one insert takes them all, as a batch does, and rows are told by the stamp's
request id. A failure names the first request that came back otherwise, ready to be pasted into a test.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from collector.receivers.payload import Decoded, batch_tail, decode
from collector.redaction.checks import _luhn
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.connection import Store
from collector.store.writer import InsertError, Writer
from tests.collector import wire
from tests.collector.strategies import any_values, requests
from tests.end_to_end import stored
from tests.end_to_end.dropped import KEPT, dropped
from tests.fixtures import expected

RECEIVED_AT = 1_800_000_000_123_456_789
SENDER = Principal("acme", "claims-bot", Method.MTLS)
SOME, MANY = 80, 4_000

READ: dict[Signal, Any] = {
    Signal.TRACES: expected.spans,
    Signal.LOGS: expected.log_records,
    Signal.METRICS: expected.points,
}
ROWS: dict[Signal, Any] = {Signal.TRACES: stored.spans, Signal.LOGS: stored.log_records, Signal.METRICS: stored.points}
NUMBER = itertools.count()
CARD = re.compile(r"(?<![A-Za-z0-9_.+\-])[2-6]\d{13,15}(?!\d)")
MAIL = re.compile(r"[A-Za-z0-9._%+-]@[A-Za-z0-9-]+\.[A-Za-z]")

HOT = (
    *stored.LARGE,
    "gen_ai.operation.name",
    "gen_ai.agent.name",
    "gen_ai.agent.id",
    "gen_ai.response.model",
    "gen_ai.tool.name",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.completion_tokens",
    "deployment.environment.name",
    "service.name",
    "error.type",
    "event.name",
    "muster.approval.id",
)
"""Attributes that columns and rollups are made of: whatever is in them, nothing may throw."""


@st.composite
def agents_requests(draw: st.DrawFn, signal: Signal, invalid_ids: bool = False) -> Any:
    """Any request, with attributes and names in it that the tables look for."""
    request: Any = draw(requests(signal, invalid_ids))
    texts = st.builds(AnyValue, string_value=st.sampled_from(["chat", "12", "-1", "1e3", "99999999999999999999", " 7"]))
    for holder in _holders(signal, request):
        present = {pair.key for pair in holder.attributes}
        for key in draw(st.lists(st.sampled_from(HOT), max_size=2, unique=True)):
            if key not in present:
                holder.attributes.add(key=key).value.CopyFrom(draw(texts | any_values))
        for event in getattr(holder, "events", ()):
            event.name = draw(st.sampled_from([event.name, "muster.approval"]))
        if hasattr(holder, "event_name"):
            holder.event_name = draw(st.sampled_from([holder.event_name, "muster.approval"]))
    return request


def _holders(signal: Signal, request: Any) -> list[Any]:
    resources, scopes, items = {
        Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
        Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
        Signal.METRICS: ("resource_metrics", "scope_metrics", ""),
    }[signal]
    found = [resource.resource for resource in getattr(request, resources) if resource.HasField("resource")]
    if items:
        found += [i for r in getattr(request, resources) for s in getattr(r, scopes) for i in getattr(s, items)]
    return found


def generate(strategy: st.SearchStrategy[Any], count: int, *, fixed: bool) -> list[Any]:
    """As many examples as asked for, but those with what would be masked as a payment card or an address (constants of
    our own code are among what is tried); the same ones every time where `fixed`.
    """
    found: list[Any] = []

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=fixed,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return [example for example in found if not _masked(str(example))]


def _masked(text: str) -> bool:
    return any(map(_luhn, CARD.findall(text))) or MAIL.search(text) is not None


def decoded(signal: Signal, body: bytes, request_id: str) -> Decoded:
    return decode(Export(signal, Encoding.PROTOBUF, body, SENDER), RECEIVED_AT, request_id)


class Table:
    """Inserts batches into the session's engine and reads them back by request."""

    def __init__(self, store: Store, writer: Writer, scratch: Path) -> None:
        self._writer = writer
        self._query = stored.ask(store)
        self._scratch = scratch

    def insert(self, signal: Signal, bodies: Sequence[bytes]) -> tuple[dict[str, list[stored.Row[Any]]], list[Decoded]]:
        """Rows by request id (r0, r1, …)."""
        results = [decoded(signal, body, f"r{number}") for number, body in enumerate(bodies)]
        batch = f"{signal}-{next(NUMBER)}"
        chunks = [*(result.payload for result in results), batch_tail(batch)]
        try:
            self._writer.insert(signal, self._writer.plan(batch), chunks)
        except InsertError as error:
            raise AssertionError(f"{error}: {self._poison(signal, bodies, results)}") from error
        assert self._writer.count(signal, batch) == sum(result.items for result in results)
        rows: dict[str, list[stored.Row[Any]]] = defaultdict(list)
        for row in ROWS[signal](self._query, f"BatchId = '{batch}'"):
            rows[row.request_id].append(row)
        return rows, results

    def _poison(self, signal: Signal, bodies: Sequence[bytes], results: Sequence[Decoded]) -> str:
        for body, result in zip(bodies, results, strict=True):
            try:
                self._writer.try_alone(signal, result.payload)
            except InsertError as error:
                return f"{error}: bytes.fromhex('{body.hex()}')"
        return "no request alone fails"

    def sent(self, signal: Signal, message: Message) -> list[Any]:
        """The items of a request that are kept, with what their sender dropped."""
        path = self._scratch / f"request.{signal}.pb"
        path.write_bytes(message.SerializeToString())
        items: list[Any] = READ[signal](path)
        kept = [item for item in items if not isinstance(item, expected.Point) or item.type in KEPT]
        return list(zip(kept, dropped(path), strict=True))

    def round_trips(self, signal: Signal, messages: Sequence[Message], bodies: Sequence[bytes] | None = None) -> int:
        """Insert and compare; `bodies` are the messages as sent, if not canonically. The number of items."""
        bodies = bodies or [message.SerializeToString() for message in messages]
        rows, _ = self.insert(signal, bodies)
        for number, message in enumerate(messages):
            found = rows[f"r{number}"]
            assert all(
                (row.org, row.identity, row.method, row.received_at) == ("acme", "claims-bot", "mtls", RECEIVED_AT)
                for row in found
            )
            try:
                stored.same([(row.item, row.dropped) for row in found], self.sent(signal, message))
            except (AssertionError, ValueError) as error:
                raise AssertionError(f"bytes.fromhex('{bodies[number].hex()}')\n{error}") from error
        return sum(map(len, rows.values()))


@pytest.fixture
def table(store: Store, writer: Writer, tmp_path: Path) -> Table:
    return Table(store, writer, tmp_path)


SIZES = [pytest.param(SOME, id="some"), pytest.param(MANY, id="many", marks=pytest.mark.prove)]


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("signal", Signal)
def test_any_valid_request_is_found_again_as_it_was_sent(table: Table, signal: Signal, count: int) -> None:
    messages = generate(agents_requests(signal), count, fixed=count == SOME)
    assert table.round_trips(signal, messages) > count // 4


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("signal", Signal)
def test_unknown_and_forged_fields_change_nothing_in_a_batch(table: Table, signal: Signal, count: int) -> None:
    """Every second request is oddly written and full of fields that only the collector may write, or nobody."""
    messages = generate(requests(signal), count // 2, fixed=count == SOME)
    random = Random(count)
    bodies = [
        wire.encode(message, random, unknown=True) if number % 2 else message.SerializeToString()
        for number, message in enumerate(messages)
    ]
    assert table.round_trips(signal, messages, bodies) > count // 16


@pytest.mark.parametrize("count", SIZES)
def test_spans_with_invalid_ids_are_rejected_and_the_rest_is_kept(table: Table, count: int) -> None:
    messages = generate(agents_requests(Signal.TRACES, invalid_ids=True), count // 2, fixed=count == SOME)
    rows, results = table.insert(Signal.TRACES, [message.SerializeToString() for message in messages])
    rejected = 0
    for number, (message, result) in enumerate(zip(messages, results, strict=True)):
        sent = table.sent(Signal.TRACES, message)
        good = [
            (span, counts)
            for span, counts in sent
            if (len(span.trace_id), len(span.span_id)) == (32, 16) and int(span.trace_id, 16) and int(span.span_id, 16)
        ]
        assert (result.items, result.rejected) == (len(good), len(sent) - len(good))
        stored.same([(row.item, row.dropped) for row in rows[f"r{number}"]], good)
        rejected += result.rejected
    assert rejected > count // 16


@pytest.mark.parametrize("count", SIZES)
def test_log_records_with_ids_of_any_size_are_kept(table: Table, count: int) -> None:
    messages = generate(agents_requests(Signal.LOGS, invalid_ids=True), count // 2, fixed=count == SOME)
    table.round_trips(Signal.LOGS, messages)


# What hypothesis would find late or never


def a_request(signal: Signal, **members: Any) -> Any:
    """A request with one item, and that item."""
    if signal is Signal.TRACES:
        traces = ExportTraceServiceRequest()
        spans = traces.resource_spans.add().scope_spans.add().spans
        return traces, spans.add(trace_id=b"\1" * 16, span_id=b"\2" * 8, **members)
    if signal is Signal.LOGS:
        logs = ExportLogsServiceRequest()
        return logs, logs.resource_logs.add().scope_logs.add().log_records.add(**members)
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    return metrics, metric.gauge.data_points.add(**members)


TIMES = [0, 1, 946_684_799_999_999_999, 946_684_800_000_000_000, RECEIVED_AT, RECEIVED_AT + 86_400 * 10**9]
TIMES += [TIMES[-1] + 1, 2**63 - 1, 2**63, 2**64 - 1]


@pytest.mark.parametrize("signal", Signal)
def test_every_combination_of_extreme_times_is_kept_as_sent(table: Table, signal: Signal) -> None:
    names = (
        ("time_unix_nano", "observed_time_unix_nano")
        if signal is Signal.LOGS
        else (("start_time_unix_nano", "end_time_unix_nano" if signal is Signal.TRACES else "time_unix_nano"))
    )
    messages = []
    for first, second in itertools.product(TIMES, TIMES):
        request, item = a_request(signal, **dict(zip(names, (first, second), strict=True)))
        if signal is Signal.TRACES:
            item.events.add(time_unix_nano=first)
            item.events.add(time_unix_nano=second)
        if signal is Signal.METRICS:
            item.exemplars.add(time_unix_nano=first)
        messages.append(request)
    assert table.round_trips(signal, messages) == len(TIMES) ** 2


def odd_values() -> dict[str, AnyValue]:
    texts = [
        "",
        "\0",
        "'\"\\/\b\f\n\r\t",
        "\x7f\x80\u2028\u2029\ufeff\ufffe\uffff",
        "🤖\U0010ffff",
        "{}",
        "null",
        "nan",
    ]
    doubles = [0.0, -0.0, 1.0, 1e15, 1e16, 1e21, 1e22, 2.0**53, 2.0**63, 1e300, 5e-324, 2.2250738585072014e-308]
    doubles += [1.7976931348623157e308, 0.1, 1 / 3, 123456789.123456789, float("nan"), float("inf"), float("-inf")]
    leaves = {
        **{f"text {text!r}": AnyValue(string_value=text) for text in texts},
        **{f"double {double!r}": AnyValue(double_value=double) for double in doubles},
        **{f"int {number}": AnyValue(int_value=number) for number in (0, -1, 2**53 + 1, 2**63 - 1, -(2**63))},
        "true": AnyValue(bool_value=True),
        "false": AnyValue(bool_value=False),
        "bytes": AnyValue(bytes_value=bytes(range(256))),
        "no bytes": AnyValue(bytes_value=b""),
        "nothing": AnyValue(),
        "a profile's string": AnyValue(string_value_strindex=3),
    }
    arrays = {f"[{name}]": AnyValue(array_value=ArrayValue(values=[leaf, leaf])) for name, leaf in leaves.items()}
    maps = {
        f"{{{name}}}": AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key=text, value=leaf) for text in texts]))
        for name, leaf in leaves.items()
    }
    deep = {f"[[{name}]]": AnyValue(array_value=ArrayValue(values=[value])) for name, value in (arrays | maps).items()}
    empty = {"[]": AnyValue(array_value=ArrayValue()), "{}": AnyValue(kvlist_value=KeyValueList())}
    return leaves | arrays | maps | deep | empty


@pytest.mark.parametrize("signal", Signal)
def test_every_kind_of_value_is_kept_alone_in_arrays_in_maps_and_deeper(table: Table, signal: Signal) -> None:
    values = odd_values()
    together, item = a_request(signal)
    for key, value in values.items():
        item.attributes.add(key=key, value=value)
    messages = [together]
    for value in values.values():
        request, item = a_request(signal)
        item.attributes.add(key="gen_ai.tool.call.arguments", value=value)
        item.attributes.add(key="gen_ai.usage.input_tokens", value=value)
        if signal is Signal.LOGS:
            item.body.CopyFrom(value)
        messages.append(request)
    assert table.round_trips(signal, messages) == len(values) + 1


def test_enum_values_that_nobody_has_named_are_kept(table: Table) -> None:
    numbers = (-(2**31), -1, 3, 6, 24, 25, 2**31 - 1)
    spans, logs = [], []
    for number in numbers:
        request, span = a_request(Signal.TRACES, kind=number)
        span.status.code = number
        spans.append(request)
        logs.append(a_request(Signal.LOGS, severity_number=number)[0])
    assert table.round_trips(Signal.TRACES, spans) == table.round_trips(Signal.LOGS, logs) == len(numbers)


def test_large_texts_and_many_attributes_events_and_links_are_kept(table: Table) -> None:
    request, span = a_request(Signal.TRACES, name="n" * 100_000)
    span.attributes.add(key="k" * 50_000).value.string_value = "é\0" * 1_000_000
    for number in range(3_000):
        span.attributes.add(key=f"key {number}").value.int_value = number
        span.events.add(name=f"event {number}", time_unix_nano=number).attributes.add(key="n").value.int_value = number
        span.links.add(trace_id=bytes([number % 256]) * 16, flags=number)
    assert table.round_trips(Signal.TRACES, [request]) == 1


@pytest.mark.parametrize("key", ["a", "service.name", "gen_ai.input.messages"])
@pytest.mark.parametrize("signal", Signal)
def test_a_key_sent_twice_loses_no_row(table: Table, signal: Signal, key: str) -> None:
    messages = []
    for first, second in itertools.product(odd_values().values(), [AnyValue(), AnyValue(string_value="2")]):
        request, item = a_request(signal)
        item.attributes.add(key=key, value=first)
        item.attributes.add(key=key, value=second)
        messages.append(request)
    if signal is Signal.TRACES and key in stored.LARGE:  # it has a column of its own, which holds one text
        rows, _ = table.insert(signal, [message.SerializeToString() for message in messages])
        assert len(rows) == len(messages)
    else:
        assert table.round_trips(signal, messages) == len(messages)


def forged(signal: Signal, write: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    """A request, and the same with `write` applied to its one resource's bytes."""
    message, _ = a_request(signal)
    body = message.SerializeToString()
    resource: Any = message.ListFields()[0][1][0]
    return body, wire.delimited(1, write(resource.SerializeToString()))


STAMP = wire.delimited(1, b"evil") + wire.delimited(2, b"admin") + wire.delimited(3, b"token")


@pytest.mark.parametrize("signal", Signal)
def test_nobody_but_the_collector_writes_a_stamp_or_a_batch_id(table: Table, signal: Signal) -> None:
    stamp, batch = wire.delimited(50_001, STAMP), wire.delimited(50_002, b"evil")
    honest, before = forged(signal, lambda resource: stamp + resource)
    bodies = [
        honest,
        before,
        forged(signal, lambda resource: resource + stamp)[1],
        forged(signal, lambda resource: resource + batch)[1],
        batch + honest,
        honest + batch,
        honest + wire.delimited(50_002, b"\xff"),
        honest + wire.tag(50_001, 3) + wire.tag(50_001, 4),
        honest,
    ]
    rows, _ = table.insert(signal, bodies)
    assert [(row.org, row.identity, row.method) for found in rows.values() for row in found] == [
        ("acme", "claims-bot", "mtls")
    ] * len(bodies)
    assert len(rows) == len(bodies)


def test_a_forged_json_value_is_an_empty_one(table: Table) -> None:
    request, span = a_request(Signal.TRACES)
    span.attributes.add(key="k")
    body = request.SerializeToString()
    value = wire.delimited(101, b"[1") + wire.delimited(102, b"{")
    pair = wire.delimited(9, wire.delimited(1, b"k") + wire.delimited(2, value))
    forged_span = span.SerializeToString().replace(wire.delimited(9, wire.delimited(1, b"k")), pair)
    assert forged_span != span.SerializeToString()
    forged_body = wire.delimited(1, wire.delimited(2, wire.delimited(2, forged_span)))
    assert table.round_trips(Signal.TRACES, [request, request], [body, forged_body]) == 2
