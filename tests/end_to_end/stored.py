"""What the tables hold, read back as the same plain values as `tests.fixtures.expected`.

    query = server.query                              # or: a session engine's, see `ask`
    rows = stored.spans(query, "BatchId = 'x'")       # also log_records(…), points(…)
    same([row.item for row in rows], expected.spans(path))

`same` compares two lists as multisets, exactly: ids, names and texts to the byte, doubles as floats (NaN equals
NaN, -0.0 is not 0.0), nested values as parsed JSON in which 1 and 1.0 differ. Attributes have no order. Of a key
sent twice, the tables say the kinds and the texts but not which has which, so those are compared as far as they can be
told.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from collector.store.connection import Store
from tests.fixtures.expected import (
    Attribute,
    Attributes,
    Event,
    Exemplar,
    Kind,
    Link,
    LogRecord,
    Origin,
    Point,
    Span,
    Value,
)

Query = Callable[[str], Sequence[Sequence[Any]]]
Item = TypeVar("Item", Span, LogRecord, Point)

LARGE: Mapping[str, str] = {
    "gen_ai.input.messages": "InputMessages",
    "gen_ai.output.messages": "OutputMessages",
    "gen_ai.system_instructions": "SystemInstructions",
    "gen_ai.tool.call.arguments": "ToolArguments",
    "gen_ai.tool.call.result": "ToolResult",
    "gen_ai.tool.definitions": "ToolDefinitions",
    "gen_ai.retrieval.query.text": "RetrievalQuery",
    "gen_ai.retrieval.documents": "RetrievalDocuments",
}
"""Facts that are content: under which name their text is kept, in the order of the bits of Moved, and their columns."""

_KINDS: tuple[Kind, ...] = ("empty", "string", "bool", "int", "double", "array", "kvlist", "bytes")
_SPAN_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_STATUS_CODES = ("Unset", "Ok", "Error")


@dataclass(frozen=True)
class Row(Generic[Item]):
    """One row: the item, what its sender dropped (see `tests.end_to_end.dropped`), and the collector's stamp."""

    item: Item
    dropped: tuple[Any, ...]
    org: str
    identity: str
    method: str
    received_at: int
    request_id: str
    batch_id: str


def ask(store: Store) -> Query:
    """Queries of a store that is open in this process."""
    return lambda sql: store.client().query(sql).result_rows


# -- rows to values


def _map(name: str, values: str, kinds: str) -> dict[str, str]:
    return {
        name: f"tuple(mapKeys({values}), mapValues({values}), mapKeys({kinds}), mapValues({kinds}))",
    }


def _maps(name: str, values: str, kinds: str) -> dict[str, str]:
    """The same for an array of maps."""
    return {
        name: f"arrayMap((v, k) -> tuple(mapKeys(v), mapValues(v), mapKeys(k), mapValues(k)), {values}, {kinds})",
    }


def _nanoseconds(times: str) -> str:
    return f"arrayMap(t -> toUnixTimestamp64Nano(t), {times})"


_SHARED = {
    "org": "Org",
    "identity": "Identity",
    "method": "IdentityMethod",
    "received_at": "toUnixTimestamp64Nano(ReceivedAt)",
    "request_id": "RequestId",
    "batch_id": "BatchId",
    "resource_schema_url": "ResourceSchemaUrl",
    "scope_name": "ScopeName",
    "scope_version": "ScopeVersion",
    "scope_schema_url": "ScopeSchemaUrl",
    "raw_times": "RawTimes",
    **_map("resource", "ResourceAttributes", "ResourceAttributeKinds"),
    **_map("scope", "ScopeAttributes", "ScopeAttributeKinds"),
}

_TEXTS = {"texts": "tuple(mapKeys(Texts), arrayMap(ids -> arrayMap(i -> hex(i), ids), mapValues(Texts)))"}
"""Names of what is kept in `contents`, and the ids of its pieces."""

