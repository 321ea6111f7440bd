"""The engine's view of OTLP: its protobuf schema, the raw tables' columns, and attribute text in SQL.

ClickHouse parses OTLP itself (`FORMAT ProtobufSingle`), so it needs the message types as protobuf text and
as column types. They differ from opentelemetry-proto in three ways:

- `AnyValue` is not recursive: the engine reads one level of nesting (each further level triples the cost).
  The collector writes deeper values as JSON text into the private members `array_json` and `kvlist_json`.
- `ResourceSpans`, `ResourceLogs` and `ResourceMetrics` carry a private `Stamp`, written by the collector only.
- a request carries a private `batch_id`, appended once at the end of a batch (concatenated protobuf
  messages merge, and the last scalar wins).

A client can't forge a private field: unknown fields are dropped before a request is spooled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

STAMP_FIELD = 50_001
"""Field number of `Stamp` in ResourceSpans, ResourceLogs and ResourceMetrics."""

BATCH_ID_FIELD = 50_002
"""Field number of `batch_id` in an export request."""

REDACTION_KEY_FIELD = 50_004
DIGEST_KEY_FIELD = 50_005
"""Field numbers of the keys that come with a batch, so that the engine never keeps them."""

ARGUMENTS_DIGEST_FIELD = 50_003
"""Field number in Span of the digest that was taken of a tool call's arguments before it was redacted elsewhere."""

ARRAY_JSON_FIELD = 101
KVLIST_JSON_FIELD = 102
"""Field numbers in `AnyValue` of nested values that the collector wrote as JSON text."""

MESSAGE = {"traces": "TracesRequest", "logs": "LogsRequest", "metrics": "MetricsRequest"}

_KEYS = f"string redaction_key={REDACTION_KEY_FIELD}; string digest_key={DIGEST_KEY_FIELD};"

