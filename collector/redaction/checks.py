"""What a pattern can't tell: whether a number's check digits are right, or how many digits it has.

Each check is there twice, for the engine and for Python; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """`holds` says of a match whether it counts; `sql` makes the same of an SQL expression for the match."""

    holds: Callable[[str], bool]
    sql: Callable[[str], str]


def _digits(text: str) -> list[int]:
    return [int(digit) for digit in re.findall("[0-9]", text)]


def _luhn(text: str) -> bool:
    doubled = [digit * (1 + place % 2) for place, digit in enumerate(reversed(_digits(text)))]
    return sum(number - 9 * (number > 9) for number in doubled) % 10 == 0


def _luhn_sql(text: str) -> str:
    digits = f"reverse(replaceRegexpAll({text}, '[^0-9]', ''))"
    double = "toUInt8OrZero(d) * (2 - i % 2)"
    return (
        f"arraySum((d, i) -> {double} - 9 * ({double} > 9), ngrams({digits}, 1), "
        f"arrayEnumerate(ngrams({digits}, 1))) % 10 = 0"
    )


def _iban(text: str) -> bool:
    """ISO 13616: with the first four characters last and letters as 10 to 35, the number is 1 modulo 97."""
    plain = text.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def _iban_sql(text: str) -> str:
    plain = f"replaceAll({text}, ' ', '')"
    turned = f"concat(substring({plain}, 5), substring({plain}, 1, 4))"
    step = "if(ascii(c) > 57, a * 100 + ascii(c) - 55, a * 10 + ascii(c) - 48)"
    return f"arrayFold((a, c) -> toUInt64({step} % 97), ngrams({turned}, 1), toUInt64(0)) = 1"


_FEWEST, _MOST = 9, 15
"""Digits of an international phone number (E.164: 15 at most)."""


def _phone(text: str) -> bool:
    return _FEWEST <= len(_digits(text)) <= _MOST


def _phone_sql(text: str) -> str:
    return f"length(replaceRegexpAll({text}, '[^0-9]', '')) BETWEEN {_FEWEST} AND {_MOST}"


def checks() -> dict[str, Check]:
    """By the name that a rule says."""
    return {
        "luhn": Check(_luhn, _luhn_sql),
        "iban": Check(_iban, _iban_sql),
        "phone": Check(_phone, _phone_sql),
    }