_SPAN = _SHARED | {
    "start": "toUnixTimestamp64Nano(Timestamp)",
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "parent_span_id": "ParentSpanId",
    "trace_state": "TraceState",
    "name": "SpanName",
    "kind": "SpanKind",
    "duration": "Duration",
    "status_code": "StatusCode",
    "status_message": "StatusMessage",
    "flags": "Flags",
    "event_times": _nanoseconds("`Events.Timestamp`"),
    "event_names": "`Events.Name`",
    "link_traces": "`Links.TraceId`",
    "link_spans": "`Links.SpanId`",
    "link_states": "`Links.TraceState`",
    "link_flags": "LinkFlags",
    "dropped": "DroppedCounts",
    "event_dropped": "EventDroppedAttributes",
    "link_dropped": "LinkDroppedAttributes",
    "moved": "Moved",
    **_TEXTS,
    **_map("attributes", "SpanAttributes", "SpanAttributeKinds"),
    **_maps("event_attributes", "`Events.Attributes`", "EventAttributeKinds"),
    **_maps("link_attributes", "`Links.Attributes`", "LinkAttributeKinds"),
}

_LOG = _SHARED | {
    "time": "toUnixTimestamp64Nano(Timestamp)",
    "observed_time": "ObservedTime",
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "flags": "Flags",
    "severity_number": "SeverityNumber",
    "severity_text": "SeverityText",
    "event_name": "EventName",
    "body": "Body",
    "body_kind": "BodyKind",
    "dropped": "DroppedCounts",
    **_TEXTS,
    **_map("attributes", "LogAttributes", "LogAttributeKinds"),
}

_POINT = _SHARED | {
    "metric": "MetricName",
    "description": "MetricDescription",
    "unit": "MetricUnit",
    "start": "toUnixTimestamp64Nano(StartTimeUnix)",
    "time": "toUnixTimestamp64Nano(TimeUnix)",
    "flags": "Flags",
    "resource_dropped": "ResourceDroppedAttrCount",
    "scope_dropped": "ScopeDroppedAttrCount",
    "exemplar_times": _nanoseconds("`Exemplars.TimeUnix`"),
    "exemplar_doubles": "`Exemplars.Value`",
    "exemplar_ints": "ExemplarIntValues",
    "exemplar_kinds": "ExemplarValueKinds",
    "exemplar_traces": "`Exemplars.TraceId`",
    "exemplar_spans": "`Exemplars.SpanId`",
    **_map("attributes", "Attributes", "AttributeKinds"),
    **_map("metadata", "Metadata", "MetadataKinds"),
    **_maps("exemplar_attributes", "`Exemplars.FilteredAttributes`", "ExemplarAttributeKinds"),
}
_NUMBER = _POINT | {"double": "Value", "int": "IntValue", "number_kind": "ValueKind"}
_SUM = _NUMBER | {"temporality": "AggregationTemporality", "monotonic": "IsMonotonic"}
_HISTOGRAM = _POINT | {
    "temporality": "AggregationTemporality",
    "count": "Count",
    "sum": "ReportedSum",
    "min": "ReportedMin",
    "max": "ReportedMax",
    "counts": "BucketCounts",
    "bounds": "ExplicitBounds",
}


def _select(query: Query, table: str, columns: Mapping[str, str], where: str) -> list[dict[str, Any]]:
    listed = ", ".join(f"{expression} AS c_{name}" for name, expression in columns.items())
    rows = [dict(zip(columns, row, strict=True)) for row in query(f"SELECT {listed} FROM {table} WHERE {where}")]
    if "texts" in columns:
        contents = pieces(query)
        for row in rows:
            row["texts"] = [(n, "".join(contents[i] for i in ids)) for n, ids in zip(*row["texts"], strict=True)]
    return rows


def pieces(query: Query) -> dict[str, str]:
    """Every piece of content by its id (hex)."""
    return {str(identifier): content for identifier, content in query("SELECT hex(Id), Content FROM contents")}


def _attributes(cell: Sequence[Sequence[Any]]) -> Attributes:
    keys, texts, kind_keys, kinds = cell
    found: dict[str, list[str]] = defaultdict(list)
    for key, text in zip(keys, texts, strict=True):
        found[key].append(text)
    not_strings: dict[str, list[Kind]] = defaultdict(list)
    for key, kind in zip(kind_keys, kinds, strict=True):
        not_strings[key].append(_KINDS[kind])
    return tuple(
        Attribute(key, kind, text)
        for key, texts_of_key in found.items()
        for text, kind in zip(
            texts_of_key,
            # Strings are not in the map of kinds: of a key sent twice, one may be missing there. Of a large
            # attribute sent twice only the first text is kept.
            not_strings[key] + ["string"] * (len(texts_of_key) - len(not_strings[key])),
            strict=False,
        )
    )