SCHEMA = f"""syntax = "proto3";
message Leaf {{ oneof value {{ string string_value=1; bool bool_value=2; int64 int_value=3; double double_value=4;
  bytes bytes_value=7; }} }}
message LeafList {{ repeated Leaf values=1; }}
message LeafKeyValue {{ string key=1; Leaf value=2; }}
message LeafKeyValueList {{ repeated LeafKeyValue values=1; }}
message AnyValue {{ oneof value {{ string string_value=1; bool bool_value=2; int64 int_value=3; double double_value=4;
  LeafList array_value=5; LeafKeyValueList kvlist_value=6; bytes bytes_value=7;
  string array_json={ARRAY_JSON_FIELD}; string kvlist_json={KVLIST_JSON_FIELD}; }} }}
message KeyValue {{ string key=1; AnyValue value=2; }}
message Stamp {{ string org=1; string identity=2; string method=3; fixed64 received_at=4; string request_id=5; }}
message Resource {{ repeated KeyValue attributes=1; uint32 dropped_attributes_count=2; }}
message Scope {{ string name=1; string version=2; repeated KeyValue attributes=3; uint32 dropped_attributes_count=4; }}

message Event {{ fixed64 time_unix_nano=1; string name=2; repeated KeyValue attributes=3;
  uint32 dropped_attributes_count=4; }}
message Link {{ bytes trace_id=1; bytes span_id=2; string trace_state=3; repeated KeyValue attributes=4;
  uint32 dropped_attributes_count=5; fixed32 flags=6; }}
message Status {{ string message=2; int32 code=3; }}
message Span {{ bytes trace_id=1; bytes span_id=2; string trace_state=3; bytes parent_span_id=4; string name=5;
  int32 kind=6; fixed64 start_time_unix_nano=7; fixed64 end_time_unix_nano=8; repeated KeyValue attributes=9;
  uint32 dropped_attributes_count=10; repeated Event events=11; uint32 dropped_events_count=12;
  repeated Link links=13; uint32 dropped_links_count=14; Status status=15; fixed32 flags=16;
  string arguments_digest={ARGUMENTS_DIGEST_FIELD}; }}
message ScopeSpans {{ Scope scope=1; repeated Span spans=2; string schema_url=3; }}
message ResourceSpans {{ Resource resource=1; repeated ScopeSpans scope_spans=2; string schema_url=3;
  Stamp stamp={STAMP_FIELD}; }}
message TracesRequest {{ repeated ResourceSpans resource_spans=1; string batch_id={BATCH_ID_FIELD};
  {_KEYS} }}

message LogRecord {{ fixed64 time_unix_nano=1; int32 severity_number=2; string severity_text=3; AnyValue body=5;
  repeated KeyValue attributes=6; uint32 dropped_attributes_count=7; fixed32 flags=8; bytes trace_id=9;
  bytes span_id=10; fixed64 observed_time_unix_nano=11; string event_name=12; }}
message ScopeLogs {{ Scope scope=1; repeated LogRecord log_records=2; string schema_url=3; }}
message ResourceLogs {{ Resource resource=1; repeated ScopeLogs scope_logs=2; string schema_url=3;
  Stamp stamp={STAMP_FIELD}; }}
message LogsRequest {{ repeated ResourceLogs resource_logs=1; string batch_id={BATCH_ID_FIELD};
  {_KEYS} }}

message Exemplar {{ fixed64 time_unix_nano=2; oneof value {{ double as_double=3; sfixed64 as_int=6; }}
  bytes span_id=4; bytes trace_id=5; repeated KeyValue filtered_attributes=7; }}
message NumberPoint {{ fixed64 start_time_unix_nano=2; fixed64 time_unix_nano=3;
  oneof value {{ double as_double=4; sfixed64 as_int=6; }}
  repeated Exemplar exemplars=5; repeated KeyValue attributes=7; uint32 flags=8; }}
message HistogramPoint {{ fixed64 start_time_unix_nano=2; fixed64 time_unix_nano=3; fixed64 count=4;
  optional double sum=5; repeated fixed64 bucket_counts=6; repeated double explicit_bounds=7;
  repeated Exemplar exemplars=8; repeated KeyValue attributes=9; uint32 flags=10;
  optional double min=11; optional double max=12; }}
message Gauge {{ repeated NumberPoint data_points=1; }}
message Sum {{ repeated NumberPoint data_points=1; int32 aggregation_temporality=2; bool is_monotonic=3; }}
message Histogram {{ repeated HistogramPoint data_points=1; int32 aggregation_temporality=2; }}
message Metric {{ string name=1; string description=2; string unit=3;
  Gauge gauge=5; Sum sum=7; Histogram histogram=9; repeated KeyValue metadata=12; }}
message ScopeMetrics {{ Scope scope=1; repeated Metric metrics=2; string schema_url=3; }}
message ResourceMetrics {{ Resource resource=1; repeated ScopeMetrics scope_metrics=2; string schema_url=3;
  Stamp stamp={STAMP_FIELD}; }}
message MetricsRequest {{ repeated ResourceMetrics resource_metrics=1; string batch_id={BATCH_ID_FIELD};
  {_KEYS} }}
"""

