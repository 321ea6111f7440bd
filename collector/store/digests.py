"""The digest of a tool call's arguments: the same for the same arguments, however they were written.

It is the HMAC-SHA256 (hex), under a key of the installation, of the arguments' canonical JSON: no white space, keys of
objects sorted by their UTF-8 bytes, numbers in their shortest form, characters unescaped where JSON allows it. What
isn't JSON is taken as it stands. Objects are sorted to the depth `DEPTH`; deeper ones stay as they came.

It is taken before redaction, so that "the same arguments" and "changed since it was approved" can be told although what
was said can't be read any more; the key keeps short arguments from being guessed. `arguments_digest` is the same
definition for who asks for an approval.
"""

from __future__ import annotations

import hmac
import json
import math
from decimal import Decimal
from typing import Any

DEPTH = 3


def canonical_sql(text: str) -> str:
    """SQL for the canonical JSON of a String expression; the text itself where it isn't JSON."""
    return f"arrayMap(j -> if(isValidJSON(j), {_level('j', DEPTH)}, j), [{text}])[1]"


def digest_sql(text: str, key: str) -> str:
    """SQL for the digest of a String expression; '' where it is empty."""
    return f"if({text} = '', '', lower(hex(HMAC('sha256', {canonical_sql(text)}, {key}))))"


def _level(raw: str, depth: int) -> str:
    if depth == 0:
        return f"JSONExtractRaw({raw})"
    pair, member = f"p{depth}", f"m{depth}"
    # The engine writes -0.0 as -0, and that as 0: what stands alone is read as often as what an object or array holds.
    alone = f"JSONExtractRaw(JSONExtractRaw({raw}))" if depth == DEPTH else f"JSONExtractRaw({raw})"
    below, each = _level(f"{pair}.2", depth - 1), _level(member, depth - 1)
    key = f"replaceAll(toJSONString({pair}.1), '\\\\/', '/')"
    return (
        f"multiIf(startsWith(trimLeft({raw}), '{{'), "
        f"concat('{{', arrayStringConcat(arrayMap({pair} -> concat({key}, ':', {below}), "
        f"arraySort(JSONExtractKeysAndValuesRaw({raw}))), ','), '}}'), "
        f"startsWith(trimLeft({raw}), '['), "
        f"concat('[', arrayStringConcat(arrayMap({member} -> {each}, JSONExtractArrayRaw({raw})), ','), ']'), "
        f"{alone})"
    )


def arguments_digest(arguments: str, key: bytes) -> str:
    """The digest (64 hex digits) of a call's arguments as they are sent: JSON text, or any other text."""
    return hmac.digest(key, canonical(arguments).encode(), "sha256").hex() if arguments else ""


def canonical(text: str) -> str:
    """The canonical form of a JSON text; the text itself where it isn't JSON."""
    try:
        value = json.loads(
            text, object_pairs_hook=_Pairs, parse_constant=_refuse, parse_int=_integer, parse_float=_float
        )
        written = _write(value, DEPTH)
        written.encode()  # half a surrogate pair is no text
    except ValueError:
        return text
    return written


class _Pairs(list[tuple[str, Any]]):
    """An object: its pairs as they came."""


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _integer(digits: str) -> Any:
    number = int(digits)
    # Beyond 64 bits the engine keeps the digits as a text.
    return _Number(number) if -(1 << 63) <= number < 1 << 64 else digits


def _float(digits: str) -> Any:
    """As JavaScript writes it; a whole number that way is an integer from then on."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    if 1e-6 <= abs(number) < 1e21:
        fixed = f"{Decimal(repr(number)).normalize():f}"
        return _integer(fixed) if "." not in fixed else _Number(fixed)
    return _Number(repr(number).replace("e+", "e").replace("e-0", "e-")) if number else _Number("0")


def _write(value: Any, depth: int) -> str:
    if isinstance(value, _Pairs):
        pairs = [(key, _write(member, depth - 1)) for key, member in value]
        if depth > 0:
            pairs.sort(key=lambda pair: (pair[0].encode(), pair[1].encode()))
        return "{" + ",".join(f"{_string(key)}:{text}" for key, text in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_write(member, depth - 1) for member in value) + "]"
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value)


def _string(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


# The engine's: in upper case, and of the two line ends that JavaScript once stumbled over.
_ESCAPES = {
    **{code: f"\\u{code:04X}" for code in range(32)},
    **{ord(sign): f"\\{letter}" for sign, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)},
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
