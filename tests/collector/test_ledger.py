"""The ledger remembers plans to the letter, and what became of each batch."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.ledger import Dead, Ledger
from collector.segment import Segment, Sender
from collector.signals import Signal
from collector.store.writer import BLOCK_SETTINGS, Plan
from tests.collector.records import record


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def batch(number: int, *items: int, at: int | None = None) -> Segment:
    segment = Segment(f"0-traces-{number:012d}", Signal.TRACES, Path("unused"), b"")
    segment.count([record(n, received_at=at) for n in items])
    return segment


def plan(segment: Segment, revision: int = 0) -> Plan:
    return Plan(segment.name, revision, BLOCK_SETTINGS, "schema", "26.9")


def test_a_plan_comes_back_to_the_letter_after_a_restart(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger.sqlite")
    segment = batch(1, 5, 6)
    first.plan(segment, plan(segment, 2), {1, 0})
    first.close()
    again = Ledger(tmp_path / "ledger.sqlite")
    assert again.instance == first.instance
    assert again.plan_of(segment.name) == (plan(segment, 2), frozenset({0, 1}))
    assert again.planned_frames(segment.name) == 2
    assert again.state_of(segment.name) == "planned"
    assert (again.plan_of("other"), again.planned_frames("other"), again.state_of("other")) == (None, None, None)
    again.close()


def test_every_change_is_synced(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
    ledger.close()


def test_gaps_in_the_numbers_are_missing_batches(ledger: Ledger) -> None:
    for number in (3, 5, 9):
        ledger.plan(batch(number, 1), plan(batch(number)), ())
    assert ledger.missing_sequences(Signal.TRACES, {6}) == [4, 7, 8]
    assert ledger.missing_sequences(Signal.LOGS, set()) == []
    assert (ledger.last_sequence(Signal.TRACES), ledger.last_sequence(Signal.LOGS)) == (9, 0)


def test_later_plans_are_counted_whatever_the_clock_says(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    for number, jump in ((1, 0), (2, -3600), (3, 3600), (4, -7200)):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        ledger.plan(batch(number, 1), plan(batch(number)), ())
    assert [ledger.planned_after(Signal.TRACES, batch(n).name) for n in (1, 2, 3, 4)] == [3, 2, 1, 0]


def test_shares_are_of_stored_batches_in_the_hours_asked_for(ledger: Ledger) -> None:
    for number, hour in ((1, 10), (2, 11), (3, 11)):
        segment = batch(number, 4, at=hour * 3_600_000_000_000 + 5)
        ledger.plan(segment, plan(segment), ())
        if number < 3:
            ledger.stored(segment)
            ledger.stored(segment)  # told twice after a crash: the same
    (share,) = ledger.shares(11 * 3600, 12 * 3600)
    assert (share.batch_id, share.tally.received, share.tally.items) == (batch(2).name, 4, 4)
    assert len(ledger.shares(0, 1 << 40)) == 2


def test_digests_last_until_they_are_forgotten(ledger: Ledger) -> None:
    early, late = batch(1, 1, 1), batch(2, 1)
    ledger.plan(early, plan(early), ())
    ledger.stored(early)
    mark = ledger.mark()
    ledger.plan(late, plan(late), ())
    ledger.stored(late)
    assert sorted(ledger.digests()) == sorted([*early.digests, *late.digests])
    ledger.forget_digests(mark)
    assert ledger.digests() == late.digests


def test_a_batch_is_planned_with_its_dead_letters_or_not_at_all(ledger: Ledger) -> None:
    segment = batch(1, 3, 4)
    letter = Dead("0-traces-1-0", segment.name, Signal.TRACES, Sender(0, "acme", "a"), 3, "E (code 1)", 5.0)
    ledger.plan(segment, plan(segment), ())
    broken = Dead(letter.name, letter.batch_id, Signal.TRACES, letter.sender, 3, None, 5.0)  # type: ignore[arg-type]
    other = Dead("x", letter.batch_id, Signal.TRACES, letter.sender, 3, [], 5.0)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.Error):
        ledger.plan(segment, plan(segment, 1), {0}, [broken, other])
    assert ledger.plan_of(segment.name) == (plan(segment, 0), frozenset())
    assert ledger.dead() == []
    ledger.plan(segment, plan(segment, 1), {0}, [letter])
    ledger.plan(segment, plan(segment, 1), {0}, [letter])
    assert ledger.dead() == [letter]
    assert ledger.dead(since=3600) == []
    ledger.requeued(letter.name)
    assert ledger.dead() == []


def test_pruning_keeps_what_waits_and_the_newest_number(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        segment = batch(number, 1)
        ledger.plan(segment, plan(segment), ())
        if number != 2:
            ledger.stored(segment)
    assert ledger.prune(time.time() + 1) == 1
    assert ledger.state_of(batch(1).name) is None
    assert ledger.state_of(batch(2).name) == "planned"
    assert ledger.last_sequence(Signal.TRACES) == 3
