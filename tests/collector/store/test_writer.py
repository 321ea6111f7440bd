"""Batches: once, whole, countable; what the engine can't read is found without keeping anything."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.signals import Signal
from collector.store.connection import Store
from collector.store.writer import InsertError, Writer
from tests.collector.store.batches import NOW, Batch

DAY = 86_400 * 10**9
TABLES = ["otel_traces", "otel_logs", "otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_histogram", "approvals"]
ROLLUPS = ["operation_minute", "agent_activity"]


def traces(count: int, *, spread: int = 0) -> ExportTraceServiceRequest:
    """Model calls with an approval each, `spread` ns apart, the last one now."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "claims"
    spans = resource.scope_spans.add().spans
    for number in range(count):
        start = NOW - (count - 1 - number) * spread
        span = spans.add(trace_id=number.to_bytes(15, "big") + b"\1", span_id=b"\2" * 8, start_time_unix_nano=start)
        span.end_time_unix_nano = start + 5
        for key, value in (("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "m")):
            span.attributes.add(key=key).value.string_value = value
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 7
        span.events.add(name="muster.approval", time_unix_nano=start)
    return request


def logs(count: int) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number in range(count):
        records.add(time_unix_nano=NOW + number, event_name="muster.approval")
    return request


def metrics(count: int) -> ExportMetricsServiceRequest:
    """One gauge, one sum and one histogram point each."""
    request = ExportMetricsServiceRequest()
    found = request.resource_metrics.add().scope_metrics.add().metrics
    for number in range(count):
        found.add(name="g").gauge.data_points.add(time_unix_nano=NOW + number, as_int=1)
        found.add(name="s").sum.data_points.add(time_unix_nano=NOW + number, as_int=1)
        found.add(name="h").histogram.data_points.add(time_unix_nano=NOW + number, count=1)
    return request


def figures(store: Store, batch: Batch) -> dict[str, Any]:
    """Everything a batch left in any table."""
    client = store.client()
    asked = {"org": batch.org}
    counts = " UNION ALL ".join(f"SELECT '{t}', count() FROM {t} WHERE Org = {{org:String}}" for t in TABLES)
    rows: Any = client.query(counts, parameters=asked).result_rows
    found: dict[str, Any] = dict(rows)
    found["operation_minute"] = client.query(
        "SELECT sum(Calls), sum(InputTokens), sum(TokensUnknown), "
        "toString(quantilesTDigestMerge(0.5, 0.95, 0.99)(Duration)[1]) FROM operation_minute WHERE Org = {org:String}",
        parameters=asked,
    ).result_rows[0]
    found["agent_activity"] = client.query(
        "SELECT sum(Spans), sum(ModelCalls) FROM agent_activity WHERE Org = {org:String}", parameters=asked
    ).result_rows[0]
    return found


MESSAGES = {Signal.TRACES: traces(50, spread=60 * 10**9), Signal.LOGS: logs(50), Signal.METRICS: metrics(50)}
ITEMS = {Signal.TRACES: 50, Signal.LOGS: 50, Signal.METRICS: 150}


@pytest.mark.parametrize("signal", Signal)
def test_a_batch_is_counted_by_its_id_in_the_tables_of_its_signal(writer: Writer, signal: Signal) -> None:
    batch = Batch(writer, signal, MESSAGES[signal], MESSAGES[signal])
    assert batch.count() == 0
    batch.insert()
    assert batch.count() == 2 * ITEMS[signal]


@pytest.mark.parametrize("signal", Signal)
def test_a_repeated_batch_doubles_nothing(store: Store, writer: Writer, signal: Signal) -> None:
    batch = Batch(writer, signal, MESSAGES[signal])
    batch.insert()
    once = figures(store, batch)
    for _ in range(3):
        batch.insert()
    assert figures(store, batch) == once
    assert batch.count() == ITEMS[signal]
    if signal is Signal.TRACES:
        assert (once["operation_minute"], once["agent_activity"], once["approvals"]) == (
            (50, 350, 0, "5"),
            (50, 50),
            50,
        )


def test_a_batch_of_which_only_a_part_landed_is_completed(store: Store, writer: Writer) -> None:
    """As after a crash between two views: the tables that have their rows keep them, the others get theirs."""
    batch, whole = (
        Batch(writer, Signal.TRACES, MESSAGES[Signal.TRACES]),
        Batch(writer, Signal.TRACES, MESSAGES[Signal.TRACES]),
    )
    client = store.client()
    views = ["operation_minute_mv", "agent_activity_mv", "approvals_from_traces_mv"]
    for view in views:
        client.command(f"DETACH TABLE {view}")
    try:
        batch.insert()
    finally:
        for view in views:
            client.command(f"ATTACH TABLE {view}")
    assert figures(store, batch)["agent_activity"] == (0, 0)
    batch.insert()
    whole.insert()
    assert figures(store, batch) == figures(store, whole)


def test_another_batch_with_the_same_rows_is_another_batch(writer: Writer) -> None:
    first, second = (Batch(writer, Signal.TRACES, MESSAGES[Signal.TRACES]) for _ in range(2))
    first.insert()
    second.insert()
    assert (first.count(), second.count()) == (50, 50)


@pytest.mark.parametrize("signal", Signal)
def test_a_request_tried_alone_leaves_nothing(store: Store, writer: Writer, signal: Signal) -> None:
    batch = Batch(writer, signal, MESSAGES[signal])
    before = figures(store, batch)
    writer.try_alone(signal, batch._payloads[0])
    assert figures(store, batch) == before


POISON = [
    b"\x0a\x7f",  # a resource that breaks off
    b"\xff" * 40,
    Random(3).randbytes(4_000),
    b"\x0a\x02\x0a\x7f",
]


@pytest.mark.parametrize(
    ("signal", "poison"),
    [*((Signal.TRACES, poison) for poison in POISON), (Signal.LOGS, POISON[2]), (Signal.METRICS, POISON[2])],
    ids=range(len(POISON) + 2),
)
def test_what_the_engine_cannot_read_is_the_datas_fault(
    store: Store, writer: Writer, signal: Signal, poison: bytes
) -> None:
    with pytest.raises(InsertError) as alone:
        writer.try_alone(signal, poison)
    assert alone.value.data
    batch = Batch(writer, signal, MESSAGES[signal])
    batch._payloads.append(poison)
    with pytest.raises(InsertError) as together:
        batch.insert()
    assert together.value.data
    assert batch.count() == 0
    assert not any(figures(store, batch)[table] for table in TABLES)


def test_an_error_never_quotes_the_data(writer: Writer) -> None:
    with pytest.raises(InsertError) as caught:
        writer.try_alone(Signal.LOGS, b"\x0a\x7fa secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_batch_that_spans_more_than_100_days_is_inserted(store: Store, writer: Writer) -> None:
    batch = Batch(writer, Signal.TRACES, traces(150, spread=DAY))
    batch.insert()
    assert batch.count() == 150
    days = store.client().command(
        "SELECT uniqExact(toDate(Timestamp)) FROM otel_traces WHERE BatchId = {batch:String}",
        parameters={"batch": batch.name},
    )
    assert days == 150


def test_a_greedy_read_fails_alone_while_inserts_go_on(store: Store, writer: Writer) -> None:
    """The embedded engine's whole memory is capped; a reader's share is smaller still."""
    finished: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                with store.reader() as client:
                    client.query("SELECT length(groupArray(repeat(toString(number), 100))) FROM numbers(50000000)")
                finished.append("read")
            except ClickHouseError as error:
                finished.append("MEMORY_LIMIT" if "MEMORY_LIMIT" in str(error) else str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        batches = [Batch(writer, Signal.TRACES, traces(2_000)) for _ in range(3)]
        while len(finished) < 2:
            for batch in batches:
                batch.insert()
    finally:
        stop.set()
        reader.join()
    assert set(finished) == {"MEMORY_LIMIT"}
    assert [batch.count() for batch in batches] == [2_000] * 3


def test_a_reader_cannot_write(store: Store) -> None:
    with store.reader() as client, pytest.raises(ClickHouseError, match=r"(?i)readonly"):
        client.command("CREATE TABLE forbidden (X Int8) ENGINE = Null")


def test_a_plan_is_current_for_this_engine_and_schema_only(writer: Writer) -> None:
    plan = writer.plan("b")
    assert writer.is_current(plan)
    assert plan.token == "b:0"
    assert writer.plan("b", 1).token == "b:1"
    for change in ({"engine_version": "1"}, {"schema_digest": "1"}):
        other = type(plan)(**{name: getattr(plan, name) for name in plan.__slots__} | change)
        assert not writer.is_current(other)
