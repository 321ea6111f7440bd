"""OTLP message types whose attribute values stop after one level of nesting.

The engine reads one level. Parsing with these types makes anything deeper an unknown field, so that one
comparison of sizes tells, exactly and at C speed, whether a request holds deeper values at all.
They are the official descriptors with `AnyValue` cut short, in a pool of their own.
"""

from __future__ import annotations

from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from collector.signals import Signal

_COMMON = "opentelemetry.proto.common.v1"
_NESTED = {"array_value", "kvlist_value"}


def _file(descriptor: FileDescriptor) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    descriptor.CopyToProto(file)
    return file


def _cut_common() -> descriptor_pb2.FileDescriptorProto:
    file = _file(common_pb2.DESCRIPTOR)
    messages = {message.name: message for message in file.message_type}
    leaf = file.message_type.add()
    leaf.CopyFrom(messages["AnyValue"])
    leaf.name = "Leaf"
    kept = [field for field in leaf.field if field.name not in _NESTED]
    del leaf.field[:]
    leaf.field.extend(kept)
    leaf_pair = file.message_type.add()
    leaf_pair.CopyFrom(messages["KeyValue"])
    leaf_pair.name = "LeafKeyValue"
    for message, field, target in (
        (leaf_pair, "value", "Leaf"),
        (messages["ArrayValue"], "values", "Leaf"),
        (messages["KeyValueList"], "values", "LeafKeyValue"),
    ):
        next(f for f in message.field if f.name == field).type_name = f".{_COMMON}.{target}"
    return file


def _build() -> dict[Signal, type[Message]]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_cut_common())
    for module in (
        resource_pb2,
        trace_pb2,
        logs_pb2,
        metrics_pb2,
        trace_service_pb2,
        logs_service_pb2,
        metrics_service_pb2,
    ):
        pool.Add(_file(module.DESCRIPTOR))

    def request(name: str) -> type[Message]:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"opentelemetry.proto.collector.{name}"))

    return {
        Signal.TRACES: request("trace.v1.ExportTraceServiceRequest"),
        Signal.LOGS: request("logs.v1.ExportLogsServiceRequest"),
        Signal.METRICS: request("metrics.v1.ExportMetricsServiceRequest"),
    }


SHALLOW: Final = _build()
FULL: Final[dict[Signal, type[Message]]] = {
    Signal.TRACES: trace_service_pb2.ExportTraceServiceRequest,
    Signal.LOGS: logs_service_pb2.ExportLogsServiceRequest,
    Signal.METRICS: metrics_service_pb2.ExportMetricsServiceRequest,
}
