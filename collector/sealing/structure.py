"""What the spans of a trace mean together: which rows count, who called whom, whose work and whose time it was.

Pure functions over columns. What is said of a trace depends neither on the order of the rows nor on which other
traces are in the batch, and any garbage (cycles, missing parents, absurd times) gives an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from collector.sealing.agents import Codes, agents
from collector.sealing.critical_path import critical_path
from collector.sealing.forest import Forest, Spans, plant
from collector.sealing.intervals import human_wait, own_time
from collector.sealing.model_calls import counted_calls
from collector.sealing.ordering import Bools, Ints, firsts, totals

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Traces:
    """One entry for each trace, by its number. `root` is a row of the input: the first parentless span to start,
    if there is none the first of those at the top; -1 for a number without spans."""

    start_ns: Ints
    end_ns: Ints
    spans: Ints
    copies: Ints
    """Rows beyond the first of their span."""
    roots: Ints
    missing_parents: Ints
    in_cycles: Ints
    root: Ints
    critical_ns: Ints
    human_wait_ns: Ints
    depth: Ints
    """The deepest span's."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One entry for each row of the input. Rows that are not `first` hold False, 0, or -1 where that means none."""

    first: Bools
    """The row that counts of its span: received first."""
    copies: npt.NDArray[np.int32]
    """How many rows the span has."""
    parent: Ints
    """The parent's counting row; -1: none, none that is here, or cut off to end a cycle."""
    parent_missing: Bools
    in_cycle: Bools
    """On the way up comes no end: on a cycle of parents, or below one."""
    depth: npt.NDArray[np.int32]
    agent_nearest: Codes
    agent_root: Codes
    speaker: Ints
    """The row that says which agent the span belongs to; where none does, its own."""
    own_ns: Ints
    critical: Bools
    critical_ns: Ints
    counted_call: Bools
    traces: Traces


def structure(spans: Spans) -> Structure:
    forest = plant(spans)
    row = forest.row

    def by_row(values: npt.NDArray[Kind], none: int = 0) -> npt.NDArray[Kind]:
        spread = np.full(len(spans), none, values.dtype)
        spread[row] = values
        return spread

    parent = np.where(forest.parent < 0, -1, row[forest.parent])
    nearest, outermost, speaker = agents(forest, spans.agent[row])
    critical, critical_ns = critical_path(forest)
    counted = counted_calls(forest, spans.is_model_call[row], spans.has_tokens[row], spans.response_id[row])
    return Structure(
        first=by_row(np.ones(len(forest), np.bool_)),
        copies=by_row(forest.copies.astype(np.int32)),
        parent=by_row(parent, -1),
        parent_missing=by_row(forest.parent_missing),
        in_cycle=by_row(forest.in_cycle),
        depth=by_row(forest.depth.astype(np.int32)),
        agent_nearest=by_row(nearest, -1),
        agent_root=by_row(outermost, -1),
        speaker=by_row(row[speaker]),
        own_ns=by_row(own_time(forest)),
        critical=by_row(critical),
        critical_ns=by_row(critical_ns),
        counted_call=by_row(counted),
        traces=_traces(forest, critical_ns, spans.is_human_wait[row]),
    )


def _traces(forest: Forest, critical_ns: Ints, waits: Bools) -> Traces:
    def count(values: npt.NDArray[np.generic]) -> Ints:
        return totals(forest.trace, values.astype(np.int64), forest.traces)

    depth = np.zeros(forest.traces, np.int64)
    np.maximum.at(depth, forest.trace, forest.depth)
    return Traces(
        start_ns=forest.extent[0],
        end_ns=forest.extent[1],
        spans=np.diff(forest.bounds),
        copies=count(forest.copies - 1),
        roots=count(forest.parentless),
        missing_parents=count(forest.parent_missing),
        in_cycles=count(forest.in_cycle),
        root=_roots(forest),
        critical_ns=count(critical_ns),
        human_wait_ns=human_wait(forest, waits),
        depth=depth,
    )


def _roots(forest: Forest) -> Ints:
    top = np.flatnonzero(forest.parent < 0)
    top = top[np.lexsort((top, forest.start[top], ~forest.parentless[top], forest.trace[top]))]
    top = top[firsts(forest.trace[top])]
    root = np.full(forest.traces, -1)
    root[forest.trace[top]] = forest.row[top]
    return root
