"""The loader repeats a batch to the letter until it is stored, and no trouble ends it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from collector import loader as loader_module
from collector.loader import Loader, Redact, as_it_is
from collector.receivers.payload import batch_tail
from collector.redaction.policy import shipped
from collector.redaction.redactor import Redactor
from collector.redaction.request import RequestRedaction
from collector.selfobs import Observations
from collector.signals import Signal
from collector.store.connection import StoreError
from collector.store.writer import BLOCK_SETTINGS, InsertError, Plan, Writer
from tests.collector.records import Opened, put, record, settings, spans_record
from tests.server import wait_for


class Scripted(Writer):
    """A writer without an engine: each insert fails as the next error says, and then they succeed."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts: list[tuple[Plan, bytes]] = []
        self.stored: list[bytes] = []
        self.landed = 0
        self.counted: list[str] = []
        self.poison = b"poison"
        self.current = True

    def plan(self, batch_id: str, revision: int = 0) -> Plan:
        return Plan(batch_id, revision, BLOCK_SETTINGS, "schema", "engine")

    def is_current(self, plan: Plan) -> bool:
        return self.current

    def insert(self, signal: Signal, plan: Plan, body: Iterable[bytes]) -> None:
        whole = b"".join(body)
        self.attempts.append((plan, whole))
        if self.errors:
            raise self.errors.pop(0)
        self.stored.append(whole)

    def try_alone(self, signal: Signal, body: bytes) -> None:
        if body == self.poison:
            raise failure(117, "INCORRECT_DATA")

    def count(self, signal: Signal, batch_id: str) -> int:
        self.counted.append(batch_id)
        return self.landed


def failure(code: int, name: str) -> InsertError:
    return InsertError(DatabaseError(f"Code: {code}. near 'secret content'", code=code, name=name))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_FIRST_WAIT", "_LONGEST_WAIT", "_SET_ASIDE", "_DISK_WAIT"):
        monkeypatch.setattr(loader_module, name, 0.01)


