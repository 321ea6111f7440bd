"""The critical path: what would have had to be faster for the trace to end sooner.

Walked backwards, as Jaeger and CRISP (Zhang et al., USENIX ATC 2022) do: from the end of a span go to the child that
finished last, follow it down, go on at its start with the child that had finished by then, and so to the span's
start. What lies between is the span's own.

- The spans at the top of a trace are walked like children of one span that lasts as long as the trace. What lies
  between them is nobody's.
- Of a span counts what lies within everybody above it: nobody waits for what runs on after its parent's end.
- A span of which nothing lies there is not on the path, unless it has no length itself and lies there.
- Of children that end together the longest finished last, of those the one with the smallest id.
"""

from __future__ import annotations

import numpy as np

from collector.sealing.chains import follow, reach
from collector.sealing.forest import Forest
from collector.sealing.ordering import Bools, Ints, firsts, ordered, search, totals


def critical_path(forest: Forest) -> tuple[Bools, Ints]:
    """Which spans the path goes through, and how much of it lies in the span itself and in none of its children."""
    low, high = forest.low, forest.high
    begins = np.concatenate((low, forest.extent[0]))
    ends = np.concatenate((high, forest.extent[1]))
    child = np.flatnonzero((low < high) | ((low == high) & (forest.start == forest.end)))
    parent = np.where(forest.parent[child] < 0, len(forest) + forest.trace[child], forest.parent[child])

    length = np.maximum(ends - begins, 1)
    order = ordered(parent, (high[child] - begins[parent]) / length[parent], high[child], -low[child], -child)
    child, parent = child[order], parent[order]
    taken = _taken(parent, low[child], high[child])

    critical = np.zeros(len(forest), np.bool_)
    critical[child[taken]] = True
    follow(forest.above(), (np.logical_and, critical))
    lasts = np.where(taken, high[child] - low[child], 0)
    elsewhere = totals(parent, lasts, len(ends))[: len(forest)]
    return critical, np.where(critical, high - low - elsewhere, 0)


def _taken(parent: Ints, low: Ints, high: Ints) -> Bools:
    """Which children are walked when their parent is; sorted by parent and end."""
    here = np.arange(len(parent))
    new = firsts(parent)
    begin = np.maximum.accumulate(np.where(new, here, 0))
    # Mostly the one that finished just before had finished by the start; else it is searched for.
    before = here - 1
    far = np.flatnonzero(~new & (high[before] > low))
    before[far] = search(high, begin[far], before[far], low[far], right=True) - 1
    before = np.where(before < begin, here, before)
    last = np.ones(len(parent), np.bool_)
    last[:-1] = new[1:]
    return reach(before, last)
