"""The Python SDK's OTLP/gRPC exporters, traces with gzip, with every kind of value."""

from __future__ import annotations

import every_kind
import grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

every_kind.send(
    OTLPSpanExporter(insecure=True, compression=grpc.Compression.Gzip),
    OTLPLogExporter(insecure=True),
    OTLPMetricExporter(insecure=True),
)
