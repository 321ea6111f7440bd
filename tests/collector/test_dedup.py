"""A repeat is known by its exact bytes and its sender, for at least a window and not for ever."""

from __future__ import annotations

from dataclasses import replace

from collector.dedup import Window, digest
from collector.signals import Encoding, Method, Principal, Signal
from tests.collector.records import SENDER, export


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_digest_tells_senders_signals_encodings_and_bytes_apart() -> None:
    sent = export(b"body")
    others = [
        export(b"bodz"),
        export(b"body", Principal("acme", "agent-8", Method.TOKEN)),
        export(b"body", Principal("acme\0agent", "-7", Method.TOKEN)),
        export(b"body", signal=Signal.LOGS),
        replace(sent, encoding=Encoding.JSON),
    ]
    assert len({digest(each) for each in [sent, *others]}) == 1 + len(others)
    assert digest(sent) == digest(export(b"body", replace(SENDER)))


def test_an_item_is_remembered_for_a_window_and_forgotten_soon_after() -> None:
    clock = Clock()
    window = Window(600, clock=clock)
    window.add(b"a")
    for _ in range(600):
        clock.now += 1
        window.turn()
        assert b"a" in window
    for _ in range(180):
        clock.now += 1
        window.turn()
    assert b"a" not in window
    assert len(window) == 0


def test_an_item_added_just_before_a_turn_lasts_as_long() -> None:
    clock = Clock()
    window = Window(600, clock=clock)
    clock.now += 59.9
    window.add(b"late")
    for _ in range(599):
        clock.now += 1
        window.turn()
    assert b"late" in window


def test_digests_of_the_last_run_count_from_the_start() -> None:
    clock = Clock()
    window = Window(600, [b"known"], clock)
    clock.now += 599
    window.turn()
    assert b"known" in window


def test_a_long_silence_forgets_no_sooner_than_a_window() -> None:
    clock = Clock()
    window = Window(600, clock=clock)
    window.add(b"a")
    clock.now += 10_000
    assert window.turn()
    assert not window.turn()
