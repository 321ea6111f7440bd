"""OTLP's types as requests are spooled: the official ones with the collector's private members.

A request read and written with them keeps every byte of what they don't name, such as the stamp.
"""

from __future__ import annotations

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
from collector.store.otlp import ARGUMENTS_DIGEST_FIELD, ARRAY_JSON_FIELD, KVLIST_JSON_FIELD, STAMP_FIELD

_STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_COMMON = "opentelemetry.proto.common.v1"


def _file(descriptor: FileDescriptor) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    descriptor.CopyToProto(file)
    return file


def _message(file: descriptor_pb2.FileDescriptorProto, name: str) -> descriptor_pb2.DescriptorProto:
    return next(message for message in file.message_type if message.name == name)


def _common() -> descriptor_pb2.FileDescriptorProto:
    file = _file(common_pb2.DESCRIPTOR)
    value = _message(file, "AnyValue")
    for name, number in (("array_json", ARRAY_JSON_FIELD), ("kvlist_json", KVLIST_JSON_FIELD)):
        value.field.add(name=name, number=number, type=_STRING, label=_OPTIONAL, oneof_index=0)
    # Of the stamp only what says whose rules hold; the rest stays as it came.
    stamp = file.message_type.add(name="Stamp")
    stamp.field.add(name="org", number=1, type=_STRING, label=_OPTIONAL)
    return file


def _stamped(descriptor: FileDescriptor, resource: str) -> descriptor_pb2.FileDescriptorProto:
    file = _file(descriptor)
    _message(file, resource).field.add(
        name="stamp", number=STAMP_FIELD, type=_MESSAGE, label=_OPTIONAL, type_name=f".{_COMMON}.Stamp"
    )
    return file


def spooled_types() -> dict[Signal, type[Message]]:
    """The type of a spooled request, by signal."""
    traces = _stamped(trace_pb2.DESCRIPTOR, "ResourceSpans")
    _message(traces, "Span").field.add(
        name="arguments_digest", number=ARGUMENTS_DIGEST_FIELD, type=_STRING, label=_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    for file in (
        _common(),
        _file(resource_pb2.DESCRIPTOR),
        traces,
        _stamped(logs_pb2.DESCRIPTOR, "ResourceLogs"),
        _stamped(metrics_pb2.DESCRIPTOR, "ResourceMetrics"),
        *(_file(module.DESCRIPTOR) for module in (trace_service_pb2, logs_service_pb2, metrics_service_pb2)),
    ):
        pool.Add(file)

    def request(name: str) -> type[Message]:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"opentelemetry.proto.collector.{name}"))

    return {
        Signal.TRACES: request("trace.v1.ExportTraceServiceRequest"),
        Signal.LOGS: request("logs.v1.ExportLogsServiceRequest"),
        Signal.METRICS: request("metrics.v1.ExportMetricsServiceRequest"),
    }
