"""Readers of the OpenTelemetry ClickHouse exporter's tables find what they ask for, and the exporter can write here.

The queries are those of Grafana's ClickHouse data source in OpenTelemetry mode and of HyperDX, which know the
exporter's column names. The inserts name the columns that the stock exporter (`create_schema: false`) names.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from collector.receivers.payload import batch_tail, decode
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.connection import Store
from collector.store.writer import Writer

SECOND = 10**9
NOON = 1_795_348_800 * SECOND
TRACE, ROOT, CHILD = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "00f067aa0ba902b7"
SERVICE = "exporter-readers"
BATCHES = ("exporter-readers-traces", "exporter-readers-logs")


@pytest.fixture(scope="module", autouse=True)
def telemetry(store: Store, writer: Writer) -> None:
    """A trace of two spans and a log line, through the engine as any other."""
    traces, logs = ExportTraceServiceRequest(), ExportLogsServiceRequest()
    resource = traces.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = SERVICE
    resource.resource.attributes.add(key="k8s.pod.name").value.string_value = "pod-1"
    spans = resource.scope_spans.add().spans
    root = spans.add(name="invoke_agent clerk", kind=2, start_time_unix_nano=NOON)
    root.end_time_unix_nano = NOON + 3 * SECOND // 2
    child = spans.add(
        name="chat gpt-4o", kind=3, start_time_unix_nano=NOON + SECOND, parent_span_id=bytes.fromhex(ROOT)
    )
    child.end_time_unix_nano = NOON + SECOND + 250_000_000
    child.status.MergeFrom(Status(code=Status.STATUS_CODE_ERROR, message="rate limited"))
    for span, span_id in ((root, ROOT), (child, CHILD)):
        span.trace_id, span.span_id = bytes.fromhex(TRACE), bytes.fromhex(span_id)
        span.attributes.add(key="http.status_code").value.int_value = 429
        span.attributes.add(key="gen_ai.request.model").value.string_value = "gpt-4o"
    child.events.add(name="exception", time_unix_nano=NOON + SECOND)
    origin = logs.resource_logs.add()
    origin.resource.attributes.add(key="service.name").value.string_value = SERVICE
    record = origin.scope_logs.add().log_records.add(time_unix_nano=NOON, severity_text="ERROR", severity_number=17)
    record.trace_id, record.span_id, record.flags = bytes.fromhex(TRACE), bytes.fromhex(CHILD), 1
    record.body.string_value = "Call failed: Rate Limited (429)"
    record.attributes.add(key="code.function").value.string_value = "chat"
    for signal, batch, message in zip((Signal.TRACES, Signal.LOGS), BATCHES, (traces, logs), strict=True):
        sender = Principal("default", "", Method.NONE)
        export = Export(signal, Encoding.PROTOBUF, message.SerializeToString(), sender)
        payload = decode(export, NOON + 2 * SECOND, "request").payload
        writer.insert(signal, writer.plan(batch), [payload, batch_tail(batch)])


def ask(store: Store, sql: str) -> list[dict[str, Any]]:
    with store.reader() as client:
        return list(client.query(sql).named_results())


IN_TIME = (
    "Timestamp >= fromUnixTimestamp64Milli(1795348700000) AND Timestamp <= fromUnixTimestamp64Milli(1795348900000)"
)


def test_grafana_searches_traces_by_an_attribute(store: Store) -> None:
    rows = ask(
        store,
        'SELECT "TraceId" AS traceID, "ServiceName" AS serviceName, "SpanName" AS operationName, '
        '"Timestamp" AS startTime, multiply("Duration", 0.000001) AS duration FROM "otel_traces" '
        f"WHERE ( {IN_TIME} ) AND ( ParentSpanId = '' ) AND ( Duration > 0 ) AND ServiceName = '{SERVICE}' "
        "AND SpanAttributes['http.status_code'] IN ('429') AND ResourceAttributes['k8s.pod.name'] LIKE 'pod-%' "
        "ORDER BY Timestamp DESC, Duration DESC LIMIT 1000",
    )
    assert [(row["traceID"], row["operationName"], row["duration"]) for row in rows] == [
        (TRACE, "invoke_agent clerk", 1500.0)
    ]


def test_grafana_shows_a_trace_by_its_id(store: Store) -> None:
    rows = ask(
        store,
        f"WITH '{TRACE}' AS trace_id, "
        "(SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = trace_id) AS trace_start, "
        "(SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = trace_id) AS trace_end "
        'SELECT "TraceId" AS traceID, "SpanId" AS spanID, "ParentSpanId" AS parentSpanID, '
        '"ServiceName" AS serviceName, "SpanName" AS operationName, '
        'multiply(toUnixTimestamp64Nano("Timestamp"), 0.000001) AS startTime, '
        'multiply("Duration", 0.000001) AS duration, '
        "arrayMap(key -> map('key', key, 'value', \"SpanAttributes\"[key]), mapKeys(\"SpanAttributes\")) AS tags, "
        "arrayMap(key -> map('key', key, 'value', \"ResourceAttributes\"[key]), mapKeys(\"ResourceAttributes\")) "
        "AS serviceTags, if(\"StatusCode\" IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) AS statusCode, "
        '"StatusMessage" AS statusMessage, '
        "arrayMap((name, timestamp, attributes) -> tuple(name, toString(toUnixTimestamp64Milli(timestamp)), "
        "arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes))), "
        '"Events".Name, "Events".Timestamp, "Events".Attributes) AS logs, '
        'arrayMap((traceID, spanID, attributes) -> tuple(traceID, spanID, attributes), "Links".TraceId, '
        '"Links".SpanId, "Links".Attributes) AS references, "SpanKind" AS kind FROM "otel_traces" '
        'WHERE traceID = trace_id AND "Timestamp" >= trace_start AND "Timestamp" <= trace_end LIMIT 1000',
    )
    assert {row["spanID"]: (row["parentSpanID"], row["statusCode"], row["kind"], row["duration"]) for row in rows} == {
        ROOT: ("", 0, "Server", 1500.0),
        CHILD: (ROOT, 2, "Client", 250.0),
    }
    [failed] = [row for row in rows if row["spanID"] == CHILD]
    assert {"key": "http.status_code", "value": "429"} in failed["tags"]
    assert [event[0] for event in failed["logs"]] == ["exception"]


def test_grafana_searches_logs_by_body_severity_and_trace(store: Store) -> None:
    rows = ask(
        store,
        "SELECT Timestamp AS timestamp, Body AS body, SeverityText AS level, LogAttributes AS labels, "
        'TraceId AS traceID FROM "otel_logs" WHERE ( TimestampTime >= toDateTime(1795348700) '
        f"AND TimestampTime <= toDateTime(1795348900) ) AND ( {IN_TIME} ) "
        "AND ( SeverityText IN ('error', 'ERROR') ) AND ( Body ILIKE '%rate limited%' ) "
        f"AND ( TraceId = '{TRACE}' ) ORDER BY timestamp DESC LIMIT 1000",
    )
    assert [(row["body"], row["labels"]) for row in rows] == [
        ("Call failed: Rate Limited (429)", {"code.function": "chat"})
    ]


def test_both_list_the_services(store: Store) -> None:
    for table in ("otel_traces", "otel_logs"):
        rows = ask(
            store, f"SELECT DISTINCT ServiceName AS service FROM {table} WHERE {IN_TIME} ORDER BY service LIMIT 1000"
        )
        assert SERVICE in [row["service"] for row in rows]


def test_hyperdx_charts_latency_and_errors(store: Store) -> None:
    rows = ask(
        store,
        "SELECT toStartOfInterval(toDateTime(Timestamp), INTERVAL 1 minute) AS __hdx_time_bucket, "
        "quantile(0.95)(Duration / 1e6) AS p95, countIf(lower(StatusCode) = 'error') / count() AS errors, "
        "ServiceName AS service FROM otel_traces "
        f"WHERE {IN_TIME} AND SpanKind IN ('Server', 'Client') AND ServiceName = '{SERVICE}' "
        "GROUP BY __hdx_time_bucket, service ORDER BY __hdx_time_bucket",
    )
    assert [(row["errors"], row["service"]) for row in rows] == [(0.5, SERVICE)]
    assert 1000 < rows[0]["p95"] <= 1500


def test_hyperdx_searches_logs_by_words_and_joins_them_to_their_trace(store: Store) -> None:
    rows = ask(
        store,
        "SELECT Timestamp, ServiceName, SeverityText, Body, TraceFlags, ScopeName, ResourceAttributes['service.name'] "
        "AS resource_service FROM otel_logs "
        f"WHERE {IN_TIME} AND hasToken(lower(Body), lower('Limited')) AND LogAttributes['code.function'] = 'chat' "
        f"AND TraceId IN (SELECT TraceId FROM otel_traces WHERE {IN_TIME} AND StatusCode = 'Error') LIMIT 200",
    )
    assert [(row["ServiceName"], row["TraceFlags"], row["resource_service"]) for row in rows] == [(SERVICE, 1, SERVICE)]


def test_both_list_the_keys_of_a_map(store: Store) -> None:
    rows = ask(
        store,
        "SELECT DISTINCT arrayJoin(SpanAttributes.keys) AS keys FROM otel_traces "
        f"WHERE {IN_TIME} AND ServiceName = '{SERVICE}' LIMIT 1000",
    )
    assert {row["keys"] for row in rows} == {"http.status_code", "gen_ai.request.model"}


# What the exporter writes

STOCK_TRACES = """INSERT INTO otel_traces (
    Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ResourceAttributes,
    ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage, Events.Timestamp,
    Events.Name, Events.Attributes,
    Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes
) VALUES (
    '2026-11-22 12:00:00.000000005', '{trace}', '{span}', '', '', 'chat gpt-4o', 'Client', 'stock-exporter',
    {{'service.name': 'stock-exporter', 'deployment.environment': 'staging'}}, 'scope', '1',
    {{'gen_ai.operation.name': 'chat', 'gen_ai.system': 'openai', 'gen_ai.request.model': 'gpt-4o',
      'gen_ai.agent.name': 'clerk', 'gen_ai.usage.prompt_tokens': '120', 'gen_ai.usage.output_tokens': '30',
      'gen_ai.input.messages': '[1]'}},
    1500, 'Error', 'late', ['2026-11-22 12:00:00.000000007'], ['muster.approval'],
    [{{'muster.approval.decision': 'denied', 'muster.approval.id': 'a-1'}}], ['{trace}'], ['{span}'], [''], [{{}}]
)"""

STOCK_LOGS = """INSERT INTO otel_logs (
    Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, Body, ResourceSchemaUrl,
    ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, LogAttributes, EventName
) VALUES (
    '2026-11-22 12:00:00.000000005', '{trace}', '{span}', 1, 'INFO', 9, 'stock-exporter', 'said', '', {{}}, '', '', '',
    {{}}, {{'k': 'v'}}, 'e'
)"""

_EXEMPLARS = "Exemplars.FilteredAttributes, Exemplars.TimeUnix, Exemplars.Value, Exemplars.SpanId, Exemplars.TraceId"
_METRIC = """INSERT INTO {table} (
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount,
    ScopeSchemaUrl, ServiceName, MetricName, MetricDescription, MetricUnit, Attributes, StartTimeUnix, TimeUnix,
    {columns}
) VALUES (
    {{}}, '', '', '', {{}}, 0, '', 'stock-exporter', 'm', '', '', {{'k': 'v'}}, '2026-11-22 12:00:00',
    '2026-11-22 12:00:01', {values}
)"""
_NONE = "[], [], [], [], []"
STOCK_METRICS = {
    "otel_metrics_gauge": (f"Value, Flags, {_EXEMPLARS}", f"2.5, 0, {_NONE}"),
    "otel_metrics_sum": (
        f"Value, Flags, {_EXEMPLARS}, AggregationTemporality, IsMonotonic",
        f"2.5, 0, {_NONE}, 2, true",
    ),
    "otel_metrics_histogram": (
        f"Count, Sum, BucketCounts, ExplicitBounds, {_EXEMPLARS}, Flags, Min, Max, AggregationTemporality",
        f"3, 4.5, [1, 2], [1.0], {_NONE}, 0, 0.5, 2.5, 2",
    ),
}


@pytest.fixture(scope="module")
def written(store: Store) -> None:
    client = store.client()
    for sql in (STOCK_TRACES, STOCK_LOGS):
        client.command(sql.format(trace=TRACE[::-1], span=ROOT[::-1]))
    for table, (columns, values) in STOCK_METRICS.items():
        client.command(_METRIC.format(table=table, columns=columns, values=values))


WHERE = "ServiceName = 'stock-exporter'"


@pytest.mark.usefixtures("written")
def test_a_span_of_the_stock_exporter_gets_its_columns_from_its_attributes(store: Store) -> None:
    [row] = ask(store, f"SELECT * FROM otel_traces WHERE {WHERE}")
    found = {
        name: row[name]
        for name in ("Org", "IdentityMethod", "Operation", "AgentName", "Environment", "Provider", "Model")
    }
    assert found == {
        "Org": "default",
        "IdentityMethod": "none",
        "Operation": "chat",
        "AgentName": "clerk",
        "Environment": "staging",
        "Provider": "openai",
        "Model": "gpt-4o",
    }
    assert (row["InputTokens"], row["OutputTokens"], row["InputMessages"]) == (120, 30, "[1]")
    assert row["ReceivedAt"] == row["Timestamp"]


@pytest.mark.usefixtures("written")
def test_a_span_of_the_stock_exporter_is_in_every_rollup(store: Store) -> None:
    [minute] = ask(
        store,
        "SELECT Operation, AgentName, Model, sum(Calls) AS calls, sum(Errors) AS errors, sum(InputTokens) AS input, "
        f"sum(OutputTokens) AS output, sum(TokensUnknown) AS unknown FROM operation_minute WHERE {WHERE} GROUP BY ALL",
    )
    assert tuple(minute.values()) == ("chat", "clerk", "gpt-4o", 1, 1, 120, 30, 0)
    [hour] = ask(
        store,
        "SELECT AgentName, Environment, sum(Spans) AS spans, sum(Errors) AS errors, sum(ModelCalls) AS calls "
        f"FROM agent_activity WHERE {WHERE} GROUP BY ALL",
    )
    assert tuple(hour.values()) == ("clerk", "staging", 1, 1, 1)
    [approval] = ask(store, f"SELECT ApprovalId, Decision, Source FROM approvals WHERE {WHERE}")
    assert tuple(approval.values()) == ("a-1", "denied", "span_event")
    [call] = ask(store, f"SELECT RequestModel, InputTokens FROM genai_calls WHERE {WHERE}")
    assert tuple(call.values()) == ("gpt-4o", 120)
    [extent] = ask(store, f"SELECT min(Start) AS start FROM otel_traces_trace_id_ts WHERE TraceId = '{TRACE[::-1]}'")
    assert extent["start"].hour == 12


@pytest.mark.usefixtures("written")
def test_logs_and_points_of_the_stock_exporter_are_accepted(store: Store) -> None:
    [log] = ask(store, f"SELECT Body, TraceFlags, TimestampTime, BodyKind, Org FROM otel_logs WHERE {WHERE}")
    assert (log["Body"], log["TraceFlags"], log["BodyKind"], log["Org"]) == ("said", 1, 1, "default")
    for table in ("otel_metrics_gauge", "otel_metrics_sum"):
        [point] = ask(store, f"SELECT Value, ValueKind, Attributes FROM {table} WHERE {WHERE}")
        assert tuple(point.values()) == (2.5, 4, {"k": "v"})
    [point] = ask(store, f"SELECT Count, Sum, BucketCounts, Min, Max FROM otel_metrics_histogram WHERE {WHERE}")
    assert tuple(point.values()) == (3, 4.5, [1, 2], 0.5, 2.5)


@pytest.mark.parametrize("table", ["otel_traces", "otel_logs", *STOCK_METRICS])
def test_the_exporters_columns_come_first(store: Store, table: str) -> None:
    """What reads by position, or shows all columns, starts with what it knows."""
    columns = [
        row["name"]
        for row in ask(
            store,
            "SELECT name FROM system.columns WHERE database = currentDatabase() "
            f"AND table = '{table}' ORDER BY position",
        )
    ]
    assert columns.index("Org") == min(columns.index(name) for name in ("Org", "Identity", "ReceivedAt", "BatchId"))
    stock = {"otel_traces": STOCK_TRACES, "otel_logs": STOCK_LOGS}.get(table) or _METRIC.format(
        table=table, columns=STOCK_METRICS.get(table, ("", ""))[0], values=""
    )
    listed = re.findall(r"[A-Za-z.]+", stock.partition("(")[2].partition(")")[0])
    assert set(listed) <= set(columns[: columns.index("Org")])
