"""How much of something is covered by intervals that may overlap: a span's own time, the time waited for people."""

from __future__ import annotations

import numpy as np

from collector.sealing.forest import Forest
from collector.sealing.ordering import Bools, Ints, firsts, ordered, totals


def own_time(forest: Forest) -> Ints:
    """What of a span's duration none of its children was running in.

    Only what lies within the span is taken of a child; children that run at once cover a moment once.
    """
    child = np.flatnonzero(forest.parent >= 0)
    parent = forest.parent[child]
    start = np.maximum(forest.start[child], forest.start[parent])
    end = np.minimum(forest.end[child], forest.end[parent])
    own = forest.end - forest.start
    return own - covered(parent, start, end, forest.start, own)


def human_wait(forest: Forest, waits: Bools) -> Ints:
    """For each trace the time in which at least one span waits for a person."""
    waiting = np.flatnonzero(waits)
    first, last = forest.extent
    return covered(forest.trace[waiting], forest.start[waiting], forest.end[waiting], first, last - first)


def covered(group: Ints, start: Ints, end: Ints, base: Ints, length: Ints) -> Ints:
    """Per group, the length of the union of its intervals, all of which lie in base to base + length of their group.

    Intervals that end before they start are none.
    """
    some = start < end
    group, start, end = group[some], start[some], end[some]
    if not len(group):
        return np.zeros(len(base), np.int64)
    order = ordered(group, (start - base[group]) / length[group], start)
    group, start, end = group[order], start[order], end[order]
    new = firsts(group)
    until = _latest_so_far(group, end, new, base, length)
    before = np.where(new, start, np.roll(until, 1))
    return totals(group, until - np.maximum(start, before), len(base))


def _latest_so_far(group: Ints, end: Ints, new: Bools, base: Ints, length: Ints) -> Ints:
    """The running maximum of `end` in each group; `group` is sorted."""
    falls = np.zeros(len(end), np.bool_)
    falls[1:] = (end[1:] < end[:-1]) & ~new[1:]
    if not falls.any():
        return end
    # A running maximum over ranks stays within its group: ranks of later groups are all higher.
    overlapping = np.zeros(len(base), np.bool_)
    overlapping[group[falls]] = True
    rows = np.flatnonzero(overlapping[group])
    group, ends = group[rows], end[rows]
    by_end = ordered(group, (ends - base[group]) / length[group], ends)
    rank = np.empty(len(rows), np.int64)
    rank[by_end] = np.arange(len(rows))
    latest = end.copy()
    latest[rows] = ends[by_end[np.maximum.accumulate(rank)]]
    return latest
