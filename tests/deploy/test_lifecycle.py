"""The lifecycle's commands against a running API."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from collector.store.connection import Store
from deploy.cli import app
from inventory.audit import head
from inventory.auth.authenticator import Authenticator
from inventory.auth.roles import Role
from inventory.client import Conflict, InventoryClient, NotAllowed
from inventory.contract.lifecycle import Ask, Verdict
from inventory.contract.people import NewToken, RoleGiven, Roles
from inventory.db.models import Token
from inventory.registry import agents, people, tokens
from inventory.services import Inventory
from tests.inventory.access import inventory
from tests.inventory.registry.asking import add, asking, ready, registry
from tests.inventory.serving import served
from tests.inventory.whole import whole_app

_SECRET = "muster-admin_of-these-commands"
_numbers = itertools.count(1)
Run = Callable[..., str]


@pytest.fixture(scope="module")
def services(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Inventory]]:
    directory = tmp_path_factory.mktemp("lifecycle")
    database = inventory(directory).registry.database
    built = inventory(directory, Authenticator(database, admin=tokens.digest_of(_SECRET)), database, store)
    registry(database, "alice", "bob")
    with served(whole_app(store, built)) as url:
        yield url, built


@pytest.fixture
def agent(services: tuple[str, Inventory]) -> str:
    """An active one with a case: somebody reported it."""
    name = f"drafter-{next(_numbers)}"
    add(services[1].registry, name, ready("alice"))
    with services[1].registry.changing(asking(if_match="*")) as change:
        agents.move(change, name, "active", "")
    return name


@pytest.fixture
def run(services: tuple[str, Inventory], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MUSTER_API_URL", services[0])
    monkeypatch.setenv("MUSTER_API_TOKEN", _SECRET)

    def invoke(*arguments: str, code: int = 0, **more: Any) -> str:
        result = CliRunner().invoke(app, list(arguments), **more)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def reported(run: Run, agent: str) -> str:
    said = json.loads(run("lifecycle", "violation", agent, "--reason", "it mailed a stranger", "--json"))
    case: str = said["id"]
    return case


def test_policies_are_data_that_only_watch_until_they_are_enforced(run: Run, tmp_path: Path) -> None:
    assert re.search(r"idle-90\s+idle\s+only watches\s+60 / 76 / 90 days", run("lifecycle", "policy", "list"))
    given = yaml.safe_load(run("lifecycle", "policy", "show", "idle-90"))
    given["schedule"]["disable"] = 120
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(given))
    assert "idle-90 is at version 2" in run("lifecycle", "policy", "put", "idle-90", "-f", str(file))
    assert "idle-90 is enforced (version 3)" in run("lifecycle", "policy", "enforce", "idle-90")
    assert "only watches (version 4)" in run("lifecycle", "policy", "enforce", "idle-90", "--off")
    with pytest.raises(Conflict, match="There is a policy for this reason"):
        run("lifecycle", "policy", "put", "another", "-f", str(file))
    assert "use one of expired-14, idle-90" in run("lifecycle", "policy", "show", "nothing", code=2)


def test_a_reported_agent_has_a_case_that_people_decide(run: Run, agent: str) -> None:
    case = reported(run, agent)
    listed = run("lifecycle", "cases", "--agent", agent)
    assert re.search(rf"{case}\s+{agent}\s+violation\s+candidate", listed)
    shown = run("lifecycle", "show", case)
    assert "it mailed a stranger" in shown
    assert "the policy only watches" in shown
    assert "snooze" in run("lifecycle", "decide", case, "snooze", "--days", "5")
    held = json.loads(run("lifecycle", "hold", case, "--reason", "a court asks", "--json"))
    assert (held["held"], held["status"]) == (True, "snoozed")
    assert json.loads(run("lifecycle", "hold", case, "--end", "--reason", "settled", "--json"))["held"] is False
    ordered = json.loads(run("lifecycle", "decide", case, "disable", "--json"))
    assert (ordered["next_action"], ordered["state"]) == ("disable", "candidate")
    with pytest.raises(Conflict, match="case already"):
        run("lifecycle", "violation", agent, "--reason", "again")
    with pytest.raises(Conflict, match="no certificate yet"):
        run("lifecycle", "certificate", case)


def test_what_one_asks_for_another_approves(run: Run, agent: str, services: tuple[str, Inventory]) -> None:
    url, built = services
    secrets = {who: _token(built, who) for who in ("alice", "bob")}
    case = reported(run, agent)
    with InventoryClient(url, secrets["alice"]) as alice, InventoryClient(url, secrets["bob"]) as bob:
        asked = alice.ask_case(case, Ask(action="exempt", reason="a regulator wants it"))
        with pytest.raises(NotAllowed, match="Somebody else must decide"):
            alice.answer_request(asked.id, Verdict(approve=True))
        assert bob.answer_request(asked.id, Verdict(approve=True)).decided_by == "person:bob"
        assert bob.get_case(case).state == "exempt"
        with pytest.raises(Conflict, match="decided it"):
            bob.answer_request(asked.id, Verdict(approve=False))
    shown = run("lifecycle", "show", case)
    assert "exempt, asked by person:alice, approved by person:bob" in shown


def _token(built: Inventory, who: str) -> str:
    with built.registry.changing(asking(if_match="*")) as change:
        people.put_roles(change, who, Roles(roles=[RoleGiven(role=Role.ADMIN)]))
        _, secret = tokens.issue(change, NewToken(kind="person", name="scripts", person=who))
    return secret


def test_the_kill_switch_is_one_command_and_says_who_used_it(run: Run) -> None:
    assert "enforcement is off" in run("lifecycle", "stop", "--reason", "an incident")
    assert "local:admin stopped all enforcement (an incident)" in run("lifecycle", "policy", "list")
    assert "enforcement is on" in run("lifecycle", "go", "--reason", "it is over")


def test_jobs_are_listed_and_run_dry(run: Run) -> None:
    assert "no process acts now" in run("jobs", "list")
    dry = json.loads(run("jobs", "run", "evaluate", "--dry-run"))
    assert dry["outcome"] == "dry-run"
    assert all(one["action"] == "disable" for one in dry["summary"]["would"])
    assert "evaluate is asked for" in run("jobs", "run", "evaluate")


def test_plan_and_impact_change_nothing(run: Run, agent: str, services: tuple[str, Inventory]) -> None:
    case = reported(run, agent)
    before = _audited(services[1])
    assert re.search(rf"{agent}\s+violation\s+notice\s+.*only watches", run("lifecycle", "plan"))
    planned = json.loads(run("lifecycle", "plan", "--json"))["planned"]
    assert [one["now"] for one in planned if one["agent"] == agent] == [False]
    assert case
    assert "would have done nothing in 30 days" in run("lifecycle", "impact", "--days", "30")
    assert _audited(services[1]) == before


def _audited(built: Inventory) -> int:
    with built.registry.reading() as session:
        return head(session).seq


def test_activity_is_vouched_for_by_an_agents_own_token(agent: str, services: tuple[str, Inventory]) -> None:
    url, built = services
    name = _other(built)
    with built.registry.changing(asking()) as change:
        _, secret = tokens.issue(change, NewToken(kind="agent", name=agent, agents=[agent]))
        _, other = tokens.issue(change, NewToken(kind="agent", name="x", agents=[name]))
    with InventoryClient(url, secret) as own, InventoryClient(url, other) as another:
        own.report_activity(agent, "batch")
        with pytest.raises(NotAllowed):
            another.report_activity(agent, "batch")
    with built.registry.reading() as session:
        assert session.query(Token).count() >= 2


def _other(built: Inventory) -> str:
    name = f"other-{next(_numbers)}"
    add(built.registry, name)
    return name
