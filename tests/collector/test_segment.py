"""A segment gives back exactly what was appended, and says so when it can't."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from collector.segment import MAGIC, Corrupt, Keys, Record, Segment
from collector.signals import Signal
from tests.collector.records import record

CONTENT = b"a customer's question"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


def written(directory: Path, keys: Keys, records: Sequence[Record], name: str = "0-traces-1") -> Segment:
    segment = Segment.create(directory, keys, Signal.TRACES, name)
    for entry in records:
        segment.append([entry])
        segment.count([entry])
    segment.seal()
    return segment


def test_records_come_back_in_order(tmp_path: Path, keys: Keys) -> None:
    sent = [record(n, CONTENT * n) for n in range(1, 5)]
    segment = written(tmp_path, keys, sent)
    assert list(segment.records()) == sent
    assert list(Segment.recover(segment.path, keys, Signal.TRACES).records()) == sent
    assert segment.items == 10
    assert sum(tally.received for tally in segment.tallies.values()) == 10


def test_a_record_with_no_room_for_surprises_packs_exactly() -> None:
    sent = Record(2**63, 5, 3, 1, 1, bytes(range(16)), "örg", "agent/√", b"")
    assert Record.unpack(sent.pack()) == sent


def test_a_file_torn_at_any_byte_keeps_every_whole_frame_before(tmp_path: Path, keys: Keys) -> None:
    sent = [record(1, b"first"), record(1, b"second"), record(1, b"third")]
    segment = written(tmp_path, keys, sent)
    whole = segment.path.read_bytes()
    ends, offset = [], len(MAGIC)
    for _ in sent:
        offset += 4 + int.from_bytes(whole[offset : offset + 4], "little")
        ends.append(offset)
    assert ends[-1] == len(whole)
    for length in range(len(whole) + 1):
        segment.path.write_bytes(whole[:length])
        again = Segment.recover(segment.path, keys, Signal.TRACES)
        expected = sent[: sum(end <= length for end in ends)]
        assert [*again.records()] == expected if again.frames else not expected, f"torn at byte {length}"
        assert not again.damaged
        # The tear is gone, so that a second start reads the same.
        good = max([min(length, len(MAGIC)), *(end for end in ends if end <= length)])
        assert segment.path.stat().st_size == good


def test_every_flipped_bit_is_noticed_by_a_reader(tmp_path: Path, keys: Keys) -> None:
    segment = written(tmp_path, keys, [record(1, b"only")])
    whole = segment.path.read_bytes()
    for position in range(len(whole)):
        for bit in (1, 128):
            flipped = bytearray(whole)
            flipped[position] ^= bit
            segment.path.write_bytes(flipped)
            with pytest.raises(Corrupt):
                list(segment.records())


def test_a_frame_damaged_in_the_middle_costs_no_other_and_is_told(tmp_path: Path, keys: Keys) -> None:
    sent = [record(n, CONTENT) for n in (1, 2, 4)]
    segment = written(tmp_path, keys, sent)
    spoiled = bytearray(segment.path.read_bytes())
    second = len(MAGIC) + 4 + int.from_bytes(spoiled[len(MAGIC) : len(MAGIC) + 4], "little")
    spoiled[second + 20] ^= 1
    segment.path.write_bytes(spoiled)
    again = Segment.recover(segment.path, keys, Signal.TRACES)
    assert again.damaged == {1}
    assert again.items == 5
    kept = list(again.records())
    assert [kept[0], kept[2]] == [sent[0], sent[2]]
    assert (kept[1].items, kept[1].payload) == (0, b"")


def test_what_follows_the_planned_frames_was_refused_and_is_cut_off(tmp_path: Path, keys: Keys) -> None:
    sent = [record(1), record(1), record(1)]
    segment = written(tmp_path, keys, sent)
    again = Segment.recover(segment.path, keys, Signal.TRACES, planned=2)
    assert list(again.records()) == sent[:2]
    assert list(Segment.recover(segment.path, keys, Signal.TRACES).records()) == sent[:2]


def test_nothing_can_be_read_once_the_key_is_destroyed(tmp_path: Path, keys: Keys) -> None:
    segment = written(tmp_path, keys, [record(1, CONTENT)])
    copy = segment.path.read_bytes()
    assert CONTENT not in copy
    segment.destroy(keys)
    assert list(keys.path.iterdir()) == []
    assert not segment.path.exists()
    segment.path.write_bytes(copy)
    with pytest.raises(Corrupt, match=f"key of segment {segment.name} is missing"):
        Segment.recover(segment.path, keys, Signal.TRACES)
    segment.path.unlink()
    segment.destroy(keys)  # again is fine


def test_a_key_of_another_segment_reads_nothing(tmp_path: Path, keys: Keys) -> None:
    segment = written(tmp_path, keys, [record(1, CONTENT)])
    (keys.path / segment.name).write_bytes(bytes(32))
    assert Segment.recover(segment.path, keys, Signal.TRACES).frames == 0


def test_a_damaged_key_and_a_strange_file_are_named(tmp_path: Path, keys: Keys) -> None:
    segment = written(tmp_path, keys, [record(1)])
    (keys.path / segment.name).write_bytes(b"short")
    with pytest.raises(Corrupt, match="damaged"):
        Segment.recover(segment.path, keys, Signal.TRACES)
    other = written(tmp_path, keys, [record(1)], "0-traces-2")
    other.path.write_bytes(b"#!/bin/sh\n" * 10)
    with pytest.raises(Corrupt, match="not a spool segment"):
        Segment.recover(other.path, keys, Signal.TRACES)


def test_only_the_owner_may_read_keys_and_segments(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keys = Keys(tmp_path / "keys")
        segment = written(tmp_path, keys, [record(1)])
    finally:
        os.umask(before)
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((keys.path / segment.name).stat().st_mode) == 0o600
    assert stat.S_IMODE(segment.path.stat().st_mode) == 0o600


def test_no_key_shows_in_a_repr(tmp_path: Path, keys: Keys) -> None:
    segment = written(tmp_path, keys, [record(1)])
    shown = repr(segment) + repr(keys)
    assert repr(segment.key) not in shown
    assert segment.key.hex() not in shown


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_failed_append_leaves_the_segment_as_it_was(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    segment = Segment.create(tmp_path, keys, Signal.TRACES, "0-traces-1")
    kept = record(1, b"kept")
    segment.append([kept])
    segment.count([kept])
    size = segment.path.stat().st_size
    real_write = os.pwrite

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def half(fd: int, data: bytes, offset: int) -> int:
        if offset > size:
            return full()
        return real_write(fd, data[: len(data) // 2], offset)

    monkeypatch.setattr(os, call, half if call == "pwrite" else full)
    with pytest.raises(OSError, match="No space left"):
        segment.append([record(1, CONTENT)])
    monkeypatch.undo()
    assert segment.path.stat().st_size == size
    assert list(segment.records()) == [kept]
    assert list(Segment.recover(segment.path, keys, Signal.TRACES).records()) == [kept]


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_segment_that_cannot_be_created_leaves_nothing_behind(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    directory = tmp_path / "segments"
    directory.mkdir()
    real = getattr(os, call)
    for survived in range(4 if call == "fsync" else 2):
        calls = iter(range(100))

        def fail(*arguments: object, survived: int = survived, calls: object = calls) -> object:
            if next(calls) == survived:  # type: ignore[call-overload]
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments)

        monkeypatch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            Segment.create(directory, keys, Signal.TRACES, "0-traces-1")
        monkeypatch.undo()
        assert list(directory.iterdir()) == []
        assert list(keys.path.iterdir()) == []
    Segment.create(directory, keys, Signal.TRACES, "0-traces-1").seal()


def test_an_excluded_repeat_is_out_of_every_account(tmp_path: Path, keys: Keys) -> None:
    once = record(3)
    segment = written(tmp_path, keys, [once, replace(once, digest=bytes(range(16)))])
    segment.exclude(1, once)
    assert segment.items == 3
    assert [t.received for t in segment.tallies.values()] == [3]
