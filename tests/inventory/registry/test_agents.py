"""Agents: no change of anybody's is lost, no telemetry is two agents', nobody answers who isn't there."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from inventory import audit
from inventory.auth.roles import Role
from inventory.contract.people import PersonSpec, TeamSpec
from inventory.db.engine import Database
from inventory.db.models import Agent, Audit, Version
from inventory.registry import agents, finding, people
from inventory.registry.agents import AgentFilters
from inventory.registry.change import Registry
from inventory.registry.errors import Clash, Missing, Stale, Unconditional, Unfit
from tests.inventory.registry.asking import add, asking, person, ready, registry, spec


def _ids(
    opened: Registry, limit: int = 50, cursor: str | None = None, **filters: object
) -> tuple[list[str], str | None]:
    with opened.reading() as session:
        rows, following = agents.listed(session, "default", AgentFilters(**filters), limit, cursor)  # type: ignore[arg-type]
        return [row.id for row in rows], following


def test_an_agent_is_what_was_said_of_it_and_every_change_is_kept(database: Database) -> None:
    opened = registry(database, "alice", "bob")
    said = ready(
        "alice", backup_owner="bob", tags=["tier:1"], matchers=[{"service": "support"}],
        budgets={"money_usd": "0.000000000001"}, dependencies=[{"kind": "tool", "needs": "crm.update"}],
    )  # fmt: skip
    assert add(opened, "drafter", said) == 1
    with opened.changing(asking(if_match=1)) as change:
        agents.replace(change, "drafter", said.model_copy(update={"purpose": "drafts answers"}))
    with opened.reading() as session:
        row = agents.get(session, "default", "drafter")
        assert agents.spec_of(row) == said.model_copy(update={"purpose": "drafts answers"})
        versions = session.scalars(select(Version).where(Version.kind == "agent").order_by(Version.revision)).all()
        assert [(one.revision, one.valid_to is None, one.published) for one in versions] == [
            (1, False, False),
            (2, True, False),
        ]
        assert versions[0].valid_to == versions[1].valid_from
        actions = session.scalars(select(Audit.action).where(Audit.kind == "agent").order_by(Audit.seq)).all()
        assert actions == ["agent.create", "agent.update"]
        assert audit.verify(session).intact


def test_a_change_that_changes_nothing_is_none(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    with opened.changing(asking(if_match=1)) as change:
        assert agents.replace(change, "drafter", spec()).revision == 1


def test_a_change_must_say_what_it_was_made_for(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    for condition, error in ((None, Unconditional), (7, Stale), ('"0"', Stale)):
        with pytest.raises(error), opened.changing(asking(if_match=condition)) as change:
            agents.replace(change, "drafter", spec("Other"))
    for condition in ("*", 'W/"2", "9"'):
        with opened.changing(asking(if_match=condition)) as change:
            agents.replace(change, "drafter", spec(f"Named for {condition}"))


def test_of_changes_made_at_once_for_the_same_revision_one_is_taken(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    outcomes: list[str] = []
    ready_all = threading.Barrier(8)

    def write(number: int) -> None:
        ready_all.wait()
        try:
            with opened.changing(asking(if_match=1)) as change:
                agents.replace(change, "drafter", spec(f"Name {number}"))
            outcomes.append("taken")
        except Stale:
            outcomes.append("stale")

    _together(write, 8)
    assert sorted(outcomes) == ["stale"] * 7 + ["taken"]
    with opened.reading() as session:
        assert agents.get(session, "default", "drafter").revision == 2
        assert audit.verify(session).intact


def test_of_agents_registered_at_once_under_one_id_one_is_registered(database: Database) -> None:
    opened = registry(database)
    outcomes: list[str] = []

    def register(number: int) -> None:
        try:
            add(opened, "drafter", spec(f"Name {number}"))
            outcomes.append("taken")
        except Clash:
            outcomes.append("clash")

    _together(register, 6)
    assert sorted(outcomes) == ["clash"] * 5 + ["taken"]


def test_who_answers_for_an_agent_must_be_known_and_here(database: Database) -> None:
    opened = registry(database, "alice", "gone")
    with opened.changing(asking(if_match="*")) as change:
        people.put_person(change, "gone", PersonSpec(name="Gone", active=False))
    with pytest.raises(Unfit) as caught:
        add(opened, "drafter", spec(owner="nobody", backup_owner="gone", team="none"))
    assert [field for field, _, _ in caught.value.fields] == [
        "body.spec.owner",
        "body.spec.backup_owner",
        "body.spec.team",
    ]
    with opened.reading() as session:
        assert session.scalar(select(func.count()).select_from(Agent)) == 0
        assert session.scalar(select(func.count()).select_from(Audit).where(Audit.kind == "agent")) == 0


def test_an_agent_without_owner_runbook_and_pager_does_not_become_active(database: Database) -> None:
    opened = registry(database, "alice")
    add(opened, "drafter")
    with pytest.raises(Unfit, match="owner") as caught, opened.changing(asking(if_match=1)) as change:
        agents.move(change, "drafter", "active", "")
    assert len(caught.value.fields) == 3
    with opened.changing(asking(if_match=1)) as change:
        agents.replace(change, "drafter", ready())
    with opened.changing(asking(if_match=2)) as change:
        assert agents.move(change, "drafter", "active", "").state == "active"
    with pytest.raises(Unfit, match="pager"), opened.changing(asking(if_match=3)) as change:
        agents.replace(change, "drafter", ready().model_copy(update={"pager": ""}))


def test_states_follow_one_another_as_they_may(database: Database) -> None:
    opened = registry(database, "alice")
    add(opened, "drafter", ready())
    for state, taken in (("disabled", False), ("active", True), ("draft", False), ("retired", True), ("active", False),
                         ("draft", True)):  # fmt: skip
        try:
            with opened.changing(asking(if_match="*")) as change:
                agents.move(change, "drafter", state, "why")  # type: ignore[arg-type]
            assert taken, state
        except Clash:
            assert not taken, state


def test_the_same_telemetry_is_not_two_agents_and_both_owners_are_named(database: Database) -> None:
    opened = registry(database, "alice", "bob")
    add(opened, "one", spec(owner="alice", matchers=[{"service": "support", "agent_name": "drafter"}]))
    with pytest.raises(Clash) as caught:
        add(
            opened,
            "two",
            spec(owner="bob", matchers=[{"service": "x"}, {"service": "support", "agent_name": "drafter"}]),
        )
    assert ("alice" in caught.value.detail, "bob" in caught.value.detail) == (True, True)
    assert _ids(opened) == (["one"], None)


def test_nobody_takes_a_part_of_the_telemetry_of_an_agent_that_is_not_theirs(database: Database) -> None:
    opened = registry(database, "alice", "bob")
    add(opened, "one", spec(owner="alice", matchers=[{"service": "support"}]))
    wanted = spec(owner="bob", matchers=[{"service": "support", "agent_name": "drafter"}])
    with pytest.raises(Clash, match="take telemetry"):
        add(opened, "two", wanted, person("bob", Role.OWNER))
    add(opened, "two", wanted)  # an admin may


def test_pages_follow_each_other_whatever_comes_and_goes_between_them(database: Database) -> None:
    opened = registry(database, "alice")
    for number in range(25):
        add(opened, f"agent-{number:02}", spec(tags=["odd"] if number % 2 else []))
    first, cursor = _ids(opened, 10)
    add(opened, "agent-00a")
    add(opened, "agent-09a")
    second, cursor = _ids(opened, 10, cursor)
    third, last = _ids(opened, 10, cursor)
    assert last is None
    assert [*first, *second, *third] == sorted([*(f"agent-{number:02}" for number in range(25)), "agent-09a"])
    assert _ids(opened, 50, tag=("odd",)) == ([f"agent-{number:02}" for number in range(1, 25, 2)], None)
    page, cursor = _ids(opened, 5, tag=("odd",))
    assert (len(page), cursor is not None) == (5, True)
    for wrong in (cursor, "x", "bm90IGpzb24", "W10"):
        with pytest.raises(Unfit, match="cursor"):
            _ids(opened, 10, wrong)


def test_lists_are_filtered_by_what_people_ask(database: Database) -> None:
    opened = registry(database, "alice", "bob")
    with opened.changing(asking()) as change:
        people.put_team(change, "support", TeamSpec(name="Support", members=["alice"]))
    add(opened, "a", ready("alice", team="support", high_impact=True))
    add(opened, "b", spec(backup_owner="alice", classification="restricted"))
    add(opened, "c", spec(owner="bob", dependencies=[{"kind": "agent", "needs": "a"}]))
    with opened.changing(asking(if_match=1)) as change:
        agents.move(change, "a", "active", "")
    assert _ids(opened, owner="alice")[0] == ["a", "b"]
    assert _ids(opened, team="support")[0] == ["a"]
    assert _ids(opened, high_impact=False)[0] == ["b", "c"]
    assert _ids(opened, classification="restricted")[0] == ["b"]
    assert _ids(opened, state="active")[0] == ["a"]
    assert _ids(opened, needs="agent:a")[0] == ["c"]
    with opened.reading() as session:
        assert agents.used_by(session, "default", "a") == ["c"]
        with pytest.raises(Missing):
            agents.used_by(session, "default", "zzz")


def test_what_is_searched_is_found_by_the_beginnings_of_its_words(database: Database) -> None:
    opened = registry(database, "alice@example.org")
    add(opened, "support-drafter", spec("Answers für Kunden", purpose="Drafts refunds.", tags=["tier:1"]))
    add(opened, "crm-writer", spec("Writes the CRM", owner="alice@example.org"))

    def found(words: str) -> list[str]:
        with opened.reading() as session:
            return [one.id for one in finding.find(session, "default", words, 10)[0]]

    assert found("DRAFT") == ["support-drafter"]
    assert found("für refu") == ["support-drafter"]
    assert found("alice") == ["crm-writer", "alice@example.org"]
    assert found("tier:1") == ["support-drafter"]
    assert found("refunds crm") == []
    assert found("drafter") == ["support-drafter"]
    with pytest.raises(Unfit):
        found(" , ")


def test_organisations_see_nothing_of_each_other(database: Database) -> None:
    opened = registry(database)
    add(opened, "drafter")
    other = person("eve", Role.ADMIN, org="other")
    with opened.reading() as session, pytest.raises(Missing):
        agents.get(session, "other", "drafter")
    add(opened, "drafter", spec("Theirs"), other)
    with opened.reading() as session:
        assert agents.get(session, "default", "drafter").name == "Support drafter"
        assert [one.name for one in finding.find(session, "other", "drafter", 10)[0]] == ["Theirs"]


def _together(act: object, count: int) -> None:
    threads = [threading.Thread(target=act, args=(number,)) for number in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
