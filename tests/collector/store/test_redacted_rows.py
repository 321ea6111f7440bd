"""Nothing that the policy catches reaches a table, wherever in a request it stands; tokens join and counts tell."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.redaction.keys import RedactionKeys, load_keys
from collector.redaction.policy import shipped
from collector.redaction.redactor import Redactor
from collector.signals import Signal
from collector.store.connection import Store
from collector.store.digests import arguments_digest
from collector.store.writer import Writer
from tests.collector.store.batches import NOW, Batch

MAIL = "jane.roe@example.com"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> RedactionKeys:
    return load_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def keyed(store: Store, keys: RedactionKeys) -> Writer:
    return Writer(store, shipped(), keys)


class Secrets:
    """Each place of a request gets a secret of its own."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, around: str = "the key is {} now") -> str:
        self.made.append(f"sk-{secrets.token_hex(24)}")
        return around.format(self.made[-1])


def everywhere(request: Any, secret: Secrets) -> Any:
    """Fill every text of an item's surroundings: resource, scope."""
    request.resource.attributes.add(key="service.name").value.string_value = "leaky"
    request.resource.attributes.add(key="a").value.string_value = secret()
    request.resource.attributes.add(key="list").value.array_value.values.add().string_value = secret()
    scope = getattr(request, f"scope_{type(request).__name__.removeprefix('Resource').lower()}").add()
    scope.scope.attributes.add(key="b").value.string_value = secret()
    return scope


def traces(secret: Secrets) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = everywhere(request.resource_spans.add(), secret)
    span = scope.spans.add(trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8), name=secret())
    span.start_time_unix_nano = span.end_time_unix_nano = NOW
    span.status.message = secret()
    for key in ("gen_ai.input.messages", "llm.input_messages.0.message.content", "gen_ai.tool.call.arguments", "note"):
        span.attributes.add(key=key).value.string_value = secret('[{{"role":"user","content":"{} "}}]')
    span.attributes.add(key="long").value.string_value = "x" * 300 + secret(" {} ")
    pair = span.attributes.add(key="map").value.kvlist_value.values.add(key="deep")
    pair.value.kvlist_value.values.add(key="deeper").value.string_value = secret()
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "execute_tool"
    for number in range(2):
        event = span.events.add(time_unix_nano=NOW, name=secret(f"happened {number} {{}}"))
        event.attributes.add(key="exception.message").value.string_value = secret()
        event.attributes.add(key="plain").value.string_value = f"event {number}"
        link = span.links.add(trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8))
        link.attributes.add(key="why").value.string_value = secret()
    return request


def logs(secret: Secrets) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scope = everywhere(request.resource_logs.add(), secret)
    for event in ("", "gen_ai.user.message"):
        record = scope.log_records.add(time_unix_nano=NOW, event_name=event)
        record.body.string_value = secret()
        record.attributes.add(key="c").value.string_value = secret()
    return request


def metrics(secret: Secrets) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    scope = everywhere(request.resource_metrics.add(), secret)
    for kind in ("gauge", "sum", "histogram"):
        metric = scope.metrics.add(name=f"leaky.{kind}")
        metric.metadata.add(key="d").value.string_value = secret()
        point = getattr(metric, kind).data_points.add(time_unix_nano=NOW)
        point.attributes.add(key="e").value.string_value = secret()
        exemplar = point.exemplars.add(time_unix_nano=NOW)
        exemplar.filtered_attributes.add(key="f").value.string_value = secret()
    return request


MAKE = {Signal.TRACES: traces, Signal.LOGS: logs, Signal.METRICS: metrics}


def tables(store: Store) -> Iterator[str]:
    rows = store.client().query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    yield from (str(name) for (name,) in rows.result_rows)


def rows_that_say(store: Store, words: list[str]) -> list[str]:
    """Tables with a row in which one of the words stands, in any column."""
    found: list[str] = []
    for table in tables(store):
        count = store.client().command(
            f"SELECT count() FROM {table} WHERE multiSearchAny(formatRow('JSONEachRow', *), {{words:Array(String)}})",
            parameters={"words": words},
        )
        if int(str(count)):
            found.append(table)
    return found


@pytest.mark.parametrize("signal", Signal)
def test_a_secret_reaches_no_table_from_anywhere_in_a_request(store: Store, keyed: Writer, signal: Signal) -> None:
    secret = Secrets()
    request = MAKE[signal](secret)
    Batch(keyed, signal, request).insert()
    assert len(secret.made) > 6
    assert rows_that_say(store, secret.made) == []


