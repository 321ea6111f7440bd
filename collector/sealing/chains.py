"""Following pointers of all spans at once, by doubling: after k rounds everybody has come 2^k steps.

A pointer that points to itself is an end. Rounds are the logarithm of the longest chain, be a trace wide or a hundred
thousand calls deep, and who has arrived costs nothing more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from collector.sealing.ordering import Bools, Column, Ints

Fold = Callable[[Column, Column], Column]


def follow(pointer: Ints, *folds: tuple[Fold, Column], longest: int | None = None) -> Ints:
    """Where each chain of pointers ends. Each column of `folds` is folded in place along the chain, own value included.

    A fold is associative, and an end's value may be folded in twice: so 0 for a sum, anything for a minimum or a
    maximum. Where there may be cycles, `longest` is the most steps a chain can take; who is on a cycle or hangs from
    one is then led to somebody on it.
    """
    pointer = pointer.copy()
    moving = np.flatnonzero(pointer != np.arange(len(pointer)))
    rounds = 64 if longest is None else longest.bit_length() + 1
    while moving.size and rounds:
        rounds -= 1
        over = pointer[moving]
        further = pointer[over]
        for fold, values in folds:
            values[moving] = fold(values[moving], values[over])
        pointer[moving] = further
        moving = moving[further != over]
    return pointer


def reach(pointer: Ints, marked: Bools) -> Bools:
    """Who is marked, or is pointed to by somebody marked, at any distance. Without cycles."""
    pointer = pointer.copy()
    marked = marked.copy()
    moving = np.flatnonzero(pointer != np.arange(len(pointer)))
    while moving.size:
        over = pointer[moving]
        further = pointer[over]
        marked[over[marked[moving]]] = True
        pointer[moving] = further
        moving = moving[further != over]
    return marked
