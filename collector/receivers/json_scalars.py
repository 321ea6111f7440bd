"""Single values: how OTLP/JSON writes them and how protobuf's wire format does."""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

Convert = Callable[[Any], Any]  # a JSON value to a Python value
Encode = Callable[[Any], bytes]  # a JSON value to the wire format


class Wrong(Exception):
    """What was expected, and where: the path is gathered from the inside out while this propagates."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.path: list[str] = []

    def __str__(self) -> str:
        place = "".join(reversed(self.path)).lstrip(".")
        return f"{place or 'the document'}: {self.args[0]}"


_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5

_WIRE_TYPES: Mapping[int, int] = {
    FieldDescriptor.TYPE_DOUBLE: _FIXED64,
    FieldDescriptor.TYPE_FIXED64: _FIXED64,
    FieldDescriptor.TYPE_SFIXED64: _FIXED64,
    FieldDescriptor.TYPE_FIXED32: _FIXED32,
    FieldDescriptor.TYPE_STRING: _DELIMITED,
    FieldDescriptor.TYPE_BYTES: _DELIMITED,
    FieldDescriptor.TYPE_MESSAGE: _DELIMITED,
}


def tag(field: FieldDescriptor) -> bytes:
    """What starts `field` on the wire."""
    packed = field.is_repeated and field.is_packed
    wire_type = _DELIMITED if packed else _WIRE_TYPES.get(field.type, _VARINT)
    return varint(field.number << 3 | wire_type)


def varint(number: int) -> bytes:
    if number < 0x4000:
        return _SMALL[number]
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


# Nearly all lengths and most counts are below 16,384: a table makes them one lookup.
_SMALL = [bytes((number,)) if number < 0x80 else bytes((number & 0x7F | 0x80, number >> 7)) for number in range(0x4000)]


def scalar(field: FieldDescriptor, start: bytes) -> Encode:
    """The encoder of one value of `field`, which is not a message; `start` is put in front of it."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return _string(start)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _octets(start, _hex if field.name in _IDS else _base64)
    owner = field.containing_type
    if owner is not None and owner.name == "AnyValue" and field.name == "int_value":
        return _int_or_double(start, owner.fields_by_name["double_value"])
    return _number(start, _converter(field), _PACK[field.type])


def _converter(field: FieldDescriptor) -> Convert:
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.cpp_type in _INTEGERS:
        return _integer(*_INTEGERS[field.cpp_type])
    return _bool if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else _double


def _signed_varint(number: int) -> bytes:
    return varint(number & 0xFFFF_FFFF_FFFF_FFFF)


def _zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else ~(number << 1))


_PACK: Mapping[int, Callable[[Any], bytes]] = {
    FieldDescriptor.TYPE_DOUBLE: Struct("<d").pack,
    FieldDescriptor.TYPE_FIXED64: Struct("<Q").pack,
    FieldDescriptor.TYPE_SFIXED64: Struct("<q").pack,
    FieldDescriptor.TYPE_FIXED32: Struct("<I").pack,
    FieldDescriptor.TYPE_BOOL: varint,
    FieldDescriptor.TYPE_UINT32: varint,
    FieldDescriptor.TYPE_UINT64: varint,
    FieldDescriptor.TYPE_INT32: _signed_varint,
    FieldDescriptor.TYPE_INT64: _signed_varint,
    FieldDescriptor.TYPE_ENUM: _signed_varint,
    FieldDescriptor.TYPE_SINT32: _zigzag,
}


def _number(start: bytes, convert: Convert, pack: Callable[[Any], bytes]) -> Encode:
    def encode(value: Any) -> bytes:
        return start + pack(convert(value))

    return encode


def _octets(start: bytes, convert: Convert) -> Encode:
    def encode(value: Any) -> bytes:
        octets: bytes = convert(value)
        return start + varint(len(octets)) + octets

    return encode


def _string(start: bytes) -> Encode:
    def encode(value: Any) -> bytes:
        if type(value) is not str:
            raise Wrong("expected a string")
        octets = value.encode()
        return start + varint(len(octets)) + octets

    return encode


_IDS = frozenset({"trace_id", "span_id", "parent_span_id"})

_INTEGERS: Mapping[int, tuple[str, int, int]] = {
    FieldDescriptor.CPPTYPE_INT32: ("a 32-bit integer", -(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: ("a 64-bit integer", -(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: ("an unsigned 32-bit integer", 0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: ("an unsigned 64-bit integer", 0, 2**64 - 1),
}

_INT64_LOW, _INT64_HIGH = -(2**63), 2**63 - 1

# Over this a float (1e19; or an integer over 64 bits, which the JSON decoder makes a float) is not exact.
_EXACT_FLOAT = 2.0**53

_INTEGER_TEXT = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER_TEXT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", re.ASCII)
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _integer(name: str, low: int, high: int) -> Convert:
    integer_text = _INTEGER_TEXT.fullmatch

    def convert(value: Any) -> int:
        if type(value) is str and integer_text(value):
            number = int(value)
        elif type(value) is int:
            number = value
        elif type(value) is float and value.is_integer() and abs(value) <= _EXACT_FLOAT:
            number = int(value)
        else:
            raise Wrong(f"expected {name} as a number or a decimal string")
        if low <= number <= high:
            return number
        raise Wrong(f"expected {name}; this is out of its range")

    return convert


def _int_or_double(start: bytes, double: FieldDescriptor) -> Encode:
    """An attribute's integer. JavaScript writes every whole number as one, also those no 64-bit integer can hold.

    As a double such a number is what the sender had; refusing it would refuse all that came with it.
    """
    integer = _number(start, _integer(*_INTEGERS[FieldDescriptor.CPPTYPE_INT64]), _signed_varint)
    double_start, pack = tag(double), _PACK[FieldDescriptor.TYPE_DOUBLE]

    def encode(value: Any) -> bytes:
        beyond = abs(value) > _EXACT_FLOAT or not value.is_integer() if type(value) is float else False
        if beyond or (type(value) is int and not _INT64_LOW <= value <= _INT64_HIGH):
            return double_start + pack(float(value))
        return integer(value)

    return encode


def _enum(enum: EnumDescriptor) -> Convert:
    numbers = {value.name: value.number for value in enum.values}
    number_of = _integer("an enum value", -(2**31), 2**31 - 1)

    def convert(value: Any) -> int:
        if type(value) is not str:
            return int(number_of(value))
        try:
            return numbers[value]
        except KeyError:
            raise Wrong(f"expected a number or a name of the enum {enum.name}") from None

    return convert


def _hex(value: Any) -> bytes:
    """An id of any length: which lengths are ids is judged item by item, for JSON as for protobuf."""
    if type(value) is str:
        try:
            octets = bytes.fromhex(value)
        except ValueError:
            pass
        else:
            if len(octets) * 2 == len(value):  # fromhex() skips spaces
                return octets
    raise Wrong("expected hex digits, two a byte")


def _base64(value: Any) -> bytes:
    """Standard or URL-safe, padded or not, as proto3 JSON has it."""
    if type(value) is str:
        standard = value.replace("-", "+").replace("_", "/").rstrip("=")
        try:
            return a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
        except (NotBase64, ValueError):
            pass
    raise Wrong("expected base64")


def _bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise Wrong("expected true or false")


def _double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str:
        if value in _SPECIAL:
            return _SPECIAL[value]
        if _NUMBER_TEXT.fullmatch(value):
            return float(value)
    raise Wrong('expected a number, "NaN", "Infinity" or "-Infinity"')
