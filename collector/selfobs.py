"""The collector's own metrics, through the OpenTelemetry SDK, as Prometheus text.

Names are `muster_…`; counts are items (spans, log records, data points) unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest

from collector.signals import Answer, Signal

_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]
_ITEMS = [1, 10, 100, 1_000, 5_000, 20_000, 50_000, 100_000, 200_000]
_BYTES = [1e3, 1e4, 1e5, 1e6, 4e6, 16e6, 64e6, 128e6]

Gauge = Callable[[], dict[tuple[tuple[str, str], ...], float]]
"""Reads a level: values by their attributes, as (name, value) pairs."""


class Observations:
    """Counts what happens; `text` renders it. Thread-safe, as the SDK's instruments are."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(disable_target_info=True, scope_info_enabled=False, registry=self._registry)
        self._provider = MeterProvider(
            metric_readers=[reader],
            resource=Resource.create({"service.name": "muster-collector"}),
            views=[
                View(instrument_name=name, aggregation=ExplicitBucketHistogramAggregation(bounds))
                for name, bounds in (
                    ("muster.request.duration", _SECONDS),
                    ("muster.insert.duration", _SECONDS),
                    ("muster.batch.items", _ITEMS),
                    ("muster.batch.size", _BYTES),
                )
            ],
        )
        meter = self._meter = self._provider.get_meter("muster.collector")
        self._requests = meter.create_counter("muster.requests", description="export requests by outcome")
        self._bytes = meter.create_counter("muster.received", unit="By", description="request bytes as sent")
        self._duration = meter.create_histogram("muster.request.duration", unit="s", description="time to the answer")
        self._accepted = meter.create_counter("muster.items.accepted", description="items made durable")
        self._rejected = meter.create_counter("muster.items.rejected", description="items refused in a partial success")
        self._absorbed = meter.create_counter("muster.items.absorbed", description="items of repeated requests")
        self._stored = meter.create_counter("muster.items.stored", description="items inserted into the tables")
        self._dead = meter.create_counter("muster.items.dead", description="items kept as dead letters")
        self._batch_items = meter.create_histogram("muster.batch.items", description="items of a batch")
        self._batch_bytes = meter.create_histogram("muster.batch.size", unit="By", description="bytes of a batch")
        self._insert = meter.create_histogram("muster.insert.duration", unit="s", description="time of an insert")
        self._failures = meter.create_counter("muster.insert.failures", description="inserts that failed, by error")

    def request(self, transport: str, signal: Signal, outcome: str, seconds: float, bytes_in: int) -> None:
        """One request was answered: what receivers report (`receivers/observe.py`)."""
        self._requests.add(1, {"transport": transport, "signal": signal.value, "outcome": outcome})
        self._bytes.add(bytes_in, {"transport": transport, "signal": signal.value})
        self._duration.record(seconds, {"transport": transport})

    def answered(self, signal: Signal, answer: Answer) -> None:
        """A request was taken in, or absorbed."""
        attributes = {"signal": signal.value}
        if answer.absorbed:
            self._absorbed.add(answer.accepted, attributes)
        else:
            self._accepted.add(answer.accepted, attributes)
        if answer.rejected:
            self._rejected.add(answer.rejected, attributes)

    def inserted(self, signal: Signal, items: int, size: int, seconds: float) -> None:
        """A batch of `items` and `size` bytes was inserted in `seconds`."""
        attributes = {"signal": signal.value}
        self._stored.add(items, attributes)
        self._batch_items.record(items, attributes)
        self._batch_bytes.record(size, attributes)
        self._insert.record(seconds, attributes)

    def insert_failed(self, error: str) -> None:
        """An insert failed with the engine's error of this name."""
        self._failures.add(1, {"error": error})

    def buried(self, signal: Signal, items: int) -> None:
        """A request became a dead letter."""
        self._dead.add(items, {"signal": signal.value})

    def gauge(self, name: str, description: str, read: Gauge, unit: str = "") -> None:
        """Add a level that `read` tells whenever metrics are asked for."""

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, dict(attributes)) for attributes, value in read().items()]

        self._meter.create_observable_gauge(name, [observe], unit=unit, description=description)

    def text(self) -> bytes:
        """Prometheus exposition text."""
        return generate_latest(self._registry)

    def close(self) -> None:
        self._provider.shutdown()
