"""The text of an attribute's value as the tables hold it: what `store/otlp.py` has the engine make of it, in Python."""

from __future__ import annotations

import base64
import math
import re
from typing import Any

_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile('["\\\\/\x00-\x1f\u2028\u2029]')
_MOST_WHOLE_DIGITS, _MOST_ZEROS = 21, 6
"""Digits before, and zeros after, the point of a double that is still written without an exponent."""


def text_of(value: Any) -> str:
    """The text of an AnyValue of `spooled` types."""
    kind = value.WhichOneof("value")
    if kind in ("string_value", "array_json", "kvlist_json"):
        return str(getattr(value, kind))
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return _double(value.double_value)
    return "" if kind is None else _json(value)


def _json(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return f"[{','.join(map(_json, value.array_value.values))}]"
    if kind == "kvlist_value":
        return f"{{{','.join(f'{_quoted(p.key)}:{_json(p.value)}' for p in value.kvlist_value.values)}}}"
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return _json_double(value.double_value)
    if kind == "bytes_value":
        return f'"{base64.b64encode(value.bytes_value).decode()}"'
    return "null" if kind is None else _quoted(str(getattr(value, kind)))


def _quoted(text: str) -> str:
    return '"' + _ESCAPED.sub(lambda match: _ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04X}", text) + '"'


def _double(number: float) -> str:
    """The shortest digits that are this number again, as the engine writes them."""
    if not math.isfinite(number):
        return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
    sign = "-" if math.copysign(1, number) < 0 else ""
    if number == 0:
        return f"{sign}0"
    mantissa, exponent = f"{abs(number)!r}".lower().partition("e")[::2]
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    # The number is 0.digits × 10^point.
    point = int(exponent or 0) + (len(whole) if whole != "0" else len(digits) - len(part))
    digits = digits.rstrip("0")
    if 0 < point <= _MOST_WHOLE_DIGITS:
        text = digits.ljust(point, "0")
        return sign + text[:point] + (f".{text[point:]}" if len(text) > point else "")
    if -_MOST_ZEROS < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1}"


def _json_double(number: float) -> str:
    if not math.isfinite(number):
        return '"NaN"' if math.isnan(number) else '"Infinity"' if number > 0 else '"-Infinity"'
    text = _double(number)
    return f"{text}.0" if re.fullmatch("-?[0-9]+", text) else text