class Loading:
    def __init__(self, opened: Opened, writer: Scripted, redact: Redact = as_it_is) -> None:
        self.opened, self.writer = opened, writer
        self.observations = Observations()
        self.loader = Loader(opened.spool, opened.ledger, writer, self.observations, threads=1, redact=redact)

    def finish(self) -> None:
        self.loader.start()
        wait_for(lambda: self.opened.spool.state().segments == 0, "everything is stored", 20)
        self.close()
        assert self.loader.state.problem == ""

    def close(self) -> None:
        self.loader.stop()
        self.observations.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(settings(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def loading(opened: Opened) -> Callable[..., Loading]:
    def make(*errors: Exception) -> Loading:
        return Loading(opened, Scripted(*errors))

    return make


def test_a_refused_batch_is_repeated_to_the_letter(opened: Opened, loading: Callable[..., Loading]) -> None:
    put(opened.spool, [record(1, b"one"), record(1, b"two")])
    load = loading(failure(241, "MEMORY_LIMIT_EXCEEDED"), failure(243, "NOT_ENOUGH_SPACE"), failure(0, "X"))
    load.finish()
    assert len(load.writer.attempts) == 4
    assert len({(plan.token, body) for plan, body in load.writer.attempts}) == 1
    (body,) = load.writer.stored
    assert body.startswith(b"onetwo")
    assert body.endswith(batch_tail(load.writer.attempts[0][0].batch_id))
    assert not list((opened.settings.spool_path / "keys").iterdir())


def test_the_plan_is_in_the_ledger_before_the_first_attempt(
    opened: Opened, loading: Callable[..., Loading], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(opened.spool, [record(1)])
    load = loading()
    seen = []
    monkeypatch.setattr(
        load.writer, "insert", lambda _, plan, __: seen.append(opened.ledger.plan_of(plan.batch_id) is not None)
    )
    load.finish()
    assert seen == [True]


def test_a_store_that_cannot_be_reached_is_waited_for(opened: Opened, loading: Callable[..., Loading]) -> None:
    put(opened.spool, [record(1)])
    load = loading(InsertError(StoreError("can't reach ClickHouse at db:8123/muster: check MUSTER_STORE_DSN")))
    load.finish()
    assert len(load.writer.stored) == 1


def test_a_loader_says_what_it_waits_for(
    opened: Opened, loading: Callable[..., Loading], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_module, "_FIRST_WAIT", 60.0)
    put(opened.spool, [record(1)])
    load = loading(failure(243, "NOT_ENOUGH_SPACE"))
    load.loader.start()
    wait_for(lambda: "NOT_ENOUGH_SPACE (code 243)" in load.loader.state.problem, "the state names the error")
    assert "secret" not in load.loader.state.problem
    assert load.loader.state.alive
    load.close()
    # Stopped while it waited: the batch waits for the next start.
    assert opened.spool.state().items[Signal.TRACES] == 1
    opened.reopen()
    again = Loading(opened, Scripted())
    again.finish()
    assert [plan.token for plan, _ in again.writer.attempts] == [plan.token for plan, _ in load.writer.attempts]


def test_poison_is_buried_with_its_error_and_the_rest_lands(opened: Opened, loading: Callable[..., Loading]) -> None:
    put(opened.spool, [record(3, b"before"), record(5, b"poison"), record(7, b"after")])
    load = loading(failure(117, "INCORRECT_DATA"))
    load.finish()
    (body,) = load.writer.stored
    assert body.startswith(b"beforeafter")
    assert [plan.revision for plan, _ in load.writer.attempts] == [0, 1]
    (letter,) = opened.ledger.dead()
    assert (letter.items, letter.error) == (5, "INCORRECT_DATA (code 117)")
    assert opened.spool.exhume(letter.name, Signal.TRACES).payload == b"poison"


def test_a_dead_letter_holds_no_secret_and_all_the_rest(opened: Opened) -> None:
    poison = spans_record(2, "write to bob@example.com")
    put(opened.spool, [record(1, b"before"), poison])
    writer = Scripted(failure(117, "INCORRECT_DATA"))
    writer.poison = poison.payload
    redact = RequestRedaction(Redactor(shipped(), "key"), str, ())
    Loading(opened, writer, redact).finish()
    (letter,) = opened.ledger.dead()
    kept = opened.spool.exhume(letter.name, Signal.TRACES)
    assert b"bob@example.com" in poison.payload
    assert b"bob@example.com" not in kept.payload
    assert kept.payload == redact(Signal.TRACES, poison.payload)
    assert replace(kept, payload=poison.payload) == poison


def test_what_is_no_request_at_all_is_kept_encrypted_and_said_to_be_as_it_came(opened: Opened) -> None:
    poison = record(5, b"poison")
    put(opened.spool, [poison])
    writer = Scripted(failure(117, "INCORRECT_DATA"))
    Loading(opened, writer, RequestRedaction(Redactor(shipped(), "k"), str, ())).finish()
    (letter,) = opened.ledger.dead()
    assert "as it came, encrypted" in letter.error
    assert opened.spool.exhume(letter.name, Signal.TRACES).payload == b"poison"
    (file,) = (opened.settings.spool_path / "dead").iterdir()
    assert b"poison" not in file.read_bytes()


def test_nothing_is_planned_anew_while_something_of_the_batch_is_in_the_tables(
    opened: Opened, loading: Callable[..., Loading]
) -> None:
    put(opened.spool, [record(5, b"poison")])
    load = loading(failure(117, "INCORRECT_DATA"))
    load.writer.landed = 2
    load.finish()
    assert [plan.revision for plan, _ in load.writer.attempts] == [0, 0]
    assert opened.ledger.dead() == []


def test_a_batch_too_old_for_the_tables_window_is_counted_before_it_is_repeated(
    opened: Opened, loading: Callable[..., Loading]
) -> None:
    put(opened.spool, [record(5)])
    segment = opened.spool.claim(5)
    assert segment is not None
    opened.ledger.plan(segment, Scripted().plan(segment.name), ())
    opened.reopen()
    load = loading()
    load.writer.current, load.writer.landed = False, 2
    load.finish()
    assert load.writer.counted == [segment.name]
    assert len(load.writer.attempts) == 1


def test_a_complete_batch_too_old_for_the_window_is_not_repeated(
    opened: Opened, loading: Callable[..., Loading]
) -> None:
    put(opened.spool, [record(5)])
    segment = opened.spool.claim(5)
    assert segment is not None
    opened.ledger.plan(segment, Scripted().plan(segment.name), ())
    opened.reopen()
    load = loading()
    load.writer.current, load.writer.landed = False, 5
    load.finish()
    assert load.writer.attempts == []
    assert opened.ledger.state_of(segment.name) == "stored"


@pytest.mark.parametrize("call", ["plan_of", "plan", "stored"])
def test_a_ledger_without_room_is_waited_for(
    opened: Opened, loading: Callable[..., Loading], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    put(opened.spool, [record(1)])
    load = loading()
    problems: list[str] = []
    real = getattr(opened.ledger, call)

    def full(*arguments: object) -> object:
        if len(problems) < 3:
            problems.append(load.loader.state.problem)
            raise sqlite3.OperationalError("database or disk is full")
        return real(*arguments)

    monkeypatch.setattr(opened.ledger, call, full)
    load.finish()
    assert "database or disk is full" in problems[-1]
    assert len({(plan.token, body) for plan, body in load.writer.attempts}) == 1
    assert opened.ledger.last_sequence(Signal.TRACES) == 1


def test_a_segment_that_cannot_be_removed_is_not_inserted_again(
    opened: Opened, loading: Callable[..., Loading], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(opened.spool, [record(1)])
    load = loading()
    tries = iter(range(100))
    real = opened.spool.finish

    def stuck(segment: object) -> None:
        if next(tries) < 2:
            raise OSError(5, "Input/output error")
        real(segment)  # type: ignore[arg-type]

    monkeypatch.setattr(opened.spool, "finish", stuck)
    load.finish()
    assert len(load.writer.attempts) == 1


def test_a_segment_changed_on_disk_is_kept_and_named(opened: Opened, loading: Callable[..., Loading]) -> None:
    put(opened.spool, [record(1, bytes(100))])
    (path,) = (opened.settings.spool_path / "segments").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    load = loading()
    load.loader.start()
    wait_for(lambda: "was changed on disk" in load.loader.state.problem, "the state names the segment")
    assert load.loader.state.alive
    path.write_bytes(whole)
    wait_for(lambda: opened.spool.state().segments == 0, "the mended segment is stored")
    load.close()


def test_a_loader_that_dies_is_seen(
    opened: Opened, loading: Callable[..., Loading], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(opened.spool, [record(1)])
    load = loading()

    def bug(*_: object) -> NoReturn:
        raise RuntimeError("a bug")

    monkeypatch.setattr(load.writer, "insert", bug)
    load.loader.start()
    wait_for(lambda: not load.loader.state.alive, "the thread is gone")
    load.close()
    assert opened.spool.state().items[Signal.TRACES] == 1
