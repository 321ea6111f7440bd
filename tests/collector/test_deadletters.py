"""A dead letter is kept encrypted, and comes back whole when asked for."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from collector.deadletters import DeadLetters
from collector.errors import Unavailable
from collector.ledger import Dead
from collector.segment import Corrupt, Record
from collector.signals import Signal
from collector.store.writer import Plan
from tests.collector.records import Opened, put, record, settings


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(settings(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def buried(opened: Opened) -> tuple[str, Record]:
    """The name of a dead letter and what it holds; the rest of its batch is stored."""
    poison = replace(record(5, b"unreadable"), received=6, rejected=1)
    put(opened.spool, [record(1), poison])
    segment = opened.spool.claim(5)
    assert segment is not None
    name = f"{segment.name}-1"
    opened.spool.bury(name, Signal.TRACES, poison)
    letter = Dead(name, segment.name, Signal.TRACES, poison.sender, 5, "INCORRECT_DATA (code 117)", 1.0)
    opened.ledger.plan(segment, Plan(segment.name, 1, {}, "s", "e"), {1}, [letter])
    opened.ledger.stored(segment)
    opened.spool.finish(segment)
    return name, poison


def test_a_dead_letter_outlives_restarts_encrypted(opened: Opened, buried: tuple[str, Record]) -> None:
    name, poison = buried
    for _ in range(2):
        opened.reopen()
        assert opened.spool.lost == []
    assert opened.spool.exhume(name, Signal.TRACES) == poison
    assert b"unreadable" not in (opened.settings.spool_path / "dead" / f"{name}.seg").read_bytes()


def test_a_requeued_letter_waits_again_and_is_received_no_more(opened: Opened, buried: tuple[str, Record]) -> None:
    name, poison = buried
    assert DeadLetters(opened.spool, opened.ledger).requeue(name) == 5
    segment = opened.spool.claim(5)
    assert segment is not None
    (again,) = segment.records()
    assert again == replace(poison, received=0, rejected=0, digest=bytes(16))
    assert opened.ledger.dead() == []
    assert not list((opened.settings.spool_path / "dead").iterdir())
    with pytest.raises(KeyError):
        DeadLetters(opened.spool, opened.ledger).requeue(name)


def test_a_letter_stays_dead_while_the_spool_cannot_take_it(
    opened: Opened, buried: tuple[str, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(Unavailable, match="No space left"):
        DeadLetters(opened.spool, opened.ledger).requeue(buried[0])
    monkeypatch.undo()
    assert [letter.name for letter in opened.ledger.dead()] == [buried[0]]
    assert DeadLetters(opened.spool, opened.ledger).requeue(buried[0]) == 5


def test_a_letter_whose_file_is_gone_is_named(opened: Opened, buried: tuple[str, Record]) -> None:
    (opened.settings.spool_path / "dead" / f"{buried[0]}.seg").unlink()
    with pytest.raises(Corrupt, match=buried[0]):
        DeadLetters(opened.spool, opened.ledger).requeue(buried[0])


def test_a_letter_changed_on_disk_is_named(opened: Opened, buried: tuple[str, Record]) -> None:
    path = opened.settings.spool_path / "dead" / f"{buried[0]}.seg"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Corrupt, match="was changed on disk"):
        DeadLetters(opened.spool, opened.ledger).requeue(buried[0])
    assert path.read_bytes() == whole[:-1] + bytes([whole[-1] ^ 1])
    assert len(opened.ledger.dead()) == 1


def test_burying_again_after_a_crash_is_fine(opened: Opened) -> None:
    poison = record(1, b"unreadable")
    for _ in range(2):
        opened.spool.bury("0-traces-9-0", Signal.TRACES, poison)
    assert opened.spool.exhume("0-traces-9-0", Signal.TRACES) == poison
