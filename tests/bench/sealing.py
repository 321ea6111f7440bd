"""How long filling and sealing take: `python -m tests.bench.sealing --spans 1000000 --against ../before`.

Measures this version and that of another checkout in turns, each in a process of its own. What runs there uses only
what `tests.bench.reads` has had from the beginning.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from collector.store.connection import Store
from collector.store.migrate import migrate
from tests.bench.machine import Noise, describe
from tests.bench.reads import Bench

ROOT = Path(__file__).parents[2]


def measure(directory: Path, spans: int) -> dict[str, float]:
    """Seconds on the clock, and of the processors."""
    bench = Bench(directory, spans)
    with Store(bench._settings) as store:
        migrate(store)
        marks = [(time.perf_counter(), time.process_time())]
        bench._fill_all(store)
        marks.append((time.perf_counter(), time.process_time()))
        bench._seal(store, bench._sealer(store, 0.001))
        marks.append((time.perf_counter(), time.process_time()))
    (began, at_first), (filled, when_filled), (sealed, at_last) = marks
    return {
        "fill": filled - began,
        "fill, CPU": when_filled - at_first,
        "seal": sealed - filled,
        "seal, CPU": at_last - when_filled,
    }


def of_version(version: Path, spans: int) -> dict[str, float]:
    """The same of a checkout."""
    with TemporaryDirectory(prefix="muster-bench-") as directory:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests" / "bench" / "sealing.py"), "--spans", str(spans), "--in", directory],
            stdout=subprocess.PIPE,
            check=True,
            cwd=version,
            env={**os.environ, "PYTHONPATH": str(version)},
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sealing", description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", type=Path, help="a checkout of another version")
    parser.add_argument("--in", type=Path, dest="directory", help="measure once, here, and write JSON")
    options = parser.parse_args()
    if options.directory:
        sys.stdout.write(json.dumps(measure(options.directory, options.spans)))
        return 0
    versions = {"before": options.against.resolve(), "now": ROOT} if options.against else {"now": ROOT}
    took: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    noise = Noise()
    for number in range(options.rounds):
        # Whoever is first in one round is last in the next.
        for name in list(versions)[:: (-1) ** number]:
            noise.sample()
            for step, seconds in of_version(versions[name], options.spans).items():
                took[step][name].append(seconds)
    lines = [f"{describe()}; {options.rounds} rounds of {options.spans:,} spans"]
    for step, found in took.items():
        medians = {name: statistics.median(seconds) for name, seconds in found.items()}
        spread = {name: (max(each) - min(each)) / medians[name] for name, each in found.items()}
        words = ", ".join(f"{name} {medians[name]:.1f} s (spread {spread[name]:.0%})" for name in medians)
        ratio = f", ratio {medians['now'] / medians['before']:.2f}" if len(medians) > 1 else ""
        lines.append(f"{step}: {words}{ratio}")
    sys.stdout.write("\n".join([*lines, noise.report()]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
