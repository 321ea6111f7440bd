"""A run that is killed anywhere is finished by the next, with the same end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from collector.retention.job import Retention, Running, StalePlan
from collector.retention.policy import Policy
from tests.collector.retention.shelf import GENEROUS, NOW, Shelf, days, policy

RULES = policy(
    {"agent": "archivist", "content": "60d", "metadata": "200d"},
    content="30d",
    metadata="100d",
    approvals="1y",
    rollups="1y",
)


class Killed(BaseException):
    """As if the process ended."""


class Mortal(Retention):
    """Ends before or after the given action."""

    def dies(self, action: int, *, before: bool) -> None:
        self.action, self.before = action, before

    def change(self, sql: str) -> None:
        self.action -= 1
        if self.action < 0 and self.before:
            raise Killed
        super().change(sql)
        if self.action < 0:
            raise Killed


def fill(shelf: Shelf) -> None:
    """Traces over two days, a shared message, an unnamed span on a day of its own, rows by age."""
    shelf.clear()
    shelf.number = iter(range(100))
    shelf.insert(
        "spans",
        shelf.row("a", days(120), "shared", "a1"),
        shelf.row("a", days(119), "a2", agent=""),
        shelf.row("b", days(120), "shared", "b1", agent="archivist"),
        shelf.row("c", days(40), "c1"),
    )
    shelf.log("a", days(120), "log of a")
    shelf.log("c", days(40), "log of c")
    shelf.approval("a", days(400))


def left(shelf: Shelf) -> tuple[Any, ...]:
    said = shelf.said()
    return (
        said,
        sorted(shelf.pieces()),
        shelf.everything()["otel_logs"],
        shelf.count("approvals"),
        shelf.count("otel_traces_trace_id_ts"),
    )


def removals(shelf: Shelf) -> list[tuple[Any, ...]]:
    """What the log says went, in whatever order."""
    sql = "SELECT Org, Table, Partition, Class, Rows FROM retention_removals WHERE Status = 'done' ORDER BY ALL"
    return [tuple(row) for row in shelf.store.client().query(sql).result_rows]


def broken_off_and_finished(shelf: Shelf, action: int, *, before: bool) -> tuple[Any, ...]:
    """How it is after a run died there and another one went on."""
    fill(shelf)
    mortal = Mortal(shelf.store, RULES, limits=GENEROUS)
    mortal.dies(action, before=before)
    with pytest.raises(Killed):
        mortal.run(mortal.plan(NOW))
    job = shelf.retention(RULES)
    rest = job.plan(NOW + timedelta(hours=2))
    assert rest.resumed
    job.run(rest)
    again = job.plan(NOW + timedelta(hours=2))
    assert (again.items, again.resumed) == ([], False)
    return left(shelf), removals(shelf)


def undisturbed(shelf: Shelf) -> tuple[tuple[Any, ...], int]:
    """How it is after a run, and how many actions that took."""
    fill(shelf)
    plan, removed = shelf.apply(RULES)
    assert removed == plan.items
    return (left(shelf), removals(shelf)), len({(item.table, item.partition, item.reason) for item in removed})


@pytest.mark.parametrize(("action", "before"), [(3, True)])
def test_a_run_killed_on_the_way_is_finished_by_the_next(shelf: Shelf, action: int, before: bool) -> None:
    end, actions = undisturbed(shelf)
    assert actions >= 7
    assert broken_off_and_finished(shelf, action % actions, before=before) == end


@pytest.mark.prove
def test_a_run_killed_before_or_after_any_action_is_finished_by_the_next(shelf: Shelf) -> None:
    end, actions = undisturbed(shelf)
    for action in range(actions):
        for before in (True, False):
            assert broken_off_and_finished(shelf, action, before=before) == end, (action, before)


def test_what_another_policy_left_unfinished_stays_as_it_is(shelf: Shelf) -> None:
    fill(shelf)
    job = Mortal(shelf.store, RULES, limits=GENEROUS)
    job.dies(1, before=True)
    with pytest.raises(Killed):
        job.run(job.plan(NOW))
    plan, removed = shelf.apply(Policy())
    assert (plan.resumed, removed) == (False, [])
    assert shelf.count("otel_traces") == 4


def test_the_plan_is_what_happens_and_is_recorded(shelf: Shelf) -> None:
    fill(shelf)
    job = shelf.retention(RULES)
    plan = job.plan(NOW)
    before = {item.table: shelf.count(item.table) for item in plan.items}
    assert job.run(plan.id) == plan.items
    for table, rows in before.items():
        going = sum(i.rows for i in plan.items if i.table == table and not i.reason.startswith("in rows"))
        assert shelf.count(table) == rows - going, table
    assert removals(shelf) == sorted((i.org, i.table, i.partition, i.kind.value, i.rows) for i in plan.items)
    sql = "SELECT DISTINCT Plan, PolicyId FROM retention_removals"
    assert shelf.store.client().query(sql).result_rows == [(plan.id, RULES.id)]
    assert shelf.count("retention_traces") == shelf.count("retention_borders") == 0
    with pytest.raises(StalePlan, match="plan again"):
        job.run(plan)


def test_a_part_is_dropped_only_when_all_of_it_is_due_and_inserts_wait(shelf: Shelf) -> None:
    shelf.span("a", days(120), "a1")
    shelf.span("c", days(110), "c1")
    shelf.span("b", days(110), "b1", agent="archivist")
    said: list[str] = []

    class Told(Retention):
        def change(self, sql: str) -> None:
            said.append(f"{' '.join(sql.split()[:5])} {sql.split(chr(39))[1]}, {'paused' if paused else 'running'}")
            super().change(sql)

    paused: list[int] = []

    @contextmanager
    def pause() -> Iterator[None]:
        paused.append(1)
        yield
        paused.pop()

    job = Told(shelf.store, RULES, limits=GENEROUS, paused=pause)
    job.run(job.plan(NOW))
    whole, part = f"{days(120):%Y%m%d}", f"{days(110):%Y%m%d}"
    spans = [line for line in said if " otel_traces " in line]
    assert spans == [
        f"ALTER TABLE otel_traces DROP PARTITION {whole}, paused",
        f"ALTER TABLE otel_traces DELETE IN {part}, running",
    ]
    assert all(line.endswith("paused") for line in said if " contents " in line)
    assert shelf.count("otel_traces") == 1


def test_one_run_at_a_time(shelf: Shelf) -> None:
    class Nested(Retention):
        def change(self, sql: str) -> None:
            with pytest.raises(Running):
                self.plan(NOW)
            super().change(sql)

    fill(shelf)
    job = Nested(shelf.store, RULES, limits=GENEROUS)
    assert job.run(job.plan(NOW))
