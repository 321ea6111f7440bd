"""Which model calls count for tokens and cost: instrumentations stacked on each other report one call several times.

1. A call is a wrapper when a call with tokens is below it, or, if it has none itself, when any call is below it.
2. A call without tokens that stands directly in a call with tokens (or in others without that do) is that call told
   again, unless that one is a wrapper: then it tells of others.
3. Of what remains in a trace with the same response id one counts: with tokens before without, then the deepest, then
   the first to start, then the smallest span id.
"""

from __future__ import annotations

import numpy as np

from collector.sealing.agents import Codes
from collector.sealing.chains import follow, reach
from collector.sealing.forest import Forest
from collector.sealing.ordering import Bools, firsts, ordered


def counted_calls(forest: Forest, is_call: Bools, has_tokens: Bools, response_id: Codes) -> Bools:
    counts = is_call & ~_wrappers(forest, is_call, has_tokens)
    counts &= ~_told_above(forest, is_call, has_tokens, counts)
    _one_per_response(forest, counts, has_tokens, response_id)
    return counts


def _wrappers(forest: Forest, is_call: Bools, has_tokens: Bools) -> Bools:
    here = np.arange(len(forest))
    above = forest.above()
    next_above = follow(np.where(is_call, here, above))[above]
    enclosing = np.where(is_call & is_call[next_above], next_above, here)
    inner = enclosing != here
    around_any = np.zeros(len(forest), np.bool_)
    around_any[enclosing[inner]] = True
    around_tokens = np.zeros(len(forest), np.bool_)
    around_tokens[enclosing[inner & reach(enclosing, has_tokens)]] = True
    return around_tokens | (around_any & ~has_tokens)


def _told_above(forest: Forest, is_call: Bools, has_tokens: Bools, counts: Bools) -> Bools:
    here = np.arange(len(forest))
    above = forest.above()
    outer = follow(np.where(is_call & ~has_tokens & is_call[above], above, here))
    told: Bools = (outer != here) & has_tokens[outer] & counts[outer]
    return told


def _one_per_response(forest: Forest, counts: Bools, has_tokens: Bools, response_id: Codes) -> None:
    """Clear `counts` of all but one of each trace and response."""
    call = np.flatnonzero(counts & (response_id >= 0))
    trace, response = forest.trace[call], response_id[call]
    order = ordered(
        trace,
        response * 2.0**-31,
        response,
        ~has_tokens[call],
        -forest.depth[call],
        forest.start[call],
    )
    counts[call[order[~(firsts(trace[order]) | firsts(response[order]))]]] = False
