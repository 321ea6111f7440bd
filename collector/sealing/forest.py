"""The distinct spans of many traces, each pointing to its parent: a forest, whatever was sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.sealing.chains import follow
from collector.sealing.ordering import Bools, Column, Ints, firsts, ordered, search

_LATEST = 2**62
_LONGEST = 2**62 - 1


@dataclass(frozen=True, slots=True)
class Spans:
    """One row for each stored copy of a span, in any order, whole traces only.

    `trace` numbers the traces from 0 without gaps. Times are UTC nanoseconds; a start is taken as at least 1970 and at
    most 2116, a duration as at least 0 and at most 146 years, so that no sum overflows. `request` ranks the requests
    by their id. `agent` is who the span names, `response_id` the model's answer, both codes, -1 for none.
    """

    trace: Ints
    span_id: npt.NDArray[np.uint64]
    parent_id: npt.NDArray[np.uint64]
    start_ns: Ints
    duration_ns: Ints
    received_ns: Ints
    request: Ints
    agent: npt.NDArray[np.int32]
    is_model_call: Bools
    has_tokens: Bools
    response_id: npt.NDArray[np.int32]
    is_human_wait: Bools

    def __len__(self) -> int:
        return len(self.trace)


@dataclass(frozen=True, slots=True)
class Forest:
    """Distinct spans, sorted by trace and span id. All columns but the last two have one entry for each.

    `row` is where the span stands in the input, `parent` another entry or -1 for a span at the top. `low` and `high`
    are the span's interval cut to those of everybody above it: high < low when nothing is left.
    `bounds[t]` to `bounds[t + 1]` are the entries of trace t, `extent` the first start and last end of each trace.
    """

    row: Ints
    trace: Ints
    copies: Ints
    parent: Ints
    parentless: Bools
    parent_missing: Bools
    in_cycle: Bools
    depth: Ints
    start: Ints
    end: Ints
    low: Ints
    high: Ints
    bounds: Ints
    extent: tuple[Ints, Ints]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def traces(self) -> int:
        return len(self.bounds) - 1

    def above(self) -> Ints:
        """The parent of each span; of a span at the top, itself."""
        return np.where(self.parent < 0, np.arange(len(self)), self.parent)


def plant(spans: Spans) -> Forest:
    row, copies = _distinct(spans)
    trace = spans.trace[row]
    traces = int(trace[-1]) + 1 if len(trace) else 0
    bounds = np.searchsorted(trace, np.arange(traces + 1)).astype(np.int64)
    start = np.clip(spans.start_ns[row], 0, _LATEST)
    end = start + np.clip(spans.duration_ns[row], 0, _LONGEST)

    wanted = spans.parent_id[row]
    parent = _find(spans.span_id[row], wanted, bounds[trace], bounds[trace + 1])
    parentless = wanted == 0
    parent_missing = (parent < 0) & ~parentless
    parent, in_cycle = _cut_cycles(parent, start, int(np.diff(bounds).max(initial=0)))

    here = np.arange(len(row))
    depth = (parent >= 0).astype(np.int64)
    low, high = start.copy(), end.copy()
    follow(np.where(parent < 0, here, parent), (np.add, depth), (np.maximum, low), (np.minimum, high))
    filled = np.flatnonzero(np.diff(bounds))
    extent = np.zeros(traces, np.int64), np.zeros(traces, np.int64)
    if filled.size:
        extent[0][filled] = np.minimum.reduceat(start, bounds[filled])
        extent[1][filled] = np.maximum.reduceat(end, bounds[filled])
    return Forest(
        row,
        trace,
        copies,
        parent,
        parentless,
        parent_missing,
        in_cycle,
        depth,
        start,
        end,
        low,
        high,
        bounds,
        extent,
    )


def _distinct(spans: Spans) -> tuple[Ints, Ints]:
    """The row that counts of each span, sorted by trace and span id, and how many rows it has."""
    # What was received first counts. Copies that came in one request are told apart by what they say, so that the
    # order of the rows, which the engine does not promise, makes no difference.
    keys: tuple[Column, ...] = (
        spans.span_id,
        spans.received_ns,
        spans.request,
        spans.start_ns,
        spans.duration_ns,
        spans.parent_id,
        spans.agent,
        spans.response_id,
        spans.is_model_call,
        spans.has_tokens,
        spans.is_human_wait,
    )
    order = ordered(spans.trace, spans.span_id * 2.0**-64, *keys)
    counts = firsts(spans.trace[order]) | firsts(spans.span_id[order])
    first = np.flatnonzero(counts)
    return order[first], np.diff(first, append=len(order))


def _find(span_id: npt.NDArray[np.uint64], wanted: npt.NDArray[np.uint64], low: Ints, high: Ints) -> Ints:
    """Where the wanted id stands among the sorted ids from low to high, or -1."""
    found = np.full(len(wanted), -1)
    asked = np.flatnonzero(wanted)
    at = search(span_id, low[asked], high[asked], wanted[asked])
    there = at < high[asked]
    there[there] = span_id[at[there]] == wanted[asked[there]]
    found[asked[there]] = at[there]
    return found


def _cut_cycles(parent: Ints, start: Ints, longest: int) -> tuple[Ints, Bools]:
    """Parents without cycles, and who never came to a span without one: those on a cycle, and those below it.

    The span of a cycle that began first, of several the one with the smallest id, loses its parent.
    """
    above = np.where(parent < 0, np.arange(len(parent)), parent)
    led_to = follow(above, longest=longest)
    lost = parent[led_to] >= 0
    if not lost.any():
        return parent, lost
    cyclic = np.unique(led_to[lost])
    rank = np.full(len(parent), len(parent))
    rank[cyclic[np.argsort(start[cyclic], kind="stable")]] = np.arange(len(cyclic))
    least = rank.copy()
    follow(above, (np.minimum, least), longest=longest)
    parent = parent.copy()
    parent[cyclic[rank[cyclic] == least[cyclic]]] = -1
    return parent, lost
