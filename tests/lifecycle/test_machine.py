"""The machine by itself, and any life that an agent may have: hypothesis lives it, and what must never be never is."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete

from collector.store.connection import Store
from collector.store.dormancy import Heartbeat
from inventory.contract import lifecycle as wire
from inventory.contract.lifecycle import Action, CaseState, PolicySpec, Schedule
from inventory.db import cases as db
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.registry.errors import Rejection
from lifecycle import deciding, policies
from lifecycle.machine import LEADS_TO, OFF, TERMINAL, Condition, Standing, Told, upcoming
from tests.engines import clear
from tests.lifecycle.smtp import Box, serving
from tests.lifecycle.test_flow import agreed
from tests.lifecycle.world import BEGIN, DAY, HOUR, World

ALICE, BOB = "alice@example.org", "bob@example.org"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
_numbers = itertools.count(1)

moments = st.integers(0, 200 * 24).map(lambda hours: NOW - timedelta(hours=hours))
told = st.builds(Told, moments, st.none() | moments, st.booleans())
states: st.SearchStrategy[CaseState] = st.sampled_from(["candidate", "noticed", "reminded", "final"])
stages: st.SearchStrategy[Action] = st.sampled_from(["notice", "remind", "final"])


@given(
    st.builds(
        Standing, states, moments, reminders=st.integers(0, 2), told=st.dictionaries(stages, told),
        snoozed_until=st.none() | moments,
    ),
    st.builds(Condition, st.booleans(), moments, st.sampled_from(["", "somebody must look"]), st.floats(0, 100)),
    st.booleans(),
)  # fmt: skip
def test_nothing_is_disabled_that_was_not_warned_in_time(case: Standing, condition: Condition, enforced: bool) -> None:
    policy = PolicySpec(reason="idle", enforced=enforced)
    coming = upcoming(policy, case, condition)
    if coming.action != "disable" or coming.blocked:
        return
    assert enforced
    assert condition.holds
    assert not condition.doubt
    assert case.snoozed_until is None
    first, last = case.told["notice"].delivered_at, case.told["final"].delivered_at
    assert first is not None
    assert last is not None
    assert coming.at is not None
    assert coming.at - first >= timedelta(days=14)
    assert coming.at - last >= timedelta(days=1)
    assert coming.at - condition.since >= timedelta(days=90)


@given(st.sampled_from(OFF), st.sets(st.sampled_from(["revoke", "archive", "exempt", "interval"])))
def test_beyond_disabled_two_people_are_needed_for_all_that_stays(state: CaseState, approved: set[str]) -> None:
    case = Standing(state, NOW, disabled_at=NOW, approved=frozenset(approved))
    coming = upcoming(PolicySpec(reason="idle"), case, Condition(True, NOW))
    assert coming.action is not None
    assert LEADS_TO[coming.action] not in TERMINAL - {"retired"}
    if coming.action in ("revoke", "archive"):
        assert bool(coming.blocked) == (coming.action not in approved)


@given(st.lists(st.integers(0, 500), unique=True, max_size=60), st.integers(0, 400), st.integers(1, 100))
def test_blind_time_and_its_gaps_are_the_hours_without_a_heartbeat(heard: list[int], begin: int, length: int) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    beat = Heartbeat([first + number * HOUR for number in sorted(heard)], first)
    since, until = first + begin * HOUR, first + (begin + length) * HOUR
    expected = sum(number not in heard for number in range(begin, begin + length))
    assert beat.blind(since, until) == expected * HOUR
    assert sum((end - start for start, end in beat.gaps(since, until)), timedelta()) == expected * HOUR


def test_a_schedule_that_would_disable_without_time_to_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody is disabled without a warning"):
        Schedule(candidate=5, notice=10, reminders=[], final=10, disable=10)
    with pytest.raises(ValueError, match="must not come before"):
        Schedule(candidate=60, notice=50)


class Lives(RuleBasedStateMachine):
    """One agent, whatever may happen to it, on a real engine, database and mail server."""

    store: Store
    database: Database
    box: Box

    def __init__(self) -> None:
        super().__init__()
        clear(self.store)
        with self.database.writing() as session:
            session.execute(delete(db.Lease))
        self.box.refused.clear()
        self.box.returned.clear()
        self._folder = tempfile.TemporaryDirectory()
        org = f"lives-{next(_numbers)}"
        self.world = World(self.store, self.database, Path(self._folder.name), self.box, org, beating=False)
        self.did = [BEGIN]
        self.dark: list[tuple[datetime, datetime]] = []
        self.beating = True
        self.enforced = True
        self.owner = ALICE
        for who in (ALICE, BOB):
            self.world.person(who)
        self.world.person("admin@example.org", admin=True)
        self.token = self.world.agent("drafter", ALICE, backup_owner=BOB)
        self.world.policy()
        self.world.beats(BEGIN - DAY, BEGIN + HOUR)
        self.world.active("drafter")
        self._step(40)

    def teardown(self) -> None:
        self._folder.cleanup()

    def _step(self, days: float) -> None:
        begin = self.world.now
        self.world.pass_days(days, beating=self.beating)
        if not self.beating:
            self.dark.append((begin, self.world.now))
        self.world.run()
        self.world.mail()
        self.world.evaluator.decisions(self.world.org, self.world.lease)

    @rule(days=st.integers(1, 25))
    def time_goes_by(self, days: int) -> None:
        for _ in range(days // 6):
            self._step(6)
        self._step(days % 6 or 0.5)

    @rule()
    def the_agent_works(self) -> None:
        if self.world.state("drafter") == "active" and self.beating:
            self.did.append(self.world.now)
            self.world.active("drafter")

    @rule(dark=st.booleans())
    def the_pipeline_breaks_or_is_mended(self, dark: bool) -> None:
        self.beating = not dark

    @rule(who=st.sampled_from([ALICE, BOB]), gone=st.booleans())
    def a_mailbox_is_gone_or_back(self, who: str, gone: bool) -> None:
        (self.box.returned.add if gone else self.box.returned.discard)(who)

    @rule(on=st.booleans())
    def somebody_uses_the_kill_switch(self, on: bool) -> None:
        self.enforced = on
        with self.world.registry.changing(self.world.asking()) as change:
            policies.set_switch(change, wire.Switch(enforcement=on, reason="a drill"))

    @precondition(lambda self: self.world.case("drafter") is not None)
    @rule(decision=st.sampled_from(["keep", "snooze", "transfer", "retire", "exempt"]))
    def somebody_decides(self, decision: str) -> None:
        case = self.world.case("drafter")
        assert case is not None
        known: dict[str, dict[str, Any]] = {"transfer": {"to": BOB}, "snooze": {"days": 5}}
        more = known.get(decision, {"reason": "we say so"})
        try:
            with self.world.registry.changing(self.world.asking(ALICE)) as change:
                deciding.decide(change, case.id, wire.Decide.model_validate({"decision": decision, **more}))
        except Rejection:
            return
        self.world.evaluator.decisions(self.world.org, self.world.lease)

    @precondition(lambda self: any(one.next_action in ("revoke", "archive") for one in self.world.cases()))
    @rule()
    def two_people_want_it_gone(self) -> None:
        case = next(one for one in self.world.cases() if one.next_action in ("revoke", "archive"))
        assert case.next_action is not None
        try:
            agreed(self.world, case, case.next_action)
        except Rejection:
            return

    @invariant()
    def what_must_never_be_never_is(self) -> None:
        world = self.world
        for case in world.cases():
            told = world.rows(db.Notice, case=case.id)
            asked = [one for one in world.rows(db.CaseRequest, case=case.id) if one.approved]
            events = [one.action for one in world.rows(db.CaseEvent, case=case.id)]
            assert case.open_key is None or case.state not in TERMINAL
            if case.disabled_at is not None and "ordered" not in events and "retire-asked" not in events:
                last = max(at for at in self.did if at <= case.disabled_at)
                dark = sum(
                    (max(timedelta(), min(end, case.disabled_at) - max(start, last)) for start, end in self.dark),
                    timedelta(),
                )
                assert case.disabled_at - last - dark >= 90 * DAY - 2 * HOUR * (1 + len(self.dark))
                assert {one.stage for one in told if one.state == "delivered"} >= {"notice", "final"}
            if case.state in ("credentials-revoked", "triggers-removed", "archived", "retired"):
                assert any(one.action == "revoke" for one in asked)
                assert world.token(self.token).revoked_at is not None
            assert all(one.requested_by != one.decided_by for one in asked)
        opened = [case for case in world.cases() if case.open_key is not None]
        assert len(opened) <= 1
        off = any(case.state in OFF for case in opened)
        if world.state("drafter") == "active" and not any(case.locked for case in opened):
            assert world.token(self.token).suspended_at is None
            assert not off


@pytest.fixture
def lives(scratch: Store, tmp_path: Path) -> Iterator[type[Lives]]:
    with ExitStack() as stack:
        database = Database(f"sqlite:///{tmp_path / 'registry.sqlite'}")
        stack.callback(database.close)
        migrate.upgrade(database)
        box = stack.enter_context(serving())
        yield type("TheseLives", (Lives,), {"store": scratch, "database": database, "box": box})


def _lived(lives: type[Lives], examples: int, steps: int, *, fixed: bool) -> None:
    run_state_machine_as_test(
        lives,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=fixed,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate] if fixed else [Phase.generate, Phase.shrink],
        ),
    )


def test_any_life_of_an_agent_keeps_the_rails(lives: type[Lives]) -> None:
    _lived(lives, examples=1, steps=15, fixed=True)


@pytest.mark.prove
def test_many_lives_of_an_agent_keep_the_rails(lives: type[Lives]) -> None:
    _lived(lives, examples=60, steps=40, fixed=False)
