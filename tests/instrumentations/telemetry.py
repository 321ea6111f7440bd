"""The providers an agent under recording sends through: batches over OTLP/HTTP."""

from __future__ import annotations

from opentelemetry import _logs, metrics, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from stack_traces import neutral_stack_traces


class Telemetry:
    """Traces, logs and metrics, installed as the global providers."""

    def __init__(self) -> None:
        neutral_stack_traces()
        self.traces = TracerProvider()
        self.traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(self.traces)
        self.logs = LoggerProvider()
        self.logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
        _logs.set_logger_provider(self.logs)
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=600_000)
        self.metrics = MeterProvider([reader])
        metrics.set_meter_provider(self.metrics)

    def flush(self) -> None:
        """Ends a request: what was recorded so far goes out now."""
        self.traces.force_flush()
        self.logs.force_flush()

    def shutdown(self) -> None:
        self.traces.shutdown()
        self.logs.shutdown()
        self.metrics.shutdown()