def test_a_value_without_a_policys_catch_would_be_found_by_this_search(store: Store, keyed: Writer) -> None:
    word = f"harmless-{secrets.token_hex(4)}"
    request = traces(lambda around="{}": around.format(word))  # type: ignore[arg-type]
    Batch(keyed, Signal.TRACES, request).insert()
    assert {"otel_traces", "contents"} <= set(rows_that_say(store, [word]))


def read(store: Store, batch: Batch, columns: str, table: str = "otel_traces") -> Any:
    (row,) = (
        store.client()
        .query(f"SELECT {columns} FROM {table} WHERE Org = {{org:String}}", parameters={"org": batch.org})
        .result_rows
    )
    return row


def test_each_row_says_which_rules_of_which_policy_replaced_how_much(store: Store, keyed: Writer) -> None:
    secret = Secrets()
    batch = Batch(keyed, Signal.TRACES, traces(secret))
    batch.insert()
    counts, policy = read(store, batch, "Redactions, RedactionPolicy")
    assert sum(counts.values()) == len(secret.made)
    assert policy == shipped().id


def test_what_is_around_a_secret_and_beside_it_stays(store: Store, keyed: Writer) -> None:
    batch = Batch(keyed, Signal.TRACES, traces(Secrets()))
    batch.insert()
    name, resource, events, kinds = read(
        store, batch, "SpanName, ResourceAttributes, `Events.Attributes`, ResourceAttributeKinds"
    )
    assert name.startswith("the key is [redacted:")
    assert name.endswith("] now")
    assert resource["service.name"] == "leaky"
    assert [event["plain"] for event in events] == ["event 0", "event 1"]
    assert json.loads(resource["list"])[0].startswith("the key is [redacted:")
    assert kinds == {"list": 5}


def spans(**attributes: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    span = scope.spans.add(trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8), name="call")
    span.start_time_unix_nano = span.end_time_unix_nano = NOW
    for key, text in attributes.items():
        span.attributes.add(key=key.replace("__", ".")).value.string_value = text
    return request


def test_equal_values_stay_joinable_and_nobody_can_tell_them_without_the_key(
    store: Store, keyed: Writer, keys: RedactionKeys
) -> None:
    batch = Batch(keyed, Signal.TRACES, spans(one=f"mail {MAIL}", two=f"{MAIL} wrote", other="joe@example.com"))
    batch.insert()
    (sent,) = read(store, batch, "SpanAttributes")
    token = sent["one"].removeprefix("mail ")
    assert token != MAIL
    assert sent["two"] == f"{token} wrote"
    assert sent["other"] != token
    assert Redactor(shipped(), keys.token).redact("any", "one", MAIL).text == token
    assert Redactor(shipped(), "0" * 64).redact("any", "one", MAIL).text != token


def test_a_number_that_was_replaced_is_a_text(store: Store, keyed: Writer) -> None:
    request = spans()
    (span,) = request.resource_spans[0].scope_spans[0].spans
    span.attributes.add(key="card").value.int_value = 4111111111111111
    span.attributes.add(key="count").value.int_value = 41
    batch = Batch(keyed, Signal.TRACES, request)
    batch.insert()
    sent, kinds = read(store, batch, "SpanAttributes, SpanAttributeKinds")
    assert sent["count"] == "41"
    assert "4111" not in sent["card"]
    assert kinds == {"count": 3}


def test_the_digest_is_of_the_arguments_as_they_were_sent(store: Store, keyed: Writer, keys: RedactionKeys) -> None:
    sent = json.dumps({"to": MAIL, "amount": 12.5})
    other = sent.replace("jane", "june")
    digests = []
    for arguments in (sent, other):
        batch = Batch(
            keyed,
            Signal.TRACES,
            spans(gen_ai__operation__name="execute_tool", gen_ai__tool__call__arguments=arguments),
        )
        batch.insert()
        digests.append(read(store, batch, "ArgumentsDigest")[0])
    assert digests == [arguments_digest(text, keys.arguments.encode()) for text in (sent, other)]
    assert digests[0] != digests[1]


def written(file: Path) -> bytes:
    """Nothing, if a merge has removed the file meanwhile."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def test_the_keys_are_in_no_statement_and_in_no_file_of_the_engine(
    store: Store, keyed: Writer, keys: RedactionKeys
) -> None:
    Batch(keyed, Signal.TRACES, spans(one=MAIL)).insert()
    statements = store.client().query("SELECT create_table_query FROM system.tables").result_rows
    files = [written(file) for file in Path(store.settings.path).rglob("*") if file.is_file()]
    assert any(files)
    for key in (keys.token, keys.arguments):
        assert not [sql for (sql,) in statements if key in sql]
        assert not [file for file in files if key.encode() in file]
    assert not rows_that_say(store, [keys.token, keys.arguments])
