"""Stopped at any moment, by kill -9 or SIGTERM: every acknowledged span is stored, and none twice."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from tests.faults.rig import SMALL_BATCHES, Collector, Stream, compare, load, report
from tests.server import wait_for

SPANS = 24_000
"""For each of the two senders of a round, long form."""


def interrupted(directory: Path, rounds: int, seed: int, *, spans: int = SPANS, gently: bool = False) -> None:
    """Rounds of load; in each the server is stopped at a random moment, and killed again while it recovers."""
    random = Random(seed)
    server = Collector(directory / "data", SMALL_BATCHES)
    everything: list[Stream] = []
    killed_recovering, slowest_stop, waiting = 0, 0.0, []
    server.start()
    for number in range(rounds):
        with load(server, directory, spans, seed * 1000 + number) as streams:
            everything += streams
            wait_for(lambda: all(stream.acked() for stream in streams), "the load has begun", 60)
            time.sleep(random.uniform(0, 1.5))
            if gently:
                began = time.monotonic()
                assert server.stop() == 0
                slowest_stop = max(slowest_stop, time.monotonic() - began)
            else:
                server.kill()
            waiting.append(len(list((server.data / "spool" / "segments").iterdir())))
            if not gently and number % 3 != 2:
                server.launch()
                time.sleep(random.uniform(0.5, 4))
                server.kill()
                killed_recovering += 1
            server.start()
            for stream in streams:
                stream.finish()
    server.settle(120)
    assert server.unaccounted() == 0
    assert server.stop() == 0
    figures = compare(server, everything)
    assert figures.acked == figures.sent == figures.stored == rounds * 2 * spans
    assert slowest_stop < 10
    report(
        "SIGTERM" if gently else "kill -9",
        {
            "rounds": rounds,
            "killed while recovering": killed_recovering,
            "slowest stop": round(slowest_stop, 2),
            "segments left": waiting,
            "spans": figures.stored,
        },
    )


def test_kill_9_under_load(tmp_path: Path) -> None:
    interrupted(tmp_path, 3, seed=1, spans=SPANS // 3)


def test_sigterm_under_load(tmp_path: Path) -> None:
    interrupted(tmp_path, 1, seed=2, spans=SPANS // 3, gently=True)


@pytest.mark.prove
@pytest.mark.parametrize("seed", [11, 12])
def test_kill_9_under_load_20_rounds(tmp_path: Path, seed: int) -> None:
    interrupted(tmp_path, 10, seed=seed)


@pytest.mark.prove
def test_sigterm_under_load_10_rounds(tmp_path: Path) -> None:
    interrupted(tmp_path, 10, seed=21, gently=True)


@pytest.mark.prove
def test_what_an_abandoned_sender_had_acknowledged_is_stored(tmp_path: Path) -> None:
    """The sender goes with the server: what it knows to be acknowledged must be there, the rest may be, once."""
    random = Random(31)
    server = Collector(tmp_path / "data", SMALL_BATCHES)
    everything: list[Stream] = []
    for number in range(5):
        server.start()
        with load(server, tmp_path, SPANS, 31_000 + number) as streams:
            everything += streams
            wait_for(lambda: all(stream.acked() for stream in streams), "the load has begun", 60)
            time.sleep(random.uniform(0, 1))
            server.kill()
    server.start()
    server.settle(120)
    assert server.unaccounted() == 0
    assert server.stop() == 0
    figures = compare(server, everything)
    report("abandoned", {"acknowledged": figures.acked, "stored": figures.stored, "sent": figures.sent})
