"""The spool holds what it acknowledged, in batches of the right size, through failures and restarts."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from collector.errors import Overloaded, Unavailable
from collector.segment import MAGIC, Segment
from collector.signals import Signal
from collector.spool import Append
from collector.store.writer import Plan
from tests.collector.records import Opened, Told, put, record, settings
from tests.server import wait_for

PLAN = Plan("", 0, {}, "schema", "engine")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(settings(tmp_path, batch_items=10))
    yield opened
    opened.close()


def no_space(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def claimed(opened: Opened) -> Segment:
    segment = opened.spool.claim(5)
    assert segment is not None
    return segment


def everything(opened: Opened) -> list[bytes]:
    """Payloads of all that waits, in the order of batches."""
    found: list[bytes] = []
    while opened.spool.state().segments:
        segment = claimed(opened)
        kept = [r.payload for n, r in enumerate(segment.records()) if n not in segment.excluded]
        found += kept
        opened.ledger.stored(segment)
        opened.spool.finish(segment)
    return found


def plan(opened: Opened, segment: Segment) -> None:
    opened.ledger.plan(segment, replace(PLAN, batch_id=segment.name), ())


# Groups and batches


def test_requests_that_come_during_a_sync_share_the_next_one(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on, syncs = threading.Event(), threading.Event(), []
    real = os.fdatasync

    def slow(fd: int) -> None:
        syncs.append(fd)
        started.set()
        assert go_on.wait(20)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    told = Told(9)
    opened.spool.append(Append(Signal.TRACES, record(0), told))
    assert started.wait(20)
    for _ in range(8):
        opened.spool.append(Append(Signal.TRACES, record(0), told))
    assert told.errors == []
    go_on.set()
    assert told.everything.wait(20)
    assert len(syncs) == 2


def test_nobody_is_told_before_the_sync(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    told = Told(1)
    real = os.fdatasync

    def watched(fd: int) -> None:
        seen.append(len(told.errors))
        real(fd)

    monkeypatch.setattr(os, "fdatasync", watched)
    opened.spool.append(Append(Signal.TRACES, record(1), told))
    assert told.everything.wait(20)
    assert seen == [0]


def test_a_batch_is_cut_when_it_has_its_items_or_its_bytes(tmp_path: Path) -> None:
    for limits, sizes in (({"batch_items": 10}, [10, 10, 5]), ({"batch_bytes": 4000}, [4, 4, 4, 4, 4, 4, 1])):
        opened = Opened(settings(tmp_path / str(len(sizes)), **limits))
        put(opened.spool, [record(1, bytes(1000)) for _ in range(25)])
        batches = [claimed(opened) for _ in sizes]
        assert [batch.items for batch in batches] == sizes
        opened.close()


def test_a_request_larger_than_a_batch_is_one(opened: Opened) -> None:
    put(opened.spool, [record(500)])
    assert claimed(opened).items == 500


def test_a_small_batch_waits_for_its_linger_and_no_longer(tmp_path: Path) -> None:
    opened = Opened(settings(tmp_path, batch_linger=0.3))
    put(opened.spool, [record(1)])
    born = time.monotonic()
    assert opened.spool.claim(0.05) is None
    segment = claimed(opened)
    assert segment.items == 1
    assert 0.2 < time.monotonic() - born < 4
    opened.close()


def test_signals_do_not_share_a_batch(opened: Opened) -> None:
    put(opened.spool, [record(1)], Signal.LOGS)
    put(opened.spool, [record(1)], Signal.METRICS)
    assert {claimed(opened).signal, claimed(opened).signal} == {Signal.LOGS, Signal.METRICS}


# Claims


def test_a_batch_is_claimed_once_given_back_and_gone_when_finished(opened: Opened) -> None:
    put(opened.spool, [record(10), record(10)])
    first, second = claimed(opened), claimed(opened)
    assert first.name != second.name
    assert opened.spool.claim(0) is None
    opened.spool.release(first, 60)
    assert opened.spool.claim(0.05) is None
    opened.spool.release(second, 0)
    assert claimed(opened) is second
    opened.spool.finish(second)
    assert not second.path.exists()
    assert opened.spool.state().items[Signal.TRACES] == 10


# Back-pressure


@pytest.mark.parametrize(
    ("limit", "error", "words"),
    [
        ({"spool_max_bytes": 100}, Overloaded, "spool_max_bytes"),
        ({"spool_max_age": 0.001}, Unavailable, "the store is behind or down"),
        ({"spool_min_free_bytes": 1 << 60}, Unavailable, "disk is nearly full"),
    ],
)
def test_senders_are_told_why_and_when_to_come_back(
    tmp_path: Path, limit: dict[str, float], error: type[Overloaded | Unavailable], words: str
) -> None:
    opened = Opened(settings(tmp_path, **limit))
    put(opened.spool, [record(1, bytes(200))])
    wait_for(lambda: opened.spool.state().oldest > 0.002, "time goes by")
    with pytest.raises(error, match=words) as refused:
        opened.spool.check()
    assert refused.value.retry_after >= 1
    opened.close()


def test_a_closed_spool_takes_nothing_but_keeps_what_came(opened: Opened) -> None:
    put(opened.spool, [record(1, b"last")])
    opened.spool.close()
    with pytest.raises(Unavailable, match="shutting down"):
        opened.spool.append(Append(Signal.TRACES, record(1), Told(1)))
    with pytest.raises(Unavailable, match="shutting down"):
        opened.spool.check()
    opened.reopen()
    assert everything(opened) == [b"last"]


# Failing disks


def test_a_failed_write_refuses_its_group_and_the_next_goes_to_a_new_segment(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert put(opened.spool, [record(1, b"before")]) == [None]
    monkeypatch.setattr(os, "fdatasync", no_space)
    (error,) = put(opened.spool, [record(1, b"refused")])
    assert isinstance(error, Unavailable)
    assert "No space left" in str(error)
    assert "No space left" in opened.spool.problem
    monkeypatch.undo()
    assert put(opened.spool, [record(1, b"after")]) == [None]
    assert opened.spool.problem == ""
    # A nonce is a frame's number: the refused frame's is never used under its key again.
    first, second = claimed(opened), claimed(opened)
    assert [r.payload for r in first.records()] == [b"before"]
    assert [r.payload for r in second.records()] == [b"after"]
    assert first.key != second.key
    opened.reopen()
    assert sorted(everything(opened)) == [b"after", b"before"]


def test_a_segment_whose_first_write_fails_is_replaced_under_its_number_with_a_new_key(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[bytes] = []
    real = Segment.append

    def watched(self: Segment, records: list[object]) -> None:
        used.append(self.key)
        real(self, records)  # type: ignore[arg-type]

    monkeypatch.setattr(Segment, "append", watched)
    monkeypatch.setattr(os, "fdatasync", no_space)
    for _ in range(3):
        (error,) = put(opened.spool, [record(1, b"refused")])
        assert isinstance(error, Unavailable)
    monkeypatch.setattr(os, "fdatasync", os.fsync)
    assert put(opened.spool, [record(10, b"kept")]) == [None]
    assert len(set(used)) == len(used) == 4
    assert claimed(opened).name.endswith("-000000000001")
    assert opened.spool.state().segments == 1
    assert len(list((opened.settings.spool_path / "keys").iterdir())) == 1


def test_no_segment_and_no_key_is_left_by_a_disk_without_room(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    root = opened.settings.spool_path
    monkeypatch.setattr(os, "fsync", no_space)
    for _ in range(3):
        assert isinstance(put(opened.spool, [record(1)])[0], Unavailable)
    monkeypatch.undo()
    assert not [*(root / "segments").iterdir(), *(root / "keys").iterdir()]
    put(opened.spool, [record(1)])
    opened.reopen()
    assert opened.spool.lost == []


def test_an_empty_segment_that_cannot_be_removed_does_not_stop_the_writer(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fdatasync", no_space)
    monkeypatch.setattr(Segment, "destroy", no_space)
    assert isinstance(put(opened.spool, [record(1)])[0], Unavailable)
    monkeypatch.undo()
    assert opened.spool.alive
    assert put(opened.spool, [record(1, b"kept")]) == [None]
    opened.reopen()
    assert opened.spool.lost == []
    assert everything(opened) == [b"kept"]


def test_senders_hear_of_it_when_the_writer_dies_and_what_was_acknowledged_is_still_loaded(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(opened.spool, [record(1, b"kept")])

    def bug(*_: object) -> NoReturn:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Segment, "append", bug)
    (error,) = put(opened.spool, [record(1, b"never")])
    assert isinstance(error, Unavailable)
    wait_for(lambda: not opened.spool.alive, "the writer is gone")
    for refused in (opened.spool.check, lambda: put(opened.spool, [record(1)])):
        with pytest.raises(Unavailable, match="spool failed"):
            refused()
    assert [r.payload for r in claimed(opened).records()] == [b"kept"]


# After a stop


def test_what_was_acknowledged_waits_again_and_what_was_stored_goes(opened: Opened) -> None:
    put(opened.spool, [record(10, b"one"), record(10, b"two"), record(10, b"three")])
    first = claimed(opened)
    plan(opened, first)
    opened.ledger.stored(first)  # and then, before it was destroyed, a crash
    opened.reopen()
    assert not first.path.exists()
    assert everything(opened) == [b"two", b"three"]
    assert opened.spool.lost == []


def test_numbers_go_on_after_a_restart(opened: Opened) -> None:
    put(opened.spool, [record(10)])
    segment = claimed(opened)
    plan(opened, segment)
    opened.ledger.stored(segment)
    opened.spool.finish(segment)
    opened.reopen()
    put(opened.spool, [record(10)])
    assert claimed(opened).name.endswith("-000000000002")


@pytest.mark.parametrize("length", [0, 5, len(MAGIC)])
def test_a_segment_killed_before_its_first_frame_is_no_loss(opened: Opened, length: int) -> None:
    put(opened.spool, [record(10)])
    opened.close()
    root = opened.settings.spool_path
    name = f"{opened.ledger.instance}-traces-000000000002"
    (root / "keys" / name).write_bytes(bytes(range(32)))
    (root / "segments" / f"{name}.seg").write_bytes(MAGIC[:length])
    for _ in range(3):
        opened.reopen()
        put(opened.spool, [record(10)])
        assert opened.spool.lost == []
    assert opened.spool.state().items[Signal.TRACES] == 40


def test_a_key_without_a_segment_is_removed(opened: Opened) -> None:
    stray = opened.settings.spool_path / "keys" / "stray"
    stray.write_bytes(bytes(32))
    opened.reopen()
    assert not stray.exists()


def test_a_segment_somebody_removed_is_reported(opened: Opened) -> None:
    put(opened.spool, [record(10) for _ in range(3)])
    names = sorted(path.name for path in (opened.settings.spool_path / "segments").iterdir())
    opened.close()
    (opened.settings.spool_path / "segments" / names[1]).unlink()
    opened.reopen()
    assert opened.spool.lost == [names[1].removesuffix(".seg")]


def spoil_magic(path: Path) -> None:
    path.write_bytes(b"x" + path.read_bytes()[1:])


def lose_key(path: Path) -> None:
    (path.parent.parent / "keys" / path.stem).unlink()


@pytest.mark.parametrize("spoil", [spoil_magic, lose_key])
def test_an_unreadable_segment_is_set_aside_and_reported_until_somebody_looks(
    opened: Opened, spoil: Callable[[Path], None]
) -> None:
    put(opened.spool, [record(10, b"fine"), record(10, b"spoiled")])
    opened.close()
    path = sorted((opened.settings.spool_path / "segments").iterdir())[1]
    key = opened.settings.spool_path / "keys" / path.stem
    spoil(path)
    had_key = key.exists()
    for _ in range(2):
        opened.reopen()
        assert opened.spool.lost == [path.stem]
        assert path.with_suffix(".corrupt").exists()
        assert key.exists() == had_key
    assert put(opened.spool, [record(10, b"new")]) == [None]
    assert everything(opened) == [b"fine", b"new"]


def test_requests_damaged_in_the_middle_of_a_segment_are_reported(opened: Opened) -> None:
    put(opened.spool, [record(3, b"a"), record(3, b"b"), record(3, b"c")])
    opened.close()
    (path,) = (opened.settings.spool_path / "segments").iterdir()
    spoiled = bytearray(path.read_bytes())
    first = int.from_bytes(spoiled[len(MAGIC) : len(MAGIC) + 4], "little")
    spoiled[len(MAGIC) + 4 + first + 30] ^= 1
    path.write_bytes(spoiled)
    opened.reopen()
    assert opened.spool.lost == [path.stem]
    assert everything(opened) == [b"a", b"", b"c"]


def test_a_planned_segment_that_lost_its_tail_is_reported(opened: Opened) -> None:
    put(opened.spool, [record(5, b"a"), record(5, b"b")])
    plan(opened, claimed(opened))
    opened.close()
    (path,) = (opened.settings.spool_path / "segments").iterdir()
    os.truncate(path, path.stat().st_size - 1)
    opened.reopen()
    assert opened.spool.lost == [path.stem]


def test_a_refused_request_that_stayed_on_disk_is_loaded_once(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    again = record(1, b"again")
    put(opened.spool, [record(1, b"first")])
    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", no_space)
        failing.setattr(os, "ftruncate", no_space)
        assert isinstance(put(opened.spool, [again])[0], Unavailable)
    assert put(opened.spool, [again]) == [None]
    opened.reopen()
    assert sorted(everything(opened)) == [b"again", b"first"]
    assert opened.spool.recovered_digests.count(again.digest) == 1


def test_a_refused_request_that_stayed_on_disk_is_not_loaded_after_it_was_stored(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = record(1, b"again")
    put(opened.spool, [record(1, b"first")])
    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", no_space)
        failing.setattr(os, "ftruncate", no_space)
        assert isinstance(put(opened.spool, [again])[0], Unavailable)
    assert put(opened.spool, [again]) == [None]
    first, second = claimed(opened), claimed(opened)
    assert [r.payload for r in second.records()] == [b"again"]
    plan(opened, second)
    opened.ledger.stored(second)
    opened.spool.finish(second)
    opened.reopen()
    assert everything(opened) == [b"first"]
    assert opened.spool.state().segments == 0
    assert first.name != second.name
