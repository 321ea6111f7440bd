"""What machine this is, and how steady it was."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory


def describe() -> str:
    """Processor, cores and memory."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GiB, Python {platform.python_version()}"


class Noise:
    """Times the same small piece of work again and again: its spread is the machine's."""

    def __init__(self) -> None:
        self._samples: list[float] = []

    def sample(self, times: int = 15) -> None:
        for _ in range(times):
            started = time.perf_counter()
            sum(number * number for number in range(200_000))
            self._samples.append(time.perf_counter() - started)

    def report(self) -> str:
        median = statistics.median(self._samples)
        low, high = min(self._samples), max(self._samples)
        return (
            f"the same work took {median * 1e3:.1f} ms (median of {len(self._samples)}), "
            f"from {low / median - 1:+.0%} to {high / median - 1:+.0%}"
        )


def main(name: str, what: str | None, measure: Callable[[Path, int, int], list[str]], rounds: int) -> int:
    """A bench over many spans, from the command line: what it measured, on which machine, and how steady that was."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.bench.{name}", description=what)
    parser.add_argument("--spans", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=rounds)
    options = parser.parse_args()
    noise = Noise()
    noise.sample()
    with TemporaryDirectory(prefix="muster-bench-") as directory:
        lines = measure(Path(directory), options.spans, options.rounds)
    noise.sample()
    sys.stdout.write("\n".join([describe(), noise.report(), *lines]) + "\n")
    return 0
