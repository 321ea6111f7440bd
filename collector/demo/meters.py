"""Cumulative metrics over virtual time.

The SDK's MeterProvider stamps points with the wall clock, which can't be back-dated; these are the SDK's
own data points, filled in here and sent through its exporters.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

# Bucket boundaries advised by the GenAI metric conventions.
TOKEN_BOUNDS = tuple(float(4**power) for power in range(14))
DURATION_BOUNDS = tuple(0.01 * 2**power for power in range(14))

TOKENS = "gen_ai.client.token.usage"
DURATION = "gen_ai.client.operation.duration"
TASKS = "agent.tasks"
TOOL_CALLS = "agent.tool.calls"
QUEUE = "agent.queue.depth"

_SCOPE = InstrumentationScope("velocity.agents", "2.5.0")
_CUMULATIVE = AggregationTemporality.CUMULATIVE

# Sorted pairs, so that the same attributes are the same series.
Series = tuple[tuple[str, str], ...]


def series(labels: Mapping[str, str]) -> Series:
    return tuple(sorted(labels.items()))


@dataclass(slots=True)
class _Distribution:
    bounds: tuple[float, ...]
    buckets: list[int] = field(default_factory=list)
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def record(self, value: float) -> None:
        if not self.buckets:
            self.buckets = [0] * (len(self.bounds) + 1)
        self.buckets[bisect_left(self.bounds, value)] += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)


@dataclass(slots=True)
class Instruments:
    """One service's: histograms (`TOKENS` in tokens, `DURATION` in seconds), counters and gauges."""

    resource: Resource
    distributions: dict[tuple[str, Series], _Distribution] = field(default_factory=dict)
    counters: dict[tuple[str, Series], int] = field(default_factory=dict)
    gauges: dict[tuple[str, Series], int] = field(default_factory=dict)

    def record(self, name: str, value: float, labels: Series) -> None:
        bounds = TOKEN_BOUNDS if name == TOKENS else DURATION_BOUNDS
        self.distributions.setdefault((name, labels), _Distribution(bounds)).record(value)

    def add(self, name: str, labels: Series) -> None:
        self.counters[name, labels] = self.counters.get((name, labels), 0) + 1

    def set(self, name: str, value: int, labels: Series = ()) -> None:
        self.gauges[name, labels] = value


class Meters:
    """The instruments of all services; every series starts at `epoch` (ns)."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._instruments: list[Instruments] = []

    def instruments(self, resource: Resource) -> Instruments:
        self._instruments.append(Instruments(resource))
        return self._instruments[-1]

    def collect(self, at: int) -> tuple[MetricsData, int]:
        """What all services would export at `at` (ns), as through a gateway, and the number of points."""
        resources, total = [], 0
        for instruments in self._instruments:
            resource = instruments.resource
            metrics, points = self._metrics(instruments, at)
            scope = ScopeMetrics(_SCOPE, metrics, "")
            resources.append(ResourceMetrics(resource, [scope], resource.schema_url))
            total += points
        return MetricsData(resources), total

    def _metrics(self, instruments: Instruments, at: int) -> tuple[list[Metric], int]:
        histograms: dict[str, list[HistogramDataPoint]] = {}
        for (name, labels), d in instruments.distributions.items():
            histograms.setdefault(name, []).append(
                HistogramDataPoint(
                    attributes=dict(labels),
                    start_time_unix_nano=self._epoch,
                    time_unix_nano=at,
                    count=sum(d.buckets),
                    sum=d.total,
                    bucket_counts=tuple(d.buckets),
                    explicit_bounds=d.bounds,
                    min=d.least,
                    max=d.most,
                )
            )
        counters = self._numbers(instruments.counters, self._epoch, at)
        gauges = self._numbers(instruments.gauges, 0, at)
        metrics = [
            Metric(name, "", "{token}" if name == TOKENS else "s", Histogram(points, _CUMULATIVE))
            for name, points in histograms.items()
        ]
        metrics += [Metric(name, "", "1", Sum(points, _CUMULATIVE, True)) for name, points in counters.items()]
        metrics += [Metric(name, "", "1", Gauge(points)) for name, points in gauges.items()]
        series_count = len(instruments.distributions) + len(instruments.counters) + len(instruments.gauges)
        return metrics, series_count

    @staticmethod
    def _numbers(values: dict[tuple[str, Series], int], start: int, at: int) -> dict[str, list[NumberDataPoint]]:
        points: dict[str, list[NumberDataPoint]] = {}
        for (name, labels), value in values.items():
            points.setdefault(name, []).append(NumberDataPoint(dict(labels), start, at, value))
        return points
