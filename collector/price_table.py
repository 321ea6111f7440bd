"""Price rows as columns of integers, so that many calls are priced at once.

Rates are whole numbers of a row's own smallest digit: a price of three dollars a million is 3 at scale 6. What a call
costs at that scale nearly always fits 64 bits; `raised` brings it to the scale that costs are stored at.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collector.pricing import MOST_TOKENS, UNITS, WHOLES, PriceRow, Unpriced

SCALE: Final = 24
"""Decimals that costs are stored with (Decimal(38, 24)): enough for every rate of the list, which has some of that
many, since it takes over prices that were computed in floating point elsewhere."""
DIGITS: Final = 38
_LEAST_SCALE = 6  # so that 10 to the power of what is missing fits 64 bits
_MOST_USD = Decimal(10) ** (DIGITS - SCALE)
_MOST = 2**63 - 1
_DAY_NS = 86_400 * 10**9

Integers = NDArray[np.int64]


class Shape:
    """What rows that charge for the same kinds of tokens have in common, by numbers of `UNITS`."""

    def __init__(self, row: PriceRow) -> None:
        number = {unit: at for at, unit in enumerate(UNITS)}
        self.charges = tuple((number[c.unit], tuple(number[unit] for unit in c.less)) for c in row.charges)
        self.wholes = tuple(number[c.unit] for c in row.charges if c.unit in WHOLES)
        self.overlaps = tuple((number[one], number[other]) for one, other in row.overlaps)
        self.priceless: Unpriced | None = None
        if not row.charges and not row.request:
            self.priceless = Unpriced.UNITS if row.others else Unpriced.MODEL


class PriceTable:
    """Rows, and their columns. A row's number is its place in `rows`."""

    def __init__(self) -> None:
        self.rows: list[PriceRow] = []
        self.ids: list[str] = []
        self.exact: list[tuple[int, list[int], int]] = []
        """Of each row: its request's price, its rates by number of `UNITS`, both whole numbers, and their scale."""
        self.shapes: list[Shape] = []
        self._numbers: dict[PriceRow, int] = {}
        self._kinds: dict[object, int] = {}
        self._bounds: list[tuple[int, ...]] = []
        self._shape: list[int] = []
        self._columns: tuple[Integers, Integers, Integers] | None = None

    def number(self, row: PriceRow) -> int:
        """The row's number; it is added if it is new. Raises ValueError if costs by it could not be stored."""
        if row not in self._numbers:
            if problem := misfit(row):
                raise ValueError(problem)
            self._numbers[row] = len(self.rows)
            self.rows.append(row)
            self.ids.append(row.id)
            self._add(row)
            self._columns = None
        return self._numbers[row]

    @property
    def bounds(self) -> Integers:
        """Of each row: start, end (ns); since, until (ns of the day); above, up to (tokens)."""
        return self._built()[0]

    @property
    def rates(self) -> Integers:
        """Of each row: the rates by number of `UNITS`, then the request's price; -1: too long for 64 bits."""
        return self._built()[1]

    @property
    def shape(self) -> Integers:
        """Of each row: the number of its shape."""
        return self._built()[2]

    def _built(self) -> tuple[Integers, Integers, Integers]:
        if self._columns is None:
            rates = [[rate if rate <= _MOST else -1 for rate in (*rates, fee)] for fee, rates, _ in self.exact]
            self._columns = (
                np.array(self._bounds, np.int64).reshape(-1, 6),
                np.array(rates, np.int64).reshape(-1, len(UNITS) + 1),
                np.array(self._shape, np.int64),
            )
        return self._columns

    def _add(self, row: PriceRow) -> None:
        scale = max(_LEAST_SCALE, _scale(row))
        unit = Decimal(10) ** scale
        rates = [0] * len(UNITS)
        for charge in row.charges:
            rates[UNITS.index(charge.unit)] = int(charge.rate * unit)
        self.exact.append((int(row.request * unit), rates, scale))
        self._bounds.append(
            (
                _midnight(row.start),
                _MOST if row.end is None else _midnight(row.end),
                _clock(row.since),
                _DAY_NS if row.until is None else _clock(row.until),
                -1 if row.above is None else min(row.above, _MOST),
                _MOST if row.up_to is None else min(row.up_to, _MOST),
            )
        )
        charges = tuple((charge.unit, charge.less) for charge in row.charges)
        kind = (charges, row.overlaps, bool(charges or row.request), bool(row.others))
        if kind not in self._kinds:
            self._kinds[kind] = len(self.shapes)
            self.shapes.append(Shape(row))
        self._shape.append(self._kinds[kind])


def misfit(row: PriceRow) -> str:
    """Why costs by this price could not be stored exactly; empty if they can."""
    if _scale(row) > SCALE:
        return f"a price has more than {SCALE} decimals (of a dollar, for one token or one request)"
    if MOST_TOKENS * sum(charge.rate for charge in row.charges) + row.request >= _MOST_USD:
        return f"the prices are so high that a call of {MOST_TOKENS} tokens would cost {_MOST_USD:f} dollars or more"
    return ""


def raised(totals: Integers, scales: Integers) -> NDArray[np.uint64]:
    """Amounts at scales of their own as 128-bit whole numbers at `SCALE`: (lower, upper) 64 bits of each.

    The product by 32-bit halves, as in Knuth, The Art of Computer Programming 2, 4.3.1.
    """
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    powers = np.array([10**power for power in range(SCALE - _LEAST_SCALE + 1)], np.uint64)
    a, b = totals.astype(np.uint64), powers[SCALE - scales]
    a0, a1, b0, b1 = a & low, a >> half, b & low, b >> half
    lowest, one, other = a0 * b0, a0 * b1, a1 * b0
    middle = (lowest >> half) + (one & low) + (other & low)
    lower = (lowest & low) | (middle << half)
    upper = a1 * b1 + (one >> half) + (other >> half) + (middle >> half)
    return np.stack([lower, upper], axis=1)


def _scale(row: PriceRow) -> int:
    amounts = (row.request, *(charge.rate for charge in row.charges))
    exponents = (amount.normalize().as_tuple().exponent for amount in amounts)
    return max(-exponent for exponent in exponents if isinstance(exponent, int))


def _midnight(day: date) -> int:
    seconds = int(datetime.combine(day, time(0), UTC).timestamp())
    return max(-_MOST, min(_MOST, seconds * 10**9))


def _clock(clock: time) -> int:
    return ((clock.hour * 60 + clock.minute) * 60 + clock.second) * 10**9 + clock.microsecond * 1000
