"""The pipeline against the engine's own limit, on this machine, now.

Every figure is a median of rounds, in which the configurations take turns, so that a noisy neighbour hits all alike.
The spread says how far to trust it; ratios between figures of one run are what holds elsewhere.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench import limit, pipeline, reads
from tests.bench.machine import Noise, describe

AIMS = {
    "1,000-span requests": 90_000,
    "100-span requests": 60_000,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--spans", type=int, default=2_000_000, help="spans of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--reads", type=int, default=5_000_000, help="spans that reads are measured over; 0: not")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    say(f"{describe()}; {options.rounds} rounds of {options.spans:,} spans")
    noise = Noise()
    rates: dict[str, list[float]] = defaultdict(list)
    extras: dict[str, list[float]] = defaultdict(list)
    for number in range(1, options.rounds + 1):
        noise.sample()
        for inserters in (1, 2, 3):
            with TemporaryDirectory(prefix="muster-bench-") as directory:
                name = f"limit: direct inserts, {inserters} at once"
                rates[name].append(limit.measure(Path(directory), options.spans, inserters))
            say(f"round {number}: {name}: {rates[name][-1]:,.0f} spans/s")
        for per_request, gzip in ((1000, False), (100, False), (1000, True), (100, True)):
            name = f"{per_request:,}-span requests{', gzip' if gzip else ''}"
            with TemporaryDirectory(prefix="muster-bench-") as directory:
                run = pipeline.throughput(Path(directory), options.spans, per_request, gzip=gzip, seed=number)
            rates[name].append(run.spans_per_second)
            extras[f"{name}: server peak RSS, MB"].append(run.peak_rss / 1e6)
            extras[f"{name}: server CPU s per 100k spans"].append(run.cpu_seconds / options.spans * 1e5)
            extras[f"{name}: bytes a span on disk"].append(run.disk_bytes / options.spans)
            say(f"round {number}: {name}: {rates[name][-1]:,.0f} spans/s, peak RSS {run.peak_rss / 1e6:,.0f} MB")
        noise.sample()
    tenth = statistics.median(rates["1,000-span requests"]) / 10
    for per_request in (1000, 100):
        with TemporaryDirectory(prefix="muster-bench-") as directory:
            calm = pipeline.latency(Path(directory), per_request, rate=tenth)
        label = f"{per_request:,}-span requests at a tenth of capacity"
        extras[f"{label}: ack p50, ms"].append(calm.p50_ms)
        extras[f"{label}: ack p99, ms"].append(calm.p99_ms)
    with TemporaryDirectory(prefix="muster-bench-") as directory:
        extras["low load: request to queryable, s (worst of 20)"].append(max(pipeline.freshness(Path(directory), 20)))
    report(rates, extras, noise)
    figures: dict[str, object] = {"at": time.time(), "rates": rates, "extras": extras}
    if options.reads:
        with TemporaryDirectory(prefix="muster-bench-") as directory:
            found = reads.measure(Path(directory), options.reads)
        say("\n".join(reads.report(found)))
        figures["reads"] = asdict(found)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return 0


def report(rates: dict[str, list[float]], extras: dict[str, list[float]], noise: Noise) -> None:
    best = max(statistics.median(values) for name, values in rates.items() if name.startswith("limit"))
    say(f"\n{'spans/s, first byte to all rows queryable':<52}{'median':>10}{'spread':>9}{'of limit':>10}{'aim':>9}")
    for name, values in rates.items():
        median = statistics.median(values)
        spread = (max(values) - min(values)) / median
        aim = AIMS.get(name)
        say(f"{name:<52}{median:>10,.0f}{spread:>8.0%}{median / best:>10.2f}{f'{aim:,}' if aim else '':>9}")
    say("")
    for name, values in extras.items():
        say(f"{name:<62}{statistics.median(values):>10,.2f}")
    say(f"\nmachine noise: {noise.report()}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
