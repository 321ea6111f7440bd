"""The registry's commands against a running API: tables for people, JSON for scripts, errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from typer.testing import CliRunner

from collector.store.connection import Store
from deploy.cli import app, main
from inventory.app import api_app
from inventory.auth.authenticator import Authenticator
from inventory.client import ClientError
from inventory.registry import tokens
from inventory.services import Inventory
from tests.inventory.access import inventory
from tests.inventory.serving import served

_SECRET = "muster-admin_of-these-commands"
AGENTS = """
kind: person
id: alice
spec: {name: Alice}
---
kind: agent
id: drafter
state: active
spec:
  name: Support drafter
  owner: alice
  pager: support
  runbook: https://runbooks.example.org/drafter
  tags: ["tier:1"]
"""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def services(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Inventory]]:
    directory = tmp_path_factory.mktemp("commands")
    database = inventory(directory).registry.database
    built = inventory(directory, Authenticator(database, admin=tokens.digest_of(_SECRET)), database, store)
    with served(api_app(store, built)) as url:
        yield url, built


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


@pytest.fixture
def files(tmp_path: Path, run: Run) -> Path:
    """Applied already."""
    path = tmp_path / "agents.yaml"
    path.write_text(AGENTS)
    run("apply", "-f", str(path), "-y")
    return path


def test_files_are_planned_applied_and_exported_as_they_are(run: Run, files: Path, tmp_path: Path) -> None:
    assert "nothing to do" in run("apply", "-f", str(files))
    files.write_text(AGENTS.replace("tier:1", "tier:2"))
    plan = run("apply", "-f", str(files), "--plan")
    assert "~ agent drafter" in plan
    assert '["tier:1"] → ["tier:2"]' in plan
    assert "nothing was changed" in run("apply", "-f", str(files), input="n\n", code=1)
    assert json.loads(run("agents", "show", "drafter", "--json"))["spec"]["tags"] == ["tier:1"]
    done = json.loads(run("apply", "-f", str(files), "-y", "--json"))
    assert [(change["id"], change["members"]) for change in done["changes"]] == [("drafter", ["tags"])]
    folder = tmp_path / "out"
    run("export", str(folder))
    assert yaml.safe_load((folder / "agents" / "drafter.yaml").read_text())["spec"]["tags"] == ["tier:2"]
    assert "nothing to do" in run("apply", "-f", str(folder))
    files.write_text(AGENTS)
    run("apply", "-f", str(files), "-y")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (AGENTS.replace("owner:", "owners:"), "document 2: spec.owners"),
        (AGENTS.replace("kind: agent", "kind: robot"), "document 2"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_file_that_can_not_be_applied_is_named_with_the_place(
    run: Run, tmp_path: Path, changed: str, words: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(changed)
    with pytest.raises(OSError, match=f"wrong.yaml.*{words}"):
        run("apply", "-f", str(path), "-y")


def test_agents_are_listed_for_people_and_for_scripts(run: Run, files: Path) -> None:
    assert "drafter" in run("agents", "list", "--owner", "alice")
    assert "no agents" in run("agents", "list", "--owner", "bob")
    assert [one["id"] for one in json.loads(run("agents", "list", "--json"))] == ["drafter"]
    assert "runbooks.example.org" in run("agents", "show", "drafter")
    assert "drafter" in run("search", "supp", "draf")
    with pytest.raises(ClientError, match="no agent nobody"):
        run("agents", "show", "nobody")


def test_a_release_goes_from_draft_to_active_and_its_author_does_not_approve_it(
    run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prompt.txt").write_text("You answer.\n")
    bundle = tmp_path / "bundle.yaml"
    bundle.write_text("version: v1\nparts:\n- {kind: prompt, name: system, file: prompt.txt}\n")
    run("people", "add", "bob", "--name", "Bob")
    of = {}
    for name in ("alice", "bob"):
        run("people", "roles", name, "--role", "admin")
        of[name] = run("tokens", "issue", "person", "--person", name, "--name", "cli").splitlines()[-1]
    monkeypatch.setenv("MUSTER_API_TOKEN", of["bob"])
    assert "1 parts" in run("releases", "draft", "drafter", "-f", str(bundle))
    assert "is proposed" in run("releases", "propose", "drafter")
    with pytest.raises(ClientError, match="second person"):
        run("releases", "approve", "drafter", "1")
    monkeypatch.setenv("MUSTER_API_TOKEN", of["alice"])
    assert "is approved" in run("releases", "approve", "drafter", "1", "--reason", "read it")
    assert "approved, active" in run("releases", "activate", "drafter", "1")
    assert json.loads(run("me", "--json"))["actor"] == "person:alice"
    (tmp_path / "prompt.txt").write_text("You answer well.\n")
    run("releases", "draft", "drafter", "-f", str(bundle))
    run("releases", "propose", "drafter")
    assert "+You answer well." in run("releases", "diff", "drafter", "1", "2")
    assert "v1" in run("releases", "list", "drafter")
    with pytest.raises(OSError, match="no release 9"):
        run("releases", "show", "drafter", "9")


def test_objectives_come_and_go_as_openslo(run: Run, files: Path, tmp_path: Path) -> None:
    source = {"metricSource": {"type": "Muster", "spec": {"indicator": "availability"}}}
    document: dict[str, Any] = {
        "apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "drafter-available"},
        "spec": {"service": "drafter", "indicator": {"spec": {"ratioMetric": {"good": source, "total": source}}},
                 "timeWindow": [{"duration": "30d", "isRolling": True}], "objectives": [{"target": 0.99}]},
    }  # fmt: skip
    path = tmp_path / "slo.yaml"
    path.write_text(json.dumps(document))
    assert "1 created" in run("slo", "import", "-f", str(path))
    assert "1 unchanged" in run("slo", "import", "-f", str(path))
    assert "0.144" in run("slo", "show", "drafter-available")
    assert yaml.safe_load(run("slo", "export"))["metadata"]["name"] == "drafter-available"
    document["spec"]["objectives"] = [{"target": 0.9}]
    path.write_text(json.dumps(document))
    with pytest.raises(ClientError, match=r"burn 14\.4 × \(1 − 0\.9\) = 1\.44 ≥ 1"):
        run("slo", "import", "-f", str(path), "--replace")
    assert "is removed" in run("slo", "remove", "drafter-available")
    assert "no objectives" in run("slo", "list")


def test_a_token_is_shown_once_and_can_be_revoked(run: Run, files: Path) -> None:
    issued = json.loads(run("tokens", "issue", "agent", "--agent", "drafter", "--name", "x", "--json"))
    listed = run("tokens", "list", "--json")
    assert issued["secret"] not in listed
    assert issued["token"]["id"] in listed
    assert "is revoked" in run("tokens", "revoke", issued["token"]["id"])


def test_discovery_and_its_empty_states(run: Run, files: Path) -> None:
    assert "ghost" in run("discover")
    claimed = json.loads(run("discover", "claim", "drafter", "--service", "never-seen", "--json"))
    assert (claimed["agent"], claimed["created"]) == ("drafter", False)
    assert claimed["keys"] is not None  # What other tests sent to this engine may be resolved now.


def test_a_broken_chain_ends_with_1(run: Run, files: Path, services: tuple[str, Inventory]) -> None:
    assert "entries hold" in run("audit", "verify")
    assert "agent.create" in run("audit", "list", "--object", "drafter")
    database = services[1].registry.database
    with database.writing() as session:
        session.execute(text("DROP TRIGGER audit_refuses_update"))
        session.execute(text("UPDATE audit SET actor = 'nobody' WHERE seq = 2"))
    assert "entry 2: its content is not what was written" in run("audit", "verify", code=1)


def test_errors_are_a_line_with_a_remedy(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for environment, words in (
        ({"MUSTER_API_TOKEN": "muster_forged"}, "token is not known"),
        ({"MUSTER_API_URL": "http://127.0.0.1:9"}, "make up"),
        ({"MUSTER_API_TOKEN": "", "MUSTER_API_TOKEN_FILE": "/nonexistent/token"}, "can't be read"),
    ):
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            patched.setattr("sys.argv", ["muster", "agents", "list"])
            with pytest.raises(SystemExit) as ended:
                main()
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert words in said
        assert "Traceback" not in said
