"""A request that is sent again does nothing again, and is answered as the first time."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from inventory.auth.roles import Role
from inventory.db.engine import Database
from inventory.db.models import Agent, Answer, Audit
from inventory.registry import agents
from inventory.registry.change import KEPT_ANSWERS, Answered, Change, Registry
from inventory.registry.errors import Clash
from tests.inventory.registry.asking import add, asking, person, registry, spec


def _register(opened: Registry, name: str, key: str | None, asked: object = None, by: str = "alice") -> Answered:
    def act(change: Change) -> tuple[int, str, dict[str, str]]:
        row = agents.create(change, name, spec())
        return 201, f'{{"revision": {row.revision}}}', {"ETag": '"1"'}

    return opened.once(asking(person(by, Role.ADMIN), key=key, what="POST /v1/agents"), asked or name, act)


def _count(opened: Registry, table: type[Agent | Audit]) -> int:
    with opened.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_same_request_twice_is_done_once_and_answered_twice(database: Database) -> None:
    opened = registry(database)
    first, again = _register(opened, "a", "k1"), _register(opened, "a", "k1")
    assert again == Answered(first.status, first.body, first.headers, again=True)
    assert (_count(opened, Agent), _count(opened, Audit)) == (1, 1)


def test_a_key_that_was_used_for_something_else_is_refused(database: Database) -> None:
    opened = registry(database)
    _register(opened, "a", "k1")
    with pytest.raises(Clash, match="Idempotency-Key"):
        _register(opened, "b", "k1")
    _register(opened, "b", "k2")
    assert _count(opened, Agent) == 2


def test_keys_are_everybodys_own(database: Database) -> None:
    opened = registry(database)
    _register(opened, "a", "k1")
    assert not _register(opened, "b", "k1", by="bob").again


def test_what_failed_is_not_kept(database: Database) -> None:
    opened = registry(database)
    add(opened, "a")
    for _ in range(2):
        with pytest.raises(Clash, match="exists"):
            _register(opened, "a", "k1")
    with opened.reading() as session:
        assert session.scalar(select(func.count()).select_from(Answer)) == 0


def test_the_same_request_at_once_is_done_once(database: Database) -> None:
    opened = registry(database)
    answers: list[Answered] = []
    together = threading.Barrier(6)

    def send() -> None:
        together.wait()
        answers.append(_register(opened, "a", "k1"))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.again for answer in answers) == [False, *[True] * 5]
    assert len({answer.body for answer in answers}) == 1
    assert (_count(opened, Agent), _count(opened, Audit)) == (1, 1)


def test_answers_are_kept_for_days_and_not_for_ever(database: Database) -> None:
    opened = registry(database)
    _register(opened, "a", "k1")
    now = opened.now()
    opened.now = lambda: now + KEPT_ANSWERS + timedelta(minutes=1)
    _register(opened, "b", "k2")
    with opened.reading() as session:
        assert list(session.scalars(select(Answer.key))) == ["k2"]
