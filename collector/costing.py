"""What many calls cost, at once: exactly what `Prices.cost` says of each, to the last digit.

Calls that name the same provider, model and service tier share their prices, which are found once; which of them holds
for a call, and what it comes to, is worked out for all calls together in whole numbers (`price_table.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from collector.price_book import PriceBook
from collector.price_table import DIGITS, SCALE, Integers, PriceTable, Shape, raised
from collector.pricing import MOST_TOKENS, STANDARD_TIERS, PriceRow, Unpriced

log = logging.getLogger(__name__)

COLUMNS: Final = (
    "InputTokens",
    "OutputTokens",
    "CacheReadTokens",
    "CacheWriteTokens",
    "ReasoningTokens",
    "InputAudioTokens",
    "OutputAudioTokens",
)
"""The tables' names of `pricing.UNITS`, in that order."""
USD: Final = pa.decimal128(DIGITS, SCALE)
REASONS: Final = tuple(Unpriced)
_DAY_NS = 86_400 * 10**9
_LAST = 2**63 - 2
_SAFE = 2.0**62
_KEPT_NAMES = 50_000

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Calls:
    """Columns of N calls. `at`: ns since the epoch; `tokens`: counts in the order of `UNITS`, 0 where `unknown`."""

    provider: pa.DictionaryArray
    model: pa.DictionaryArray
    service_tier: pa.DictionaryArray
    at: Integers
    tokens: Sequence[NDArray[np.uint64]]
    unknown: Sequence[Flags]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """From columns Provider, Model, ServiceTier, Timestamp (or its ns) and `COLUMNS`; others are ignored."""
        counts = [_whole(table[name]) for name in COLUMNS]
        return cls(
            provider=_names(table["Provider"]),
            model=_names(table["Model"]),
            service_tier=_names(table["ServiceTier"]),
            at=_whole(table["Timestamp"]).cast(pa.int64()).to_numpy(zero_copy_only=False),
            tokens=[pc.fill_null(count.cast(pa.uint64()), 0).to_numpy(zero_copy_only=False) for count in counts],
            unknown=[count.is_null().to_numpy(zero_copy_only=False) for count in counts],
        )


@dataclass(frozen=True, slots=True)
class Costs:
    """Columns of N costs. `price`: place in `rows`, -1: none; `reason`: place in `REASONS`, -1: priced.

    `usd` is null where no price is known. `tier_unknown`: the service tier (batch is one) has no price of its own, and
    the standard one was taken.
    """

    rows: Sequence[PriceRow]
    ids: Sequence[str]
    price: Integers
    usd: pa.Array
    reason: NDArray[np.int8]
    tier_unknown: Flags

    @property
    def price_id(self) -> pa.DictionaryArray:
        """The price's id; empty: unpriced."""
        return _named(self.price, self.ids)

    @property
    def unpriced(self) -> pa.DictionaryArray:
        """The name of the reason (`Unpriced`); empty: priced."""
        return _named(self.reason, [reason.name for reason in REASONS])

    @property
    def not_counted(self) -> pa.DictionaryArray:
        """What the model is charged for besides, and calls don't report; with commas between."""
        texts = [",".join(row.others) for row in self.rows]
        distinct = sorted({*texts} - {""})
        places = np.array([distinct.index(text) if text else -1 for text in texts] + [-1])
        return _named(places[self.price], distinct)


