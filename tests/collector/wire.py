"""Protobuf as other encoders may write it: valid, and never as the canonical one does.

    encode(message, Random(7))                     # the same message, oddly written
    encode(message, Random(7), unknown=True)       # and with fields that no schema of ours knows, at every level

Odd are: fields in any order, defaults written out, varints longer than they need to be, a submessage in two parts,
numbers of a repeated field packed, unpacked or both. Parsers must read all of it (protobuf's encoding guide).
"""

from __future__ import annotations

import struct
from itertools import pairwise
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from collector.store.otlp import ARRAY_JSON_FIELD, BATCH_ID_FIELD, KVLIST_JSON_FIELD, STAMP_FIELD

_VARINT, _FIXED64, _DELIMITED, _GROUP, _GROUP_END, _FIXED32 = range(6)
_PACK = {
    FieldDescriptor.TYPE_DOUBLE: "<d",
    FieldDescriptor.TYPE_FIXED64: "<Q",
    FieldDescriptor.TYPE_SFIXED64: "<q",
    FieldDescriptor.TYPE_FIXED32: "<I",
}
_LONGEST_TAG, _LONGEST_VARINT = 5, 10

FORGED = (STAMP_FIELD, BATCH_ID_FIELD, ARRAY_JSON_FIELD, KVLIST_JSON_FIELD)
"""The private fields that only the collector may write."""

_UNKNOWN_NUMBERS = (*FORGED, 60, 1_000, 536_870_911)
_MISLEADING = (
    b"",
    b"\x0a\xff\xff\xff\x0f",  # field 1, four billion bytes to come
    b"\x0a\x80",  # a length that breaks off
    b"forged",
    b'{"forged": true}',
    b"\x0a\x06forged\x12\x06forged\x1a\x04mtls\x21\x01\x00\x00\x00\x00\x00\x00\x00\x2a\x06forged",  # a stamp
    b"\xff\xfe\xfd",
)


def varint(value: int, size: int = 0) -> bytes:
    """Base 128, at least `size` bytes long."""
    value &= 2**64 - 1
    octets = bytearray()
    while True:
        octets.append(value & 0x7F)
        value >>= 7
        if not value and len(octets) >= size:
            break
    return bytes(octet | 0x80 for octet in octets[:-1]) + octets[-1:]


def tag(number: int, wire_type: int, size: int = 0) -> bytes:
    return varint(number << 3 | wire_type, size)


def delimited(number: int, content: bytes) -> bytes:
    return tag(number, _DELIMITED) + varint(len(content)) + content


def unknown_field(random: Random, number: int | None = None) -> bytes:
    """A field nobody declared, of any wire type, groups included."""
    number = number or random.choice(_UNKNOWN_NUMBERS)
    match random.randrange(5):
        case 0:
            return tag(number, _VARINT) + varint(random.getrandbits(64))
        case 1:
            return tag(number, _FIXED64) + random.randbytes(8)
        case 2:
            return tag(number, _FIXED32) + random.randbytes(4)
        case 3:
            inside = unknown_field(random) if random.random() < 0.5 else b""
            return tag(number, _GROUP) + inside + tag(number, _GROUP_END)
    return delimited(number, random.choice(_MISLEADING))


def encode(message: Message, random: Random, *, unknown: bool = False) -> bytes:
    return b"".join(_Encoder(random, unknown).parts(message))


class _Encoder:
    def __init__(self, random: Random, unknown: bool) -> None:
        self._random = random
        self._unknown = unknown

    def parts(self, message: Message) -> list[bytes]:
        """The message's fields; cut anywhere, both halves are messages that merge to it."""
        descriptor: Descriptor = message.DESCRIPTOR  # type: ignore[assignment] # upb's or Python's
        fields = [self._field(field, value) for field, value in message.ListFields()]
        set_already = {field.number for field, _ in message.ListFields()}
        for field in descriptor.fields:
            if field.number not in set_already and not field.has_presence and not field.is_repeated:
                default = self._scalar(field, b"" if field.type == FieldDescriptor.TYPE_BYTES else field.default_value)
                fields += [[default]] * (self._random.random() < 0.2)
        if self._unknown:
            fields += [[unknown_field(self._random)] for _ in range(self._random.choice((0, 0, 1, 2)))]
        self._random.shuffle(fields)
        return [part for field in fields for part in field]

    def _field(self, field: FieldDescriptor, value: Any) -> list[bytes]:
        if not field.is_repeated:
            return self._message(field, value) if field.message_type else [self._scalar(field, value)]
        if field.message_type:
            return [self._tag(field.number, _DELIMITED) + self._sized(b"".join(self.parts(item))) for item in value]
        if field.is_packed:
            cut = self._random.randint(0, len(value))
            unpacked = [self._scalar(field, item) for item in value[:cut]]
            packed = b"".join(self._bare(field, item) for item in value[cut:])
            return [*unpacked, self._tag(field.number, _DELIMITED) + self._sized(packed)]
        return [self._scalar(field, item) for item in value]

    def _message(self, field: FieldDescriptor, value: Message) -> list[bytes]:
        parts = self.parts(value)
        cuts = (0, self._random.randint(0, len(parts)), len(parts)) if self._random.random() < 0.3 else (0, len(parts))
        return [
            self._tag(field.number, _DELIMITED) + self._sized(b"".join(parts[start:end]))
            for start, end in pairwise(cuts)
        ]

    def _scalar(self, field: FieldDescriptor, value: Any) -> bytes:
        if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            octets = value.encode() if isinstance(value, str) else value
            return self._tag(field.number, _DELIMITED) + self._sized(octets)
        wire_type = {"<d": _FIXED64, "<Q": _FIXED64, "<q": _FIXED64, "<I": _FIXED32}.get(_PACK.get(field.type, ""), 0)
        return self._tag(field.number, wire_type) + self._bare(field, value)

    def _bare(self, field: FieldDescriptor, value: Any) -> bytes:
        if field.type in _PACK:
            return struct.pack(_PACK[field.type], value)
        if field.type in (FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SINT64):
            return varint(value << 1 ^ value >> 63)
        return varint(int(value), self._random.choice((0, 0, 2, _LONGEST_VARINT)))

    def _tag(self, number: int, wire_type: int) -> bytes:
        return tag(number, wire_type, self._random.choice((0, 0, 0, 3, _LONGEST_TAG)))

    def _sized(self, content: bytes) -> bytes:
        return varint(len(content), self._random.choice((0, 0, 0, 4))) + content
