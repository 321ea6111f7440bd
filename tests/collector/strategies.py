"""Any valid OTLP request, as hypothesis strategies: `traces()`, `logs()`, `metrics()`, `requests(signal)`.

Valid as protobuf, and as odd as that allows: every AnyValue kind and none, nested; duplicate, empty and
non-ASCII keys; NaN and infinities; times from 0 to 2**64 - 1; enum values nobody has named. Ids have their
right sizes (not all zero) unless `invalid_ids` is true: then they may be empty, zero or of any size.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from collector.signals import Signal

Made = st.SearchStrategy[Any]

texts = st.one_of(
    st.sampled_from(["", "a", "gen_ai.request.model", "été", "日本語", "🤖", "a'b\"c\\d", "\x00\n\t", "service.name"]),
    st.text(max_size=20),
)
doubles = st.floats(allow_nan=True, allow_infinity=True)
uint32s = st.one_of(st.sampled_from([0, 1, 2**32 - 1]), st.integers(0, 2**32 - 1))
uint64s = st.one_of(st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))
int64s = st.one_of(st.sampled_from([0, -1, -(2**63), 2**63 - 1]), st.integers(-(2**63), 2**63 - 1))
int32s = st.one_of(st.sampled_from([0, -1, -(2**31), 2**31 - 1]), st.integers(-(2**31), 2**31 - 1))
times = st.one_of(
    st.integers(1_600_000_000_000_000_000, 1_900_000_000_000_000_000),
    st.sampled_from([0, 1, 10**18, 2**63 - 1, 2**63, 2**64 - 1]),
)


def _few(strategy: Made, most: int = 2) -> Made:
    return st.lists(strategy, max_size=most)


def _maybe(strategy: Made) -> Made:
    return st.one_of(st.none(), strategy)


def ids(size: int, invalid: bool) -> Made:
    valid = st.binary(min_size=size, max_size=size).filter(any)
    if not invalid:
        return valid
    return st.one_of(valid, st.just(b""), st.just(bytes(size)), st.binary(max_size=size + 2))


scalars = st.one_of(
    st.just(AnyValue()),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=int64s),
    st.builds(AnyValue, double_value=doubles),
    st.builds(AnyValue, bytes_value=st.binary(max_size=12)),
)


def _nest(values: Made) -> Made:
    pairs = st.builds(KeyValue, key=texts, value=_maybe(values))
    return st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=_few(values, 3))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=_few(pairs, 3))),
    )


any_values = st.recursive(scalars, _nest, max_leaves=6)
key_values = st.builds(KeyValue, key=texts, value=_maybe(any_values))


@st.composite
def _attributes(draw: st.DrawFn) -> list[KeyValue]:
    again: bool = draw(st.booleans())
    found: list[KeyValue] = draw(_few(key_values, 4))
    if found and again:
        found.append(KeyValue(key=found[0].key, value=draw(any_values)))  # a duplicate key
    return found


attributes = _attributes()
entities = st.builds(EntityRef, schema_url=texts, type=texts, id_keys=_few(texts), description_keys=_few(texts))
resources = st.builds(Resource, attributes=attributes, dropped_attributes_count=uint32s, entity_refs=_few(entities, 1))
scopes = st.builds(
    InstrumentationScope, name=texts, version=texts, attributes=attributes, dropped_attributes_count=uint32s
)


def spans(invalid_ids: bool = False) -> Made:
    trace_id, span_id = ids(16, invalid_ids), ids(8, invalid_ids)
    events = st.builds(
        Span.Event, time_unix_nano=times, name=texts, attributes=attributes, dropped_attributes_count=uint32s
    )
    links = st.builds(
        Span.Link, trace_id=trace_id, span_id=span_id, trace_state=texts, attributes=attributes, flags=uint32s
    )
    return st.builds(
        Span,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=st.one_of(st.just(b""), span_id),
        trace_state=texts,
        flags=uint32s,
        name=texts,
        kind=st.one_of(st.integers(0, 5), int32s),
        start_time_unix_nano=times,
        end_time_unix_nano=times,
        attributes=attributes,
        dropped_attributes_count=uint32s,
        events=_few(events),
        dropped_events_count=uint32s,
        links=_few(links),
        dropped_links_count=uint32s,
        status=_maybe(st.builds(Status, message=texts, code=st.one_of(st.integers(0, 2), int32s))),
    )


def traces(invalid_ids: bool = False) -> Made:
    scope_spans = st.builds(ScopeSpans, scope=_maybe(scopes), spans=_few(spans(invalid_ids)), schema_url=texts)
    resource_spans = st.builds(
        ResourceSpans, resource=_maybe(resources), scope_spans=_few(scope_spans), schema_url=texts
    )
    return st.builds(ExportTraceServiceRequest, resource_spans=_few(resource_spans))


def logs(invalid_ids: bool = False) -> Made:
    records = st.builds(
        LogRecord,
        time_unix_nano=times,
        observed_time_unix_nano=times,
        severity_number=st.one_of(st.integers(0, 24), int32s),
        severity_text=texts,
        body=_maybe(any_values),
        attributes=attributes,
        dropped_attributes_count=uint32s,
        flags=uint32s,
        trace_id=st.one_of(st.just(b""), ids(16, invalid_ids)),
        span_id=st.one_of(st.just(b""), ids(8, invalid_ids)),
        event_name=texts,
    )
    scope_logs = st.builds(ScopeLogs, scope=_maybe(scopes), log_records=_few(records), schema_url=texts)
    resource_logs = st.builds(ResourceLogs, resource=_maybe(resources), scope_logs=_few(scope_logs), schema_url=texts)
    return st.builds(ExportLogsServiceRequest, resource_logs=_few(resource_logs))


def metrics(invalid_ids: bool = False) -> Made:
    number: Made = st.one_of(
        st.just({}),
        st.fixed_dictionaries({"as_double": doubles}),
        st.fixed_dictionaries({"as_int": int64s}),
    )
    exemplars = st.builds(
        lambda number, **members: Exemplar(**members, **number),
        number,
        filtered_attributes=attributes,
        time_unix_nano=times,
        trace_id=st.one_of(st.just(b""), ids(16, invalid_ids)),
        span_id=st.one_of(st.just(b""), ids(8, invalid_ids)),
    )
    shared = {
        "attributes": attributes,
        "start_time_unix_nano": times,
        "time_unix_nano": times,
        "flags": uint32s,
    }
    numbers = st.builds(
        lambda number, **members: NumberDataPoint(**members, **number),
        number,
        exemplars=_few(exemplars, 1),
        **shared,
    )
    spread = {"count": uint64s, "sum": _maybe(doubles), "min": _maybe(doubles), "max": _maybe(doubles)}
    histograms = st.builds(
        HistogramDataPoint,
        bucket_counts=_few(uint64s, 4),
        explicit_bounds=_few(doubles, 3),
        exemplars=_few(exemplars, 1),
        **shared,
        **spread,
    )
    buckets = st.builds(ExponentialHistogramDataPoint.Buckets, offset=int32s, bucket_counts=_few(uint64s, 4))
    exponentials = st.builds(
        ExponentialHistogramDataPoint,
        scale=int32s,
        zero_count=uint64s,
        zero_threshold=doubles,
        positive=_maybe(buckets),
        negative=_maybe(buckets),
        exemplars=_few(exemplars, 1),
        **shared,
        **spread,
    )
    quantiles = st.builds(SummaryDataPoint.ValueAtQuantile, quantile=doubles, value=doubles)
    summaries = st.builds(SummaryDataPoint, count=uint64s, sum=doubles, quantile_values=_few(quantiles), **shared)
    temporality = st.one_of(st.integers(0, 2), int32s)
    data = st.one_of(
        st.just({}),
        st.fixed_dictionaries({"gauge": st.builds(Gauge, data_points=_few(numbers))}),
        st.fixed_dictionaries(
            {
                "sum": st.builds(
                    Sum,
                    data_points=_few(numbers),
                    aggregation_temporality=temporality,
                    is_monotonic=st.booleans(),
                )
            }
        ),
        st.fixed_dictionaries(
            {"histogram": st.builds(Histogram, data_points=_few(histograms), aggregation_temporality=temporality)}
        ),
        st.fixed_dictionaries(
            {
                "exponential_histogram": st.builds(
                    ExponentialHistogram, data_points=_few(exponentials), aggregation_temporality=temporality
                )
            }
        ),
        st.fixed_dictionaries({"summary": st.builds(Summary, data_points=_few(summaries))}),
    )
    found = st.builds(
        lambda data, **members: Metric(**members, **data),
        data,
        name=texts,
        description=texts,
        unit=texts,
        metadata=attributes,
    )
    scope_metrics = st.builds(ScopeMetrics, scope=_maybe(scopes), metrics=_few(found), schema_url=texts)
    resource_metrics = st.builds(
        ResourceMetrics, resource=_maybe(resources), scope_metrics=_few(scope_metrics), schema_url=texts
    )
    return st.builds(ExportMetricsServiceRequest, resource_metrics=_few(resource_metrics))


def requests(signal: Signal, invalid_ids: bool = False) -> st.SearchStrategy[Message]:
    made = {Signal.TRACES: traces, Signal.LOGS: logs, Signal.METRICS: metrics}
    return made[signal](invalid_ids)
