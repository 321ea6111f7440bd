"""The verdict over a day of traffic: quiet is called quiet, and each trouble is named with where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.auth.caller import Caller, Kind
from inventory.contract import Window
from inventory.contract.incidents import Incident
from inventory.contract.people import PersonSpec
from inventory.contract.releases import Bundle, Verdict
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.incidents.looking import incident
from inventory.publishing import Publisher
from inventory.registry import agents, people, releases
from inventory.registry.change import Asking, Registry
from tests.engines import clear
from tests.inventory.incidents import traffic
from tests.inventory.incidents.traffic import TROUBLES
from tests.inventory.registry.asking import asking, ready

HOUR = timedelta(hours=1)


class Day:
    """What was sent, by trouble: each in an organisation of its own."""

    def __init__(self, store: Store, registry: Registry, now: datetime) -> None:
        self.store, self.registry, self.now = store, registry, now

    def look(self, trouble: str, window: timedelta = HOUR, now: datetime | None = None) -> Incident:
        until = now or self.now
        return incident(self.store, self.registry, _org(trouble), Window(since=until - window, until=until), until)


def _org(trouble: str) -> str:
    return f"day-{trouble}"


def _by(who: str, trouble: str, *, if_match: int | None = None) -> Asking:
    return asking(Caller(_org(trouble), f"person:{who}", Kind.LOCAL), if_match=if_match)


def _release(registry: Registry) -> str:
    """One of the drafter that was approved hours ago."""
    bundle = Bundle.model_validate(
        {"version": "2026.11.2", "parts": [{"kind": "prompt", "name": "system", "content": "Answer shortly."}]}
    )
    with registry.changing(_by("ada", "release")) as change:
        releases.put_draft(change, "drafter", bundle)
    with registry.changing(_by("ada", "release", if_match=1)) as change:
        proposed = releases.propose(change, "drafter").id
    with registry.changing(_by("grace", "release", if_match=1)) as change:
        releases.decide(change, "drafter", proposed, Verdict(decision="approve"))
    return proposed


@pytest.fixture(scope="module")
def day(scratch: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    clear(scratch)
    directory = tmp_path_factory.mktemp("day")
    clock = datetime.now(UTC).replace(second=0, microsecond=0) - 10 * HOUR
    database = Database(f"sqlite:///{directory / 'registry.sqlite'}")
    migrate.upgrade(database)
    registry = Registry(database, lambda: clock)
    for name in TROUBLES:
        with registry.changing(_by("ada", name)) as change:
            people.create_organisation(change, _org(name), name)
            people.put_person(change, "ada", PersonSpec(name="Ada"))
            agents.create(change, "drafter", ready("ada", matchers=[{"agent_name": "support-drafter"}]))
    new = _release(registry)
    sent = {_org(name): trouble for name, trouble in TROUBLES.items()}
    sent[_org("release")] = replace(TROUBLES["release"], new=new)
    now = datetime.fromtimestamp(traffic.send(scratch, Writer(scratch), directory, sent) // 10**9, UTC)
    clock = now - timedelta(minutes=26)
    with registry.changing(_by("grace", "release", if_match=1)) as change:
        releases.activate(change, "drafter", new)
    Publisher(registry, scratch).run()
    yield Day(scratch, registry, now)
    database.close()
    clear(scratch)


def test_a_quiet_day_is_called_quiet(day: Day) -> None:
    seen = day.look("quiet")
    assert seen.verdict.state == "quiet"
    assert seen.verdict.sentence.startswith("Nothing unusual: ")
    assert seen.deviations == []
    assert seen.verdict.since is None


def test_errors_after_a_release_name_it_and_when_it_went_live(day: Day) -> None:
    seen = day.look("release")
    live = seen.verdict.since
    assert seen.verdict.state == "unusual"
    went = day.now - timedelta(minutes=26)
    assert seen.verdict.sentence.startswith(
        f"Errors after release 2026.11.2 of drafter (live {went:%H:%M} UTC, person:grace): "
    )
    assert "of support-triage traces fail since" in seen.verdict.sentence
    assert live is not None
    assert abs(live - (day.now - timedelta(minutes=25))) <= timedelta(minutes=6)
    suspects = {(change.kind, change.actor) for change in seen.changes if change.suspect}
    assert suspects == {("telemetry", "telemetry"), ("agent", "person:grace")}
    assert (seen.deviations[0].kind, seen.deviations[0].within) == ("release", "drafter")
    affected = {one.agent: one for one in seen.agents}
    assert (affected["drafter"].unusual, affected["drafter"].registered) == (True, True)
    assert affected["drafter"].pager == "support"
    assert affected["drafter"].runbook == "https://runbooks.example.org/a"
    assert affected["drafter"].owner == "ada"
    assert seen.radius.traces >= affected["drafter"].failed
    assert seen.radius.requesters > 1
    assert seen.radius.environments == ["production"]


def test_a_dead_tool_is_named(day: Day) -> None:
    seen = day.look("dead")
    assert seen.verdict.sentence.startswith("Tool crm.update is dead: ")
    assert "100 % of support-triage traces fail" in seen.verdict.sentence
    assert seen.verdict.cause.startswith("tool crm.update: usually 0.")
    assert _near(seen, day.now - timedelta(minutes=20))


def test_creeping_cost_is_named_with_what_makes_it(day: Day) -> None:
    seen = day.look("cost")
    assert seen.verdict.sentence.startswith("support-triage costs more: $0.000")
    assert seen.verdict.cause.startswith("input tokens per call to gpt-4o-mini of drafter rose 2.")
    assert seen.verdict.since is not None
    assert day.now - timedelta(minutes=300) <= seen.verdict.since <= day.now - timedelta(minutes=60)


def test_a_slow_tool_is_named(day: Day) -> None:
    seen = day.look("slow")
    assert seen.verdict.sentence.startswith("support-triage is slow: p95 ")
    assert seen.verdict.cause.startswith("tool kb.search takes ")
    assert _near(seen, day.now - timedelta(minutes=40))


def test_what_stopped_is_named(day: Day) -> None:
    seen = day.look("stopped")
    assert seen.verdict.sentence.startswith("pipeline stopped: no trace began since ")
    assert _near(seen, day.now - timedelta(minutes=75), minutes=10)


def test_a_failing_model_is_named(day: Day) -> None:
    seen = day.look("model")
    assert seen.verdict.sentence.startswith("Model gpt-4o-mini fails: ")
    assert _near(seen, day.now - timedelta(minutes=30), minutes=12)


@pytest.mark.parametrize("name", [name for name in TROUBLES if name not in ("quiet", "stopped", "cost")])
def test_before_it_began_nothing_was_unusual(day: Day, name: str) -> None:
    seen = day.look(name, now=day.now - timedelta(minutes=45))
    assert seen.verdict.state in ("quiet", "blind"), seen.verdict.sentence


@pytest.mark.parametrize("minutes", [15, 60, 180])
def test_any_window_finds_the_dead_tool(day: Day, minutes: int) -> None:
    seen = day.look("dead", timedelta(minutes=minutes))
    assert any(one.kind == "tool" and one.name == "crm.update" for one in seen.deviations)
    assert len(seen.steps) > 0
    assert seen.window.until - seen.window.since == timedelta(minutes=minutes)


def test_without_telemetry_for_ten_minutes_it_says_that_it_is_blind(day: Day) -> None:
    seen = day.look("quiet", now=datetime.now(UTC) + timedelta(minutes=25))
    assert seen.verdict.state == "blind"
    assert seen.verdict.sentence.startswith("Muster is blind: no span has come in for 2")


def test_an_empty_store_says_so(day: Day) -> None:
    until = day.now
    seen = incident(day.store, day.registry, "nobody", Window(since=until - HOUR, until=until), until)
    assert (seen.verdict.state, seen.newest, seen.agents) == ("empty", None, [])
    assert all(one.now in (None, 0) for one in seen.figures)


def test_a_store_of_two_hours_has_no_usual(day: Day) -> None:
    until = day.now - timedelta(hours=24)
    seen = day.look("quiet", now=until)
    assert seen.verdict.state == "unknown"
    assert "There is no usual yet" in seen.verdict.sentence


def _near(seen: Incident, when: datetime, minutes: float = 6) -> bool:
    since = seen.verdict.since
    return since is not None and abs(since - when) <= timedelta(minutes=minutes)
