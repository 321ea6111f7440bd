"""A dry run counts what a policy would do to what is stored, names rows, and shows and changes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.redaction.dry_run import DryRun, Stored
from collector.redaction.policy import parse
from collector.signals import Signal
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.collector.store.batches import NOW, Batch

DAY = datetime.fromtimestamp(NOW / 1e9, UTC).date()
POLICY = parse(
    b"extend = 'none'\n[[rule]]\nname = 'dry'\npattern = 'dry-[0-9]{4}'\naction = 'mask'\n"
    b"[[rule]]\nname = 'dry-key'\nattribute = 'dry.key'\naction = 'drop'\n"
    b"[[rule]]\nname = 'never'\npattern = 'dry-never'\naction = 'mask'\n",
    "dry.toml",
)


def test_what_is_stored_is_counted_by_rule_and_table(store: Store, writer: Writer) -> None:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="host").value.string_value = "dry-0001"
    scope = resource.scope_spans.add()
    for number in range(1, 4):
        span = scope.spans.add(trace_id=bytes(15) + b"d", span_id=bytes([number] * 8), name="dry-0002")
        span.start_time_unix_nano = span.end_time_unix_nano = NOW
        span.events.add(time_unix_nano=NOW).attributes.add(key="e").value.string_value = "dry-0003 dry-0004"
    span.attributes.add(key="dry.key").value.string_value = "x"
    Batch(writer, Signal.TRACES, message).insert()

    run = DryRun(store.client(), POLICY, most_ids=2)
    assert list(run.days(date(2027, 1, 14), date(2027, 1, 16))) == [date(2027, 1, day) for day in (14, 15, 16)]
    by_rule = {(found.rule, found.table): found for found in run.findings}
    assert by_rule.keys() == {("dry", "otel_traces"), ("dry-key", "otel_traces")}
    found = by_rule["dry", "otel_traces"]
    assert (found.matches, found.rows, found.first, found.last) == (12, 3, DAY, DAY)
    assert len(found.ids) == 2
    assert set(found.ids) <= {f"{number:02x}" * 8 for number in range(1, 4)}
    assert by_rule["dry-key", "otel_traces"].matches == 1


def test_what_is_not_there_is_left_out(store: Store) -> None:
    run = DryRun(store.client(), POLICY, stored=(Stored("no_such_table", "Day", "Id", ("Attributes",)),))
    assert list(run.days(DAY, DAY)) == [DAY]
    assert run.findings == []