# `value Int8` beside the members of a oneof of that name receives which member was set
# (input_format_protobuf_oneof_presence); see KIND.
_LEAF_FIELDS = (
    "value Int8, string_value String, bool_value Bool, int_value Int64, double_value Float64, bytes_value String"
)
_LEAF = f"Tuple({_LEAF_FIELDS})"
_ANY = (
    f"Tuple({_LEAF_FIELDS}, array_value Tuple(values Array({_LEAF})), "
    f"kvlist_value Tuple(values Array(Tuple(key String, value {_LEAF}))), array_json String, kvlist_json String)"
)
_ATTRIBUTES = f"Array(Tuple(key String, value {_ANY}))"
_DROPPED = "dropped_attributes_count UInt32"
_RESOURCE = f"Tuple(attributes {_ATTRIBUTES}, {_DROPPED})"
_SCOPE = f"Tuple(name String, version String, attributes {_ATTRIBUTES}, {_DROPPED})"
_STAMP = "Tuple(org String, identity String, method String, received_at UInt64, request_id String)"
_EVENT = f"Tuple(time_unix_nano UInt64, name String, attributes {_ATTRIBUTES}, {_DROPPED})"
_LINK = (
    f"Tuple(trace_id String, span_id String, trace_state String, attributes {_ATTRIBUTES}, {_DROPPED}, flags UInt32)"
)
_SPAN = (
    "Tuple(trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32, "
    f"start_time_unix_nano UInt64, end_time_unix_nano UInt64, attributes {_ATTRIBUTES}, {_DROPPED}, "
    f"events Array({_EVENT}), dropped_events_count UInt32, links Array({_LINK}), dropped_links_count UInt32, "
    "status Tuple(message String, code Int32), flags UInt32, arguments_digest String)"
)
_LOG = (
    "Tuple(time_unix_nano UInt64, severity_number Int32, severity_text String, "
    f"body {_ANY}, attributes {_ATTRIBUTES}, {_DROPPED}, flags UInt32, trace_id String, span_id String, "
    "observed_time_unix_nano UInt64, event_name String)"
)
_EXEMPLAR = (
    "Tuple(time_unix_nano UInt64, value Int8, as_double Float64, as_int Int64, span_id String, trace_id String, "
    f"filtered_attributes {_ATTRIBUTES})"
)
_NUMBER = (
    "Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, value Int8, as_double Float64, as_int Int64, "
    f"exemplars Array({_EXEMPLAR}), attributes {_ATTRIBUTES}, flags UInt32)"
)
_HISTOGRAM = (
    "Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64), "
    f"bucket_counts Array(UInt64), explicit_bounds Array(Float64), exemplars Array({_EXEMPLAR}), "
    f"attributes {_ATTRIBUTES}, flags UInt32, min Nullable(Float64), max Nullable(Float64))"
)
_METRIC = (
    "Tuple(name String, description String, unit String, "
    f"gauge Tuple(data_points Array({_NUMBER})), "
    f"sum Tuple(data_points Array({_NUMBER}), aggregation_temporality Int32, is_monotonic Bool), "
    f"histogram Tuple(data_points Array({_HISTOGRAM}), aggregation_temporality Int32), "
    f"metadata {_ATTRIBUTES})"
)


def _resources(name: str, scopes: str, items: str, item: str) -> str:
    scope = f"Tuple(scope {_SCOPE}, {items} Array({item}), schema_url String)"
    resource = f"Tuple(resource {_RESOURCE}, {scopes} Array({scope}), schema_url String, stamp {_STAMP})"
    return f"{name} Array({resource})"


_ITEMS = {
    "traces": _resources("resource_spans", "scope_spans", "spans", _SPAN),
    "logs": _resources("resource_logs", "scope_logs", "log_records", _LOG),
    "metrics": _resources("resource_metrics", "scope_metrics", "metrics", _METRIC),
}
_OF_A_BATCH = ("batch_id", "redaction_key", "digest_key")

RAW_COLUMNS = {
    signal: ", ".join([items, *(f"{name} String" for name in _OF_A_BATCH)]) for signal, items in _ITEMS.items()
}


def _first_columns(signal: str) -> str:
    """The columns with which the raw tables are made; what has come since, `_raw_alter` adds."""
    return f"{_ITEMS[signal].replace(', arguments_digest String', '')}, batch_id String"


def _raw_alter(signal: str) -> str:
    added = (f"ADD COLUMN IF NOT EXISTS {name} String" for name in _OF_A_BATCH[1:])
    return f"MODIFY COLUMN {_ITEMS[signal]}, {', '.join(added)}"


KIND = {"empty": 0, "string": 1, "bool": 2, "int": 3, "double": 4, "array": 5, "kvlist": 6, "bytes": 7}
"""What the `…Kinds` columns hold: the number of the AnyValue member that was set."""


def _json_double(double: str) -> str:
    # A whole number keeps its ".0", so that a double stays one in JSON.
    whole = f"match(toString({double}), '^-?[0-9]+$')"
    return (
        f"if(isFinite({double}), if({whole}, concat(toString({double}), '.0'), toString({double})), "
        f"multiIf(isNaN({double}), '\"NaN\"', {double} > 0, '\"Infinity\"', '\"-Infinity\"'))"
    )


def _leaf_json(leaf: str) -> str:
    return (
        f"multiIf({leaf}.value = 1, toJSONString({leaf}.string_value), "
        f"{leaf}.value = 3, toString({leaf}.int_value), "
        f"{leaf}.value = 4, {_json_double(f'{leaf}.double_value')}, "
        f"{leaf}.value = 2, if({leaf}.bool_value, 'true', 'false'), "
        f"{leaf}.value = 7, concat('\"', base64Encode({leaf}.bytes_value), '\"'), 'null')"
    )