def _origin(row: Mapping[str, Any]) -> Origin:
    return Origin(
        resource=_attributes(row["resource"]),
        resource_schema_url=row["resource_schema_url"],
        scope_name=row["scope_name"],
        scope_version=row["scope_version"],
        scope=_attributes(row["scope"]),
        scope_schema_url=row["scope_schema_url"],
    )


def _row(row: Mapping[str, Any], item: Item, dropped: tuple[Any, ...]) -> Row[Item]:
    stamp = (row[name] for name in ("org", "identity", "method", "received_at", "request_id", "batch_id"))
    return Row(item, dropped, *stamp)


def _number(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else int(name)


def _counts(counts: Sequence[int], size: int) -> tuple[int, ...]:
    return tuple(counts) or (0,) * size


def spans(query: Query, where: str = "1") -> list[Row[Span]]:
    return [_span(row) for row in _select(query, "otel_traces", _SPAN, where)]


def _span(row: dict[str, Any]) -> Row[Span]:
    start, end, *event_times = row["raw_times"] or (row["start"], row["start"] + row["duration"], *row["event_times"])
    # What is told under another name only is a fact, and was not sent so.
    sent = {key for bit, key in enumerate(LARGE) if row["moved"] >> bit & 1}
    attributes = _with_contents(
        row["attributes"], [pair for pair in row["texts"] if pair[0] in sent or pair[0] not in LARGE]
    )
    events = zip(event_times, row["event_names"], row["event_attributes"], strict=True)
    links = zip(
        row["link_traces"],
        row["link_spans"],
        row["link_states"],
        row["link_attributes"],
        row["link_flags"],
        strict=True,
    )
    span = Span(
        origin=_origin(row),
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        trace_state=row["trace_state"],
        flags=row["flags"],
        name=row["name"],
        kind=_number(row["kind"], _SPAN_KINDS),
        start=start,
        end=end,
        attributes=_attributes(attributes),
        events=tuple(Event(time, name, _attributes(of_event)) for time, name, of_event in events),
        links=tuple(Link(trace, of, state, _attributes(of_link), flags) for trace, of, state, of_link, flags in links),
        status_code=_number(row["status_code"], _STATUS_CODES),
        status_message=row["status_message"],
    )
    dropped = (
        *_counts(row["dropped"], 5),
        _counts(row["event_dropped"], len(span.events)),
        _counts(row["link_dropped"], len(span.links)),
    )
    return _row(row, span, dropped)


def _with_contents(cell: Sequence[Sequence[Any]], texts: Sequence[tuple[str, str]]) -> Sequence[Sequence[Any]]:
    keys, in_row, *kinds = cell
    return [*keys, *(name for name, _ in texts)], [*in_row, *(text for _, text in texts)], *kinds


def log_records(query: Query, where: str = "1") -> list[Row[LogRecord]]:
    return [_log_record(row) for row in _select(query, "otel_logs", _LOG, where)]


def _log_record(row: dict[str, Any]) -> Row[LogRecord]:
    names = ("trace_id", "span_id", "flags", "severity_number", "severity_text", "event_name", "observed_time")
    record = LogRecord(
        origin=_origin(row),
        time=row["raw_times"][0] if row["raw_times"] else row["time"],
        body=Value(_KINDS[row["body_kind"]], dict(row["texts"]).get("body", row["body"])),
        attributes=_attributes(_with_contents(row["attributes"], [pair for pair in row["texts"] if pair[0] != "body"])),
        **{name: row[name] for name in names},
    )
    return _row(row, record, _counts(row["dropped"], 3))


def points(query: Query, where: str = "1") -> list[Row[Point]]:
    """Gauges, sums and histograms: the types that are kept."""
    return [
        *(_point("gauge", row) for row in _select(query, "otel_metrics_gauge", _NUMBER, where)),
        *(_point("sum", row) for row in _select(query, "otel_metrics_sum", _SUM, where)),
        *(_point("histogram", row) for row in _select(query, "otel_metrics_histogram", _HISTOGRAM, where)),
    ]


def _value(kind: int, double: float, integer: int) -> float | int | None:
    return {0: None, 4: double, 6: integer}[kind]


def _point(kind: Any, row: dict[str, Any]) -> Row[Point]:
    start, time, *exemplar_times = row["raw_times"] or (row["start"], row["time"], *row["exemplar_times"])
    values = map(_value, row["exemplar_kinds"], row["exemplar_doubles"], row["exemplar_ints"])
    exemplars = zip(
        exemplar_times,
        values,
        row["exemplar_traces"],
        row["exemplar_spans"],
        map(_attributes, row["exemplar_attributes"]),
        strict=True,
    )
    point = Point(
        origin=_origin(row),
        metric=row["metric"],
        description=row["description"],
        unit=row["unit"],
        type=kind,
        temporality=row.get("temporality", 0),
        monotonic=row.get("monotonic", False),
        attributes=_attributes(row["attributes"]),
        start=start,
        time=time,
        flags=row["flags"],
        value=_value(row["number_kind"], row["double"], row["int"]) if "number_kind" in row else None,
        count=row.get("count", 0),
        sum=row.get("sum"),
        min=row.get("min"),
        max=row.get("max"),
        counts=tuple(row.get("counts", ())),
        bounds=tuple(row.get("bounds", ())),
        scale=0,
        zero_count=0,
        positive=(0, ()),
        negative=(0, ()),
        exemplars=tuple(Exemplar(*exemplar) for exemplar in exemplars),
    )
    return _row(row, point, (row["resource_dropped"], row["scope_dropped"], _attributes(row["metadata"])))


# -- comparing


def same(found: Iterable[Any], sent: Iterable[Any]) -> None:
    """Raises AssertionError naming what is missing and what nobody sent."""
    left, right = Counter(map(canonical, found)), Counter(map(canonical, sent))
    missing, extra = right - left, left - right
    if missing or extra:
        raise AssertionError(
            f"{missing.total()} of {right.total()} not found, {extra.total()} not sent\n"
            + "".join(_differences(a, b) for a, b in list(zip(missing, extra, strict=False))[:3])
            + (f"first missing: {next(iter(missing))!r}"[:3000] if missing else "")
        )


def _differences(sent: Any, found: Any, path: str = "") -> str:
    if type(sent) is type(found) is tuple and len(sent) == len(found):
        return "".join(_differences(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(sent, found, strict=True)))
    return "" if sent == found else f"{path}: sent {sent!r}, found {found!r}\n"


def canonical(value: Any) -> Hashable:
    """A hashable value, equal for what `same` calls equal."""
    match value:
        case tuple() | list() if value and all(isinstance(item, Attribute) for item in value):
            return _canonical_attributes(value)
        case tuple() | list():
            return tuple(canonical(item) for item in value)
        case Value():
            return (value.kind, _canonical_text(value.kind, value.text))
        case float():
            return ("float", repr(value))
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = dataclasses.fields(value)
            return tuple((field.name, canonical(getattr(value, field.name))) for field in fields)
    return (type(value).__name__, value)


def _canonical_attributes(attributes: Sequence[Attribute]) -> Hashable:
    by_key: dict[str, list[Attribute]] = defaultdict(list)
    for attribute in attributes:
        by_key[attribute.key].append(attribute)
    found: list[tuple[str, Hashable]] = []
    for key, values in by_key.items():
        # Of one sent twice, the content may stand in `contents` and the rest in the row: which was first isn't told.
        if len(values) > 1:
            texts = tuple(sorted(map(_loose, (value.text for value in values))))
            found.append((key, (texts, tuple(sorted(value.kind for value in values)))))
        else:
            found.append((key, tuple((value.kind, _canonical_text(value.kind, value.text)) for value in values)))
    return tuple(sorted(found, key=lambda pair: pair[0]))


def _canonical_text(kind: str, text: str) -> Hashable:
    if kind == "double":
        return repr(float(text))
    if kind in ("array", "kvlist"):
        return _freeze(json.loads(text, parse_constant=_not_json))
    return text


def _not_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _freeze(value: Any) -> Hashable:
    if isinstance(value, list):
        return ("array", *map(_freeze, value))
    if isinstance(value, dict):
        return ("map", *((key, _freeze(member)) for key, member in value.items()))
    return (type(value).__name__, repr(value))


def _loose(text: str) -> str:
    """A text whose kind is unknown: numbers by value, JSON by what it says."""
    try:
        return f"number {float(text)!r}"
    except ValueError:
        pass
    try:
        return f"json {_freeze(json.loads(text))!r}"
    except ValueError:
        return f"text {text}"
