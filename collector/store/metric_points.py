"""The rows of metrics: one statement for all kinds, with what each kind has of its own."""

from __future__ import annotations

from importlib import resources
from string import Template

_NUMBER = {
    "Value": "if(p.value = 6, toFloat64(p.as_int), p.as_double)",
    "ValueKind": "p.value",
    "IntValue": "p.as_int",
}
_TEMPORALITY = "AggregationTemporality"
_COLUMNS = {
    "gauge": _NUMBER,
    "sum": {
        **_NUMBER,
        _TEMPORALITY: "metric.sum.aggregation_temporality",
        "IsMonotonic": "metric.sum.is_monotonic",
    },
    "histogram": {
        "Count": "p.count",
        "BucketCounts": "p.bucket_counts",
        "ExplicitBounds": "p.explicit_bounds",
        "ReportedSum": "p.sum",
        "ReportedMin": "p.min",
        "ReportedMax": "p.max",
        _TEMPORALITY: "metric.histogram.aggregation_temporality",
    },
}
"""By kind of metric its columns, and where in a metric or its data point they stand."""


def metric_points(kind: str) -> str:
    """SQL for the rows of a kind's data points, before macros are expanded."""
    _, _, statement = resources.files(__package__).joinpath("metric_points.sql").read_text().partition("\n")
    columns = _COLUMNS[kind]
    return Template(statement.strip()).substitute(
        kind=kind,
        columns="\n    ".join(f"{name}," for name in columns),
        fields=f"\n{' ' * 24}".join(f"{place} AS {name}," for name, place in columns.items()),
    )
