"""The collector's own metrics, through the OpenTelemetry SDK, as Prometheus text.

Names are `muster_…`; counts are items (spans, log records, data points) unless the name says otherwise.
"""

from __future__ import annotations

from collections import Counter
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
_Key = tuple[str, ...]


class Observations:
    """Counts what happens; `text` renders it. Thread-safe, but for `request` and `answered`: those are one thread's."""

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
        self._requests = self._tally("muster.requests", "requests by outcome", ("transport", "signal", "outcome"))
        self._bytes = self._tally("muster.received", "request bytes as sent", ("transport", "signal"), "By")
        self._duration = meter.create_histogram("muster.request.duration", unit="s", description="time to the answer")
        self._accepted = self._tally("muster.items.accepted", "items made durable", ("signal",))
        self._rejected = self._tally("muster.items.rejected", "items refused in a partial success", ("signal",))
        self._absorbed = self._tally("muster.items.absorbed", "items of repeated requests", ("signal",))
        self._stored = meter.create_counter("muster.items.stored", description="items inserted into the tables")
        self._dead = meter.create_counter("muster.items.dead", description="items kept as dead letters")
        self._batch_items = meter.create_histogram("muster.batch.items", description="items of a batch")
        self._batch_bytes = meter.create_histogram("muster.batch.size", unit="By", description="bytes of a batch")
        self._insert = meter.create_histogram("muster.insert.duration", unit="s", description="time of an insert")
        self._failures = meter.create_counter("muster.insert.failures", description="inserts that failed, by error")

    def request(self, transport: str, signal: Signal, outcome: str, seconds: float, bytes_in: int) -> None:
        """One request was answered: what receivers report (`receivers/observe.py`)."""
        self._requests[transport, signal.value, outcome] += 1
        self._bytes[transport, signal.value] += bytes_in
        self._duration.record(seconds, {"transport": transport})

    def answered(self, signal: Signal, answer: Answer) -> None:
        """A request was taken in, or absorbed."""
        key = (signal.value,)
        if answer.absorbed:
            self._absorbed[key] += answer.accepted
        else:
            self._accepted[key] += answer.accepted
        if answer.rejected:
            self._rejected[key] += answer.rejected

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

    def _tally(self, name: str, description: str, attributes: tuple[str, ...], unit: str = "") -> Counter[_Key]:
        """A counter for what happens with every request, a tenth of the cost of the SDK's: it is told when asked."""
        tally: Counter[_Key] = Counter()

        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(n, dict(zip(attributes, key, strict=True))) for key, n in tally.copy().items()]

        self._meter.create_observable_counter(name, [observe], unit=unit, description=description)
        return tally

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
