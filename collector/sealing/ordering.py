"""Sorting and searching inside groups, for a million rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
Column = npt.NDArray[Any]


def ordered(group: Ints, hint: Floats, *keys: Column) -> Ints:
    """Positions sorted by group (0 or more, few bits), then by each of `keys`, then by position.

    `hint`, from 0 to 1, must never fall within a group while the first key rises. It shares one 64-bit word with the
    group and the position, because sorting words is six times faster than sorting positions by their values. Only
    rows whose words tie are sorted by the keys.
    """
    rows = len(group)
    if rows == 0:
        return np.zeros(0, np.int64)
    position_bits = max(rows - 1, 1).bit_length()
    group_bits = max(int(group.max()), 1).bit_length()
    hint_bits = min(64 - position_bits - group_bits, 52)
    words = group.astype(np.uint64) << np.uint64(64 - group_bits)
    words |= (hint * float((1 << hint_bits) - 1)).astype(np.uint64) << np.uint64(position_bits)
    words |= np.arange(rows, dtype=np.uint64)
    words.sort()
    order = (words & np.uint64((1 << position_bits) - 1)).view(np.int64)
    words >>= np.uint64(position_bits)
    same = words[1:] == words[:-1]
    if same.any():
        tied = np.zeros(rows, np.bool_)
        tied[1:] = same
        tied[:-1] |= same
        slots = np.flatnonzero(tied)
        rows_tied = order[slots]
        by_keys = np.lexsort((rows_tied, *(key[rows_tied] for key in reversed(keys)), words[slots]))
        order[slots] = rows_tied[by_keys]
    return order


def search(values: Column, low: Ints, high: Ints, needle: Column, *, right: bool = False) -> Ints:
    """`bisect` in many slices at once: where in values[low:high], which is sorted, each needle belongs.

    Left of equal values, or right of them. Rounds: the logarithm of the longest slice.
    """
    low = low.copy()
    high = high.copy()
    open_ = np.flatnonzero(low < high)
    while open_.size:
        under, over = low[open_], high[open_]
        middle = (under + over) >> 1
        found = values[middle]
        sought = needle[open_]
        after = found <= sought if right else found < sought
        under = np.where(after, middle + 1, under)
        over = np.where(after, over, middle)
        low[open_], high[open_] = under, over
        open_ = open_[under < over]
    return low


def firsts(group: Column) -> Bools:
    """Which rows of a sorted column begin a group."""
    first = np.ones(len(group), np.bool_)
    np.not_equal(group[1:], group[:-1], out=first[1:])
    return first


def totals(group: Ints, values: Ints, groups: int) -> Ints:
    """The sum of each of `groups` groups; `group` is sorted."""
    total = np.zeros(groups, np.int64)
    if len(group):
        starts = np.flatnonzero(firsts(group))
        total[group[starts]] = np.add.reduceat(values, starts)
    return total
