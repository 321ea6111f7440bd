"""The Python SDK's OTLP/HTTP exporters, gzip, with every kind of value."""

from __future__ import annotations

import every_kind
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

every_kind.send(
    OTLPSpanExporter(compression=Compression.Gzip),
    OTLPLogExporter(compression=Compression.Gzip),
    OTLPMetricExporter(compression=Compression.Gzip),
)
