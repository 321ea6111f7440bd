"""Whose work a span is: the nearest agent on the way up, and the outermost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collector.sealing.chains import follow
from collector.sealing.forest import Forest

Codes = npt.NDArray[np.int32]


def agents(forest: Forest, named: Codes) -> tuple[Codes, Codes, Codes]:
    """For each span the agent it names or else the nearest above it names, the last one found on the way up, and the
    span that names the nearest.

    -1 where nobody names one; the span that names it is the span itself then.
    """
    here = np.arange(len(forest))
    above = forest.above()
    nearest = follow(np.where(named >= 0, here, above))
    # From one span that names an agent straight to the next above it.
    next_above = nearest[above]
    outward = np.where(named[next_above] >= 0, next_above, here)
    speaker = np.where(named[nearest] >= 0, nearest, here)
    return named[nearest], named[follow(outward)[nearest]], speaker
