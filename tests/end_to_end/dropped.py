"""What `tests.fixtures.expected` leaves out of a request: counts of what the sender dropped, and metrics' metadata.

In the order of the items, and in the shape of `stored.Row.dropped`:

    spans    (resource's, scope's, attributes, events, links, (per event …), (per link …))
    logs     (resource's, scope's, attributes)
    points   (resource's, scope's, metadata)       only of the types that are kept
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.fixtures.expected import _attributes, _from_message

KEPT = ("gauge", "sum", "histogram")

_DATA: dict[str, type[Message]] = {"traces": TracesData, "logs": LogsData, "metrics": MetricsData}
_ITEMS = {"traces": ("spans", "spans"), "logs": ("logs", "log_records"), "metrics": ("metrics", "metrics")}


def dropped(path: Path) -> list[tuple[Any, ...]]:
    signal = path.name.split(".")[1]
    resources, items = _ITEMS[signal]
    request: Any = _DATA[signal]()
    if path.suffix == ".json":
        json_format.ParseDict(_without_values(json.loads(path.read_bytes())), request, ignore_unknown_fields=True)
    else:
        request.ParseFromString(path.read_bytes())
    return [
        (resource.resource.dropped_attributes_count, scope.scope.dropped_attributes_count, *counts)
        for resource in getattr(request, f"resource_{resources}")
        for scope in getattr(resource, f"scope_{resources}")
        for item in getattr(scope, items)
        for counts in _counts(signal, item)
    ]


def _counts(signal: str, item: Any) -> Iterator[tuple[Any, ...]]:
    match signal:
        case "traces":
            yield (
                item.dropped_attributes_count,
                item.dropped_events_count,
                item.dropped_links_count,
                tuple(event.dropped_attributes_count for event in item.events),
                tuple(link.dropped_attributes_count for link in item.links),
            )
        case "logs":
            yield (item.dropped_attributes_count,)
        case _:
            kind = item.WhichOneof("data")
            for _ in getattr(item, kind).data_points if kind in KEPT else ():
                yield (_attributes({"attributes": [_from_message(pair) for pair in item.metadata]}),)


def _without_values(value: Any) -> Any:
    """Counts and structure only: ids and values are written another way in OTLP/JSON than in proto3 JSON."""
    if isinstance(value, dict):
        unwanted = ("Id", "value", "body", "Nano", "asInt", "asDouble", "intValue")
        return {key: _without_values(member) for key, member in value.items() if not key.endswith(unwanted)}
    if isinstance(value, list):
        return [_without_values(item) for item in value]
    return value