_ARRAY_JSON = f"concat('[', arrayStringConcat(arrayMap(x -> {_leaf_json('x')}, a), ','), ']')"
_KVLIST_JSON = (
    "concat('{', arrayStringConcat(arrayMap(x -> concat(toJSONString(x.key), ':', "
    f"{_leaf_json('x.value')}), m), ','), '}}')"
)
_MEMBERS = (
    "value",
    "string_value",
    "int_value",
    "double_value",
    "bool_value",
    "bytes_value",
    "array_value.values",
    "kvlist_value.values",
    "array_json",
    "kvlist_json",
)
_TO_TEXT = (
    "(t, s, i, d, b, y, a, m, aj, mj) -> multiIf(t = 1, s, t = 3, toString(i), t = 4, toString(d), "
    f"t = 2, if(b, 'true', 'false'), t = 7, base64Encode(y), t = 5, {_ARRAY_JSON}, t = 6, {_KVLIST_JSON}, "
    f"t = {ARRAY_JSON_FIELD}, aj, t = {KVLIST_JSON_FIELD}, mj, '')"
)
_TO_KIND = f"t -> multiIf(t = {ARRAY_JSON_FIELD}, 5, t = {KVLIST_JSON_FIELD}, 6, t)"


def text_of(value: str) -> str:
    """SQL for the text of one AnyValue expression."""
    return f"arrayMap({_TO_TEXT}, {', '.join(f'[{value}.{member}]' for member in _MEMBERS)})[1]"


def kind_of(value: str) -> str:
    """SQL for the kind of one AnyValue expression, see `KIND`."""
    return f"arrayMap({_TO_KIND}, [{value}.value])[1]"


def texts(attributes: str) -> str:
    """SQL for the texts of `attributes` (Array(String)), in the order of their keys.

    The lambda runs over the sub-arrays, not over the tuple (387k against 244k spans/s).
    """
    return f"arrayMap({_TO_TEXT}, {', '.join(f'{attributes}.value.{member}' for member in _MEMBERS)})"


def text_map(attributes: str) -> str:
    """SQL for `attributes` as Map(LowCardinality(String), String)."""
    return map_of(f"{attributes}.key", texts(attributes))


def map_of(keys: str, texts: str) -> str:
    """SQL for two arrays as Map(LowCardinality(String), String)."""
    return f"CAST(mapFromArrays({keys}, {texts}), 'Map(LowCardinality(String), String)')"


def kinds(attributes: str) -> str:
    """SQL for the kinds of `attributes`, Array(Int8), in the order of their keys."""
    return f"arrayMap({_TO_KIND}, {attributes}.value.value)"


def kind_map(attributes: str) -> str:
    """SQL for the kinds of `attributes` that are not strings, as Map(LowCardinality(String), Int8)."""
    return kind_map_of(f"{attributes}.key", kinds(attributes))


def kind_map_of(keys: str, kinds: str) -> str:
    """SQL for the kinds in an array that are not strings, as Map(LowCardinality(String), Int8)."""
    return f"CAST(mapFilter((k, v) -> v != 1, mapFromArrays({keys}, {kinds})), 'Map(LowCardinality(String), Int8)')"


_MACROS: Mapping[str, Callable[[str], str]] = {
    "text": text_of,
    "kind": kind_of,
    "texts": texts,
    "map": text_map,
    "kinds": kind_map,
    "kinds_of": kinds,
    "map_of": lambda arrays: map_of(*_two(arrays)),
    "kind_map_of": lambda arrays: kind_map_of(*_two(arrays)),
    "raw_columns": _first_columns,
    "raw_alter": _raw_alter,
}


def _two(arguments: str) -> tuple[str, str]:
    """The two arguments: between them is the comma that stands in no bracket."""
    depth = 0
    for at, sign in enumerate(arguments):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            return arguments[:at], arguments[at + 1 :].strip()
    raise ValueError(arguments)


_MACRO = re.compile(r"\{\{(\w+):\s*([^{}]+?)\s*\}\}")


def render(sql: str, more: Mapping[str, Callable[[str], str]]) -> str:
    """Expand a schema file's macros: `{{map: X}}`, `{{texts: X}}`, `{{kinds: X}}` and so on (`_MACROS`), and `more`."""
    macros = {**_MACROS, **more}
    while (rendered := _MACRO.sub(lambda m: macros[m[1]](m[2]), sql)) != sql:
        sql = rendered
    return sql