class Costing:
    """Prices batches of calls by a book. Not for several threads at once."""

    def __init__(self, book: PriceBook) -> None:
        self.book = book
        self._table = PriceTable()
        self._candidates: dict[tuple[str, str, str], tuple[list[int], int]] = {}

    def cost(self, calls: Calls) -> Costs:
        """What each call costs."""
        price, standard = self._choose(calls)
        size = len(price)
        words = np.zeros((size, 2), np.uint64)
        reason = np.full(size, -1, np.int8)
        reason[price < 0] = REASONS.index(Unpriced.MODEL)
        absurd = np.zeros(size, bool)
        for count in calls.tokens:
            absurd |= count > MOST_TOKENS
        priced = np.flatnonzero((price >= 0) & ~absurd)
        shapes = self._table.shape[price[priced]] if priced.size else priced
        for number in np.unique(shapes):
            self._evaluate(self._table.shapes[number], calls, priced[shapes == number], price, words, reason)
        reason[absurd] = REASONS.index(Unpriced.IMPLAUSIBLE)
        known = reason < 0
        return self._costs(np.where(known, price, -1), words, reason, standard & known)

    def _choose(self, calls: Calls) -> tuple[Integers, Flags]:
        """The number of each call's price (-1: none), and whether it is a standard one for want of the tier's own."""
        tiers, models = len(calls.service_tier.dictionary), len(calls.model.dictionary)
        columns = (_codes(calls.provider), _codes(calls.model), _codes(calls.service_tier))
        keys = (columns[0] * models + columns[1]) * tiers + columns[2]
        distinct, group = np.unique(keys, return_inverse=True)
        names = [column.dictionary.to_pylist() for column in (calls.provider, calls.model, calls.service_tier)]
        found: list[int] = []
        starts: list[tuple[int, int, int]] = []
        for key in distinct.tolist():
            (provider, model), tier = divmod(key // tiers, models), key % tiers
            numbers, own = self._found(names[0][provider], names[1][model], names[2][tier])
            starts.append((len(found), len(numbers), own))
            found += numbers
        return self._first(calls, np.array(found, np.int64), np.array(starts, np.int64).reshape(-1, 3)[group])

    def _first(self, calls: Calls, found: Integers, starts: Integers) -> tuple[Integers, Flags]:
        """Of each call's candidates, in order, the first that applies."""
        at = np.minimum(calls.at, _LAST)
        clock = at % _DAY_NS
        entered = np.minimum(calls.tokens[0], np.uint64(_LAST)).astype(np.int64)
        first, many, own = starts.T
        chosen = np.full(len(at), -1, np.int64)
        standard = np.zeros(len(at), bool)
        pending = np.arange(len(at))
        for place in range(int(many.max(initial=0))):
            pending = pending[many[pending] > place]
            row = found[first[pending] + place]
            start, end, since, until, above, up_to = self._table.bounds[row].T
            when, hour, tokens = at[pending], clock[pending], entered[pending]
            applies = (start <= when) & (when < end) & (since <= hour) & (hour < until)
            applies &= (tokens > above) & (tokens <= up_to)
            hit = pending[applies]
            chosen[hit] = row[applies]
            standard[hit] = place >= own[hit]
            pending = pending[~applies]
        return chosen, standard

    def _found(self, provider: str, model: str, tier: str) -> tuple[list[int], int]:
        """Numbers of the prices that may apply, the tier's own first, and at which place those begin that are only
        taken for want of them.
        """
        key = (provider, model, tier)
        if key not in self._candidates:
            if len(self._candidates) >= _KEPT_NAMES:
                self._candidates.clear()
            rows = self.book.prices.rows(provider, model)
            own = self._numbers([row for row in rows if row.service_tier == tier])
            others = self._numbers([row for row in rows if not row.service_tier]) if tier else []
            self._candidates[key] = [*own, *others], len(own) if tier not in STANDARD_TIERS else len(own + others)
        return self._candidates[key]

    def _numbers(self, rows: Sequence[PriceRow]) -> list[int]:
        numbers: list[int] = []
        for row in rows:
            try:
                numbers.append(self._table.number(row))
            except ValueError as error:  # a list newer than this version was tested with; own rows were checked
                log.warning("%s is not used, and its calls are unpriced: %s", row.source, error)
        return numbers

    def _evaluate(
        self,
        shape: Shape,
        calls: Calls,
        which: Integers,
        price: Integers,
        words: NDArray[np.uint64],
        reason: NDArray[np.int8],
    ) -> None:
        """Fill `words` and `reason` for the calls `which`, whose prices are all of this shape."""
        if shape.priceless is not None:
            reason[which] = REASONS.index(shape.priceless)
            return
        rows = price[which]
        rates = self._table.rates[rows]
        tokens = [count[which].astype(np.int64) for count in calls.tokens]
        total = rates[:, -1].copy()
        about = total.astype(np.float64)
        implausible = np.zeros(len(which), bool)
        for unit, less in shape.charges:
            net = tokens[unit] - sum((tokens[part] for part in less), np.zeros(len(which), np.int64))
            implausible |= net < 0
            total += net * rates[:, unit]  # may overflow: `about` tells where
            about += net * rates[:, unit].astype(np.float64)
        why = np.where(implausible, REASONS.index(Unpriced.IMPLAUSIBLE), -1).astype(np.int8)
        for one, other in shape.overlaps:
            why[(tokens[one] > 0) & (tokens[other] > 0)] = REASONS.index(Unpriced.AMBIGUOUS)
        for unit in shape.wholes:
            why[calls.unknown[unit][which]] = REASONS.index(Unpriced.TOKENS)
        reason[which] = why
        large = (about >= _SAFE) | (rates < 0).any(axis=1)
        scales = np.array([scale for _, _, scale in self._table.exact])[rows]
        words[which] = raised(total, scales)
        for place in np.flatnonzero(large & (why < 0)).tolist():
            fee, exact, scale = self._table.exact[rows[place]]
            value = fee + sum(
                (int(tokens[unit][place]) - sum(int(tokens[part][place]) for part in less)) * exact[unit]
                for unit, less in shape.charges
            )
            upper, lower = divmod(value * 10 ** (SCALE - scale), 2**64)
            words[which[place]] = lower, upper

    def _costs(
        self, price: Integers, words: NDArray[np.uint64], reason: NDArray[np.int8], tier_unknown: Flags
    ) -> Costs:
        used, places = np.unique(price, return_inverse=True)
        if unpriced := int(used.size > 0 and used[0] < 0):
            used = used[1:]
        numbers = used.tolist()
        valid = pa.py_buffer(np.packbits(reason < 0, bitorder="little").tobytes())
        return Costs(
            [self._table.rows[number] for number in numbers],
            [self._table.ids[number] for number in numbers],
            places.astype(np.int64) - unpriced,
            pa.Array.from_buffers(USD, len(price), [valid, pa.py_buffer(words.astype("<u8").tobytes())]),
            reason,
            tier_unknown,
        )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if isinstance(combined, pa.ChunkedArray) else combined


def _names(column: pa.ChunkedArray) -> pa.DictionaryArray:
    plain = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    encoded = _whole(pc.fill_null(plain.cast(pa.string()), "")).dictionary_encode()
    assert isinstance(encoded, pa.DictionaryArray)
    return encoded


def _codes(column: pa.DictionaryArray) -> Integers:
    codes: Integers = column.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _named(places: NDArray[np.signedinteger], names: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(places + 1, pa.int32()), pa.array(["", *names], pa.string()))
