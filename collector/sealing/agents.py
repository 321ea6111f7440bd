"""Whose work a span is: the nearest agent on the way up, and the outermost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collector.sealing.chains import follow
from collector.sealing.forest import Forest

Codes = npt.NDArray[np.int32]


def agents(forest: Forest, named: Codes) -> tuple[Codes, Codes]:
    """For each span the agent it names or else the nearest above it names, and the last one found on the way up.

    -1 where nobody names one.
    """
    here = np.arange(len(forest))
    above = forest.above()
    nearest = follow(np.where(named >= 0, here, above))
    # From one span that names an agent straight to the next above it.
    next_above = nearest[above]
    outward = np.where(named[next_above] >= 0, next_above, here)
    return named[nearest], named[follow(outward)[nearest]]
