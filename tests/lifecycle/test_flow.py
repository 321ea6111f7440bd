"""Cases from idle to retired, on both databases, with a real engine and a real mail server."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.store.connection import Store
from inventory.contract import lifecycle as wire
from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.db.engine import Database
from inventory.registry import agents
from inventory.registry.errors import Clash, Forbidden
from lifecycle import deciding, plans, policies
from lifecycle.conditions import Facts
from lifecycle.enforcing import PLANNED
from lifecycle.lease import Fenced, Lease
from tests.engines import clear
from tests.lifecycle.smtp import Box
from tests.lifecycle.world import DAY, HOUR, World

_numbers = itertools.count(1)
ALICE, BOB, CAROL = "alice@example.org", "bob@example.org", "carol@example.org"


@pytest.fixture
def world(store: Store, sqlite: Database, tmp_path: Path, box: Box) -> World:
    return _world(store, sqlite, tmp_path, box)


@pytest.fixture
def each_world(store: Store, database: Database, tmp_path: Path, box: Box) -> World:
    return _world(store, database, tmp_path, box)


def _world(store: Store, database: Database, tmp_path: Path, box: Box) -> World:
    opened = World(store, database, tmp_path, box, org=f"flow-{next(_numbers)}-{database.sqlite}")
    for who in (ALICE, BOB, CAROL):
        opened.person(who)
    return opened


def decide(world: World, case: db.Case, decision: str, who: str = ALICE, **more: Any) -> db.Case:
    asked = wire.Decide.model_validate({"decision": decision, **more})
    with world.registry.changing(world.asking(who)) as change:
        return deciding.decide(change, case.id, asked)


def agreed(world: World, case: db.Case, action: str, first: str = ALICE, second: str = BOB) -> None:
    """One asks, another approves."""
    with world.registry.changing(world.asking(first)) as change:
        row = agents.get(change.session, world.org, case.agent)
        kept = change.session.get_one(db.Case, (world.org, case.id))
        planned = world.connectors.plan(world.org, Facts.of(row), PLANNED[action])
        plans.freeze(change.session, kept, planned)
        asked = deciding.request(change, case.id, wire.Ask(action=action, reason="it is not needed"))  # type: ignore[arg-type]
    with world.registry.changing(world.asking(second)) as change:
        deciding.answer(change, asked.id, wire.Verdict(approve=True))


def history(world: World, case: db.Case) -> list[str]:
    rows = world.rows(db.CaseEvent, case=case.id)
    return [row.action for row in sorted(rows, key=lambda row: row.number)]


def test_an_idle_agent_is_warned_four_times_disabled_and_retired_by_two_people(each_world: World, box: Box) -> None:
    world = each_world
    token = world.agent("drafter", ALICE, references=[{"kind": "ato", "ref": "ATO-7"}])
    world.agent("caller", ALICE, dependencies=[{"kind": "agent", "needs": "drafter"}], tags=["seldom"])
    world.policy(exclude={"tags": ["seldom"]})
    world.active("drafter")
    began = world.now

    case = world.until("disabled", "drafter")
    assert world.state("drafter") == "disabled"
    assert world.token(token).suspended_at is not None
    assert world.now - began >= 90 * DAY
    assert case.disabled_at == world.now
    subjects = [one.subject for one in box.to(ALICE)]
    assert [subject.partition(":")[0] for subject in subjects[1:4]] == ["Reminder", "Reminder", "Last warning"]
    assert "is disabled; until" in subjects[4]
    told = world.rows(db.Notice, case=case.id)
    warned = [one for one in told if one.stage in ("notice", "remind", "final")]
    assert all(one.state == "delivered" and one.response.startswith("250 2.0.0 taken as") for one in warned)
    assert {one.message for one in warned} == {one.id for one in box.to(ALICE)[:4]}

    world.days(20, each=3)
    found = world.case("drafter")
    assert found is not None
    assert found.state == "disabled", "silence never goes past what can be undone"
    assert found.blocked.startswith("two people must want it")
    escalated = [action for action in history(world, case) if action == "escalate"]
    assert len(escalated) == 4, "once a week after the review window of 30 days"

    agreed(world, case, "revoke")
    world.days(2)
    assert world.case("drafter").state == "triggers-removed"  # type: ignore[union-attr]
    assert world.token(token).revoked_at is not None
    agreed(world, case, "archive", BOB, CAROL)
    world.days(2)
    retired = world.case("drafter")
    assert retired is not None
    assert (retired.state, retired.open_key, world.state("drafter")) == ("retired", None, "retired")
    document = retired.facts["certificate"]
    assert {(one["action"], one["requested_by"], one["decided_by"]) for one in document["approvals"]} == {
        ("revoke", f"person:{ALICE}", f"person:{BOB}"), ("archive", f"person:{BOB}", f"person:{CAROL}"),
    }  # fmt: skip
    assert [(step["stage"], step["state"]) for step in document["steps"]] == [
        ("disable", "done"), ("revoke", "done"), ("archive", "done"),
    ]  # fmt: skip
    assert document["references"] == [{"kind": "ato", "ref": "ATO-7"}]
    assert document["needed_by"] == ["caller"]
    assert world.shelf.kept == [f"{world.org}/drafter"]


def test_where_nothing_archives_nothing_is_retired(world: World) -> None:
    world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    world.connectors._known.pop("archive")
    case = world.until("disabled", "drafter")
    world.days(11, each=3)
    agreed(world, case, "revoke")
    world.days(2)
    agreed(world, case, "archive")
    world.days(3)
    found = world.case("drafter")
    assert found is not None
    assert (found.state, found.blocked.partition(":")[0]) == ("triggers-removed", "nothing is set up that archives")


def test_activity_at_any_time_before_closes_the_case(world: World) -> None:
    world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    case = world.until("final", "drafter")
    world.active("drafter")
    world.pass_days(1)
    world.run()
    assert world.case("drafter").state == "restored"  # type: ignore[union-attr]
    assert history(world, case)[-1] == "restore"
    assert world.state("drafter") == "active"
    world.days(5, each=10)
    assert len(world.cases()) == 1


@pytest.mark.parametrize("decision", ["keep", "snooze", "transfer", "disable", "exempt"])
def test_each_decision_does_what_it_says(world: World, decision: str) -> None:
    token = world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    case = world.until("noticed", "drafter")
    last = case.facts["last_activity"]
    if decision == "keep":
        decide(world, case, "keep", reason="at the end of the year")
        assert world.case("drafter").state == "attested"  # type: ignore[union-attr]
        world.days(8, each=11)
        assert len(world.cases()) == 1, "its owner's word holds for 90 days"
        world.days(3)
        again = world.case("drafter")
        assert again is not None
        assert again.id != case.id
        assert again.facts["last_activity"] == last, "an owner's word is no activity"
    elif decision == "snooze":
        decide(world, case, "snooze", days=30)
        world.days(5, each=5.8)
        assert world.case("drafter").state == "noticed"  # type: ignore[union-attr]
        world.days(2)
        assert world.case("drafter").state in ("noticed", "reminded")  # type: ignore[union-attr]
        decide(world, case, "snooze", days=1)
        world.days(2)
        with pytest.raises(Clash, match="often enough"):
            decide(world, case, "snooze", days=1)
        world.until("disabled", "drafter")
    elif decision == "transfer":
        decide(world, case, "transfer", to=BOB)
        begun = world.now
        world.until("disabled", "drafter")
        assert world.now - begun >= 14 * DAY, "the new owner has the whole time"
        assert {one.to for one in world.box.received[-4:]} == {BOB}
    elif decision == "disable":
        decide(world, case, "disable")
        world.evaluator.decisions(world.org, world.lease)
        assert world.case("drafter").state == "disabled"  # type: ignore[union-attr]
        assert world.token(token).suspended_at is not None
    else:
        decide(world, case, "exempt", reason="a regulator asks for it", days=366)
        (asked,) = world.rows(db.CaseRequest, case=case.id)
        with pytest.raises(Forbidden, match="asked for it"), world.registry.changing(world.asking(ALICE)) as change:
            deciding.answer(change, asked.id, wire.Verdict(approve=True))
        with world.registry.changing(world.asking(BOB)) as change:
            deciding.answer(change, asked.id, wire.Verdict(approve=True))
        assert world.case("drafter").state == "exempt"  # type: ignore[union-attr]
        world.days(10, each=12)
        assert len(world.cases()) == 1


def test_keep_after_disabling_puts_everything_back_as_it_was(each_world: World) -> None:
    world = each_world
    token = world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    before = plain(world.token(token))
    case = world.until("disabled", "drafter")
    decide(world, case, "keep", reason="needed after all")
    assert world.case("drafter").locked == "undo"  # type: ignore[union-attr]
    run = world.evaluator.decisions(world.org, world.lease)
    assert run.actions["give-back"] == 1
    assert world.case("drafter").state == "attested"  # type: ignore[union-attr]
    assert world.state("drafter") == "active"
    assert plain(world.token(token)) == before
    assert world.evaluator.decisions(world.org, world.lease).agents == 0
    world.mail()
    assert world.box.to(ALICE)[-1].subject == "Drafter is active again"


def plain(row: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


def test_a_policy_that_only_watches_tells_nobody_and_does_nothing(world: World, box: Box) -> None:
    world.agent("drafter", ALICE)
    world.policy(enforced=False)
    world.active("drafter")
    world.days(12, each=10)
    case = world.case("drafter")
    assert case is not None
    assert (case.state, case.next_action, "only watches" in case.blocked) == ("candidate", "notice", True)
    assert not box.received
    plan = world.evaluator.plan(world.org)
    assert [(one.agent, one.action, one.now) for one in plan.planned] == [("drafter", "notice", False)]


def test_the_kill_switch_stops_enforcement_at_once_and_notices_go_on(world: World, box: Box) -> None:
    world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    with world.registry.changing(world.asking()) as change:
        policies.set_switch(change, wire.Switch(enforcement=False, reason="an incident"))
    world.days(40, each=3)
    case = world.case("drafter")
    assert case is not None
    assert (case.state, case.blocked) == ("final", "enforcement is switched off")
    assert len(box.to(ALICE)) == 4
    assert world.state("drafter") == "active"
    with world.registry.changing(world.asking()) as change:
        policies.set_switch(change, wire.Switch(enforcement=True, reason="it is over"))
    world.days(1)
    assert world.state("drafter") == "disabled"


def test_more_than_the_cap_stops_the_whole_run_before_its_first_action(world: World) -> None:
    names = [f"agent-{number}" for number in range(20)]
    for name in names:
        world.agent(name, ALICE)
    world.policy(caps={"agents": 3, "percent": 100})
    world.active(*names)
    runs = world.days(50, each=2)
    assert all(world.state(name) == "active" for name in names)
    assert runs[-1].stopped.startswith("idle-90 would disable 20 of 20 agents in one run; it may 3")
    world.policy(caps={"agents": 50, "percent": 10})
    assert "it may 2" in world.run().stopped
    world.policy(caps={"agents": 50, "percent": 100})
    assert world.run().actions["disable"] == 20


def test_without_a_heartbeat_nothing_advances_and_blind_hours_are_not_idle(
    scratch: Store, sqlite: Database, tmp_path: Path, box: Box
) -> None:
    clear(scratch)
    world = World(scratch, sqlite, tmp_path, box, beating=False)
    world.person(ALICE)
    world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    began = world.now
    world.pass_days(59)
    world.pass_days(10, beating=False)
    world.run()
    assert world.case("drafter") is None
    assert not world.evaluator.plan(world.org).planned, "of 69 days ten were dark: 59 are known"
    world.days(2)
    case = world.case("drafter")
    assert case is not None
    assert case.facts["blind_hours"] == pytest.approx(240, abs=2)
    assert case.facts["gaps"]
    assert world.until("final", "drafter").since >= began + 10 * DAY - 2 * HOUR
    world.pass_days(5, beating=False)
    for _ in range(3):
        assert not world.run().actions["disable"]
        world.mail()
    case = world.case("drafter")
    assert case is not None
    assert "the last heartbeat through the pipeline came at" in case.blocked
    case = world.until("disabled", "drafter")
    assert world.now - began >= 105 * DAY - 4 * HOUR, "the dark days come on top"


def test_a_notice_that_comes_back_goes_to_the_next_and_holds_up_what_follows(world: World, box: Box) -> None:
    world.agent("drafter", ALICE, backup_owner=BOB)
    world.policy()
    world.active("drafter")
    box.returned.add(ALICE)
    world.until("noticed", "drafter")
    assert [one.to for one in box.received] == [ALICE]
    world.days(1)
    world.days(1)
    assert [one.to for one in box.received] == [ALICE, BOB]
    case = world.until("disabled", "drafter")
    delivered = [one for one in world.rows(db.Notice, case=case.id, stage="notice") if one.state == "delivered"]
    assert [one.recipient for one in delivered] == [BOB]
    assert case.disabled_at is not None
    assert delivered[0].sent_at is not None
    assert case.disabled_at - delivered[0].sent_at >= timedelta(days=14)


def test_nobody_is_disabled_whom_nobody_could_warn(world: World, box: Box) -> None:
    world.agent("drafter", ALICE, backup_owner=BOB)
    world.policy()
    world.active("drafter")
    box.refused |= {ALICE, BOB}
    world.days(50, each=3)
    assert world.state("drafter") == "active"
    case = world.case("drafter")
    assert case is not None
    assert case.state == "noticed"
    assert case.blocked.startswith("every notice came back")


def test_an_agent_whose_people_left_goes_to_its_team_and_then_to_admins(world: World, box: Box) -> None:
    world.person("admin@example.org", admin=True)
    world.agent("drafter", ALICE)
    world.policy(PolicySpec(reason="ownerless", enforced=True, schedule=policies.DEFAULTS["ownerless-14"].schedule),
                 "ownerless-14")  # fmt: skip
    world.active("drafter")
    world.days(2)
    assert not world.cases()
    world.person(ALICE, active=False)
    world.days(1)
    case = world.until_reason("drafter", "ownerless", "disabled")
    assert {one.to for one in box.received} == {"admin@example.org"}
    assert case.disabled_at is not None


def test_an_agent_with_two_cases_is_disabled_by_one_and_given_back_whole(world: World) -> None:
    token = world.agent("drafter", ALICE)
    world.policy()
    soon = policies.DEFAULTS["violation-2"].schedule
    world.policy(PolicySpec(reason="violation", enforced=True, schedule=soon), "violation-2")
    world.active("drafter")
    idle = world.until("final", "drafter")
    with world.registry.changing(world.asking()) as change:
        reported = deciding.violation(change, "drafter", "it mailed a stranger")
        deciding.decide(change, reported.id, wire.Decide(decision="disable"))
    world.evaluator.decisions(world.org, world.lease)
    assert world.state("drafter") == "disabled"
    world.days(4)
    found = world.case("drafter")
    assert found is not None
    assert (found.id, found.state, found.blocked) == (idle.id, "final", "it is disabled already, by another case")
    with world.registry.changing(world.asking(BOB)) as change:
        deciding.decide(change, reported.id, wire.Decide(decision="keep", reason="it was a test"))
    world.evaluator.decisions(world.org, world.lease)
    assert (world.state("drafter"), world.token(token).suspended_at) == ("active", None)
    assert world.until("disabled", "drafter").id == idle.id


def test_an_agent_expires_by_its_own_date_and_by_silence_about_it(world: World) -> None:
    soon = policies.DEFAULTS["expired-14"].schedule
    spec = PolicySpec(reason="expired", enforced=True, schedule=soon, attest_every_days=200, attested_days=150)
    world.policy(spec, "expired-14")
    world.agent("dated", ALICE, end_date="2026-01-20")
    world.agent("attested", ALICE)
    world.days(7, each=3)
    assert {case.agent for case in world.cases()} == {"dated"}
    (case,) = world.cases()
    assert case.facts == {"end_date": "2026-01-20"}
    decide(world, case, "keep", reason="it got another year")
    world.days(17, each=10)
    assert {case.agent: case.state for case in world.cases()} == {"dated": "attested"}
    world.days(2, each=10)
    found = world.case("attested", "expired")
    assert found is not None
    assert found.facts == {"attested_until": "2026-07-20"}
    assert world.until_reason("attested", "expired", "disabled").disabled_at is not None
    assert world.state("dated") == "active"


def test_a_case_that_somebody_decided_meanwhile_is_left_to_the_next_run(each_world: World) -> None:
    world = each_world
    world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    case = world.until("final", "drafter")
    world.pass_days(2)
    world.mail()
    taken = _at_the_first_plan(world, lambda: decide(world, case, "keep", reason="needed"))
    with taken:
        run = world.run()
    assert not run.actions["disable"]
    assert world.state("drafter") == "active"


def _at_the_first_plan(world: World, act: Callable[[], Any]) -> Any:
    """While a run is about to act, somebody decides."""
    patched = pytest.MonkeyPatch()
    plan = world.connectors.plan

    def during(*arguments: Any) -> Any:
        patched.undo()
        act()
        return plan(*arguments)

    patched.setattr(world.connectors, "plan", during)
    return patched.context()


def test_a_leader_that_was_paused_while_another_took_over_cannot_act(each_world: World, database: Database) -> None:
    world = each_world
    world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    world.until("final", "drafter")
    world.pass_days(2)
    world.mail()
    with database.writing() as session:
        row = session.get_one(db.Lease, "lifecycle")
        row.expires_at = world.now - HOUR
    other = Lease(database, now=lambda: world.now)
    assert other.take()
    with pytest.raises(Fenced):
        world.run()
    assert world.state("drafter") == "active"
    with database.writing() as session:
        session.get_one(db.Lease, "lifecycle").expires_at = world.now - HOUR
    assert world.lease.take()
    world.run()
    assert world.state("drafter") == "disabled"
