"""Runs the command after it with a wall clock that is off by the seconds in the file MUSTER_TEST_CLOCK.

The file is read at every look at the clock, so that a test can make it jump. Only Python's wall clock is moved: the
engine has none in what it makes of telemetry, and monotonic clocks don't jump.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from deploy.cli import main

OFFSET = Path(os.environ["MUSTER_TEST_CLOCK"])
_real = time.time_ns


def time_ns() -> int:
    return _real() + int(OFFSET.read_text() or 0) * 1_000_000_000


def now() -> float:
    return time_ns() / 1e9


if __name__ == "__main__":
    time.time_ns = time_ns
    time.time = now
    # python -m tests.faults.launcher <python> -m deploy <arguments>
    sys.argv = ["muster", *sys.argv[4:]]
    main()
