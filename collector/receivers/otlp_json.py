"""OTLP/JSON to protobuf messages.

The mapping is proto3 JSON with the OTLP specification's exceptions: ids are hex, keys are lowerCamelCase
only, unknown fields are ignored. Every message type is compiled once into a function from a JSON object to
protobuf's wire format, which upb then parses. Passing nested dicts to upb's constructor instead reaches half
the speed, mostly because of the garbage collector: it tracks dicts and not bytes.

A function is compiled per message type *and depth*: that bounds recursion at no cost while parsing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.errors import Malformed, TooLarge
from collector.receivers.json_scalars import Encode, Wrong, scalar, tag, varint
from collector.signals import Signal

# Protobuf parsers stop below 100 nested messages: what is deeper could not be read again.
MAX_DEPTH = 100

# What one body may cost in memory: an empty object takes 64 bytes for the two that it was sent as.
MAX_CONTAINERS = 500_000

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_REPLACEMENT = rb"\ufffd"

Done = dict[tuple[str, int, bytes | None], Encode]

REQUEST: Mapping[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}


def parse(signal: Signal, body: bytes) -> Message:
    """The request that `body` says, or Malformed with the JSON path of what is wrong."""
    return REQUEST[signal].FromString(to_protobuf(signal, body))


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """The same, serialised: valid protobuf without unknown fields, members in the order of `body`."""
    if body.count(b"{") + body.count(b"[") > MAX_CONTAINERS:
        raise TooLarge(f"the body holds more than {MAX_CONTAINERS} JSON objects and arrays; send smaller batches")
    try:
        document = _load(body)
    except orjson.JSONDecodeError as error:
        # The decoder's own text is left out: nothing promises that it never quotes the document.
        raise Malformed(
            f"the body is not valid JSON (line {error.lineno}, column {error.colno}); "
            "send RFC 8259 JSON in UTF-8 without a byte order mark, nested at most 1,024 deep"
        ) from None
    try:
        return _ENCODE[signal](document)
    except Wrong as wrong:
        raise Malformed(str(wrong)) from None


def _load(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # JavaScript cuts text between the halves of a surrogate pair and writes the half that is left. It is
        # read as U+FFFD, which is what the same text becomes in protobuf.
        mended = _ESCAPE.sub(lambda m: _REPLACEMENT if m["half"] else m[0], body)
        if mended == body:
            raise
        return orjson.loads(mended)


def _compile(descriptor: Descriptor, depth: int, start: bytes | None, done: Done) -> Encode:
    """From a JSON object to the message of `descriptor`; a member has `start` and its length in front."""
    if depth > MAX_DEPTH:
        return _too_deep
    key = (descriptor.full_name, depth, start)
    known = done.get(key)
    if known is not None:
        return known
    rules: dict[str, Encode] = {}
    groups: dict[str, str] = {}
    for field in descriptor.fields:
        rules[field.json_name] = _field(field, depth, done)
        # A proto3 `optional` field is a oneof of its own: it can't be set twice.
        if field.containing_oneof is not None and len(field.containing_oneof.fields) > 1:
            groups[field.json_name] = field.containing_oneof.name
    done[key] = encode = _message(rules, groups, start)
    return encode


def _field(field: FieldDescriptor, depth: int, done: Done) -> Encode:
    if field.message_type is not None:
        encode = _compile(field.message_type, depth + 1, tag(field), done)
        return _elements(encode) if field.is_repeated else encode
    if field.is_repeated and field.is_packed:
        return _delimited(tag(field), _elements(scalar(field, b"")))
    encode = scalar(field, tag(field))
    return _elements(encode) if field.is_repeated else encode


def _message(rules: dict[str, Encode], groups: dict[str, str], start: bytes | None) -> Encode:
    rule_of = rules.get

    def encode(value: Any) -> bytes:
        if type(value) is not dict:
            raise Wrong("expected an object")
        if groups and len(value) > 1:
            _check_exclusive(value, groups)
        message = b""
        key = ""
        try:
            for key, member in value.items():
                rule = rule_of(key)
                if rule is not None and member is not None:
                    message += rule(member)
        except Wrong as wrong:
            wrong.path.append(f".{key}")  # only known keys get here: nothing of the sender's is quoted
            raise
        if start is None:
            return message
        return start + varint(len(message)) + message

    return encode


def _check_exclusive(value: dict[str, Any], groups: dict[str, str]) -> None:
    seen: set[str] = set()
    for key, member in value.items():
        group = groups.get(key)
        if group is not None and member is not None:
            if group in seen:
                raise Wrong("more than one kind of value is set; set exactly one")
            seen.add(group)


def _elements(encode: Encode) -> Encode:
    def encode_all(value: Any) -> bytes:
        if type(value) is not list:
            raise Wrong("expected an array")
        parts: list[bytes] = []
        try:
            for element in value:
                parts.append(encode(element))  # noqa: PERF401 (its length is the place of an error)
        except Wrong as wrong:
            wrong.path.append(f"[{len(parts)}]")
            raise
        return b"".join(parts)

    return encode_all


def _delimited(start: bytes, encode: Encode) -> Encode:
    def encode_delimited(value: Any) -> bytes:
        inner = encode(value)
        return start + varint(len(inner)) + inner

    return encode_delimited


def _too_deep(value: Any) -> bytes:
    raise Wrong(f"nested deeper than {MAX_DEPTH} messages; flatten it or send it as a JSON string")


def _compile_all() -> dict[Signal, Encode]:
    done: Done = {}
    return {signal: _compile(_descriptor(request), 0, None, done) for signal, request in REQUEST.items()}


def _descriptor(request: type[Message]) -> Descriptor:
    return cast("Descriptor", request.DESCRIPTOR)  # the stubs tell upb's from pure Python's


_ENCODE = _compile_all()
