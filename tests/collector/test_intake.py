"""A request is taken in once: whoever sends it again, hangs up, or meets a failing disk."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from collector.errors import Malformed, Overloaded, Unavailable
from collector.intake import Intake
from collector.segment import Segment
from collector.selfobs import Observations
from collector.signals import Answer
from tests.collector.records import Opened, export, request, settings
from tests.server import wait_for


@dataclass
class Taking:
    opened: Opened
    observations: Observations
    intake: Intake

    def received(self) -> tuple[int, int, int]:
        """(received, to store, absorbed) of all that waits."""
        tallies = [tally for _, _, _, tally in self.opened.spool.waiting()]
        return sum(t.received for t in tallies), sum(t.items for t in tallies), sum(t.absorbed for t in tallies)


@pytest.fixture
def taking(tmp_path: Path) -> Iterator[Taking]:
    opened = Opened(settings(tmp_path))
    observations = Observations()
    yield Taking(opened, observations, Intake(opened.spool, opened.ledger, opened.settings, observations))
    opened.close()
    observations.close()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Holds every sync until it is set."""
    gate = threading.Event()
    real = os.fdatasync

    def held(fd: int) -> None:
        assert gate.wait(20)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", held)
    return gate


def test_identical_requests_at_once_are_one_stored_and_the_others_absorbed(
    taking: Taking, gate: threading.Event
) -> None:
    body = request(3)

    async def send() -> list[Answer]:
        tasks = [asyncio.create_task(taking.intake.consume(export(body))) for _ in range(5)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks)

    answers = asyncio.run(send())
    assert sorted(answer.absorbed for answer in answers) == [False, True, True, True, True]
    assert {answer.accepted for answer in answers} == {3}
    assert taking.received() == (15, 3, 12)


def test_a_repeat_is_absorbed_after_a_restart(taking: Taking) -> None:
    body = request(2)
    assert not asyncio.run(taking.intake.consume(export(body))).absorbed
    taking.opened.reopen()
    again = Intake(taking.opened.spool, taking.opened.ledger, taking.opened.settings, taking.observations)
    assert asyncio.run(again.consume(export(body))).absorbed
    assert taking.received() == (4, 2, 2)


def test_a_sender_that_hangs_up_midway_leaves_a_whole_request_that_is_recognised(
    taking: Taking, gate: threading.Event
) -> None:
    body = request(2)

    async def send() -> Answer:
        hanging = asyncio.create_task(taking.intake.consume(export(body)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        gate.set()
        return await taking.intake.consume(export(body))

    assert asyncio.run(send()).absorbed
    assert taking.received() == (4, 2, 2)


def test_a_failed_write_is_retryable_and_not_remembered(taking: Taking, monkeypatch: pytest.MonkeyPatch) -> None:
    body = request(2)

    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def send() -> list[Answer | BaseException]:
        # The second waits for the first, and then tries in its stead.
        with monkeypatch.context() as failing:
            failing.setattr(os, "fdatasync", full)
            refused = await asyncio.gather(
                *(taking.intake.consume(export(body)) for _ in range(2)), return_exceptions=True
            )
        return [*refused, await taking.intake.consume(export(body))]

    first, second, third = asyncio.run(send())
    assert isinstance(first, Unavailable)
    assert isinstance(second, Unavailable)
    assert first.retry_after >= 1
    assert "No space left" in str(first)
    assert third == Answer(2)
    assert taking.received() == (2, 2, 0)


def test_senders_hear_of_it_when_the_spool_dies_with_their_request(
    taking: Taking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> NoReturn:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Segment, "append", bug)

    async def send() -> Answer:
        return await asyncio.wait_for(taking.intake.consume(export(request(1))), 20)

    for _ in range(2):
        with pytest.raises(Unavailable, match="spool failed"):
            asyncio.run(send())
    wait_for(lambda: not taking.opened.spool.alive, "the writer is gone")


def test_a_malformed_request_leaves_nothing(taking: Taking) -> None:
    with pytest.raises(Malformed):
        asyncio.run(taking.intake.consume(export(b"\xff not protobuf")))
    assert taking.received() == (0, 0, 0)


def test_too_many_bytes_in_flight_slow_senders_down(tmp_path: Path, gate: threading.Event) -> None:
    opened = Opened(settings(tmp_path, max_in_flight_bytes=700))
    observations = Observations()
    intake = Intake(opened.spool, opened.ledger, opened.settings, observations)

    async def send() -> Answer:
        first = asyncio.create_task(intake.consume(export(request(8))))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="max_in_flight_bytes"):
            await intake.consume(export(request(8)))
        gate.set()
        await first
        return await intake.consume(export(request(8)))

    assert asyncio.run(send()).accepted == 8
    opened.close()
    observations.close()


def test_an_empty_request_is_fine_and_writes_nothing(taking: Taking) -> None:
    assert asyncio.run(taking.intake.consume(export(b""))) == Answer(0)
    assert taking.opened.spool.state().segments == 0


def test_a_ledger_without_room_to_forget_refuses_nobody(taking: Taking, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> NoReturn:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(taking.opened.ledger, "mark", full)
    monkeypatch.setattr(taking.intake._window, "turn", lambda: True)
    assert asyncio.run(taking.intake.consume(export(request(1)))).accepted == 1
