"""`muster redaction`: what a policy is, what it does to a text, and to what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.redaction import redaction_app
from tests.server import Server

OWN = "[[rule]]\nname = 'customer'\npattern = 'C-[0-9]{4}'\naction = 'mask'\norgs = ['acme']\n"


def run(*arguments: str, given: str = "", **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(redaction_app, [*arguments], input=given, env=environment)
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return str(path)


def test_a_policy_is_shown_in_its_order(file: str) -> None:
    code, said = run("check", file)
    assert code == 0
    assert said.index("customer") < said.index("private-key") < said.index("email")
    assert "18 rules" in said


def test_a_broken_policy_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(OWN.replace("mask", "hide"))
    code, said = run("check", str(path))
    assert code == 1
    assert "broken.toml, rule 1 (customer), action" in said


def test_a_text_is_tried(file: str) -> None:
    code, said = run("try", file, "--text", "C-1234", "--org", "acme")
    assert (code, said) == (0, "[redacted:customer]\ncustomer: 1\n")
    assert run("try", file, given="C-1234")[1] == "C-1234\n"
    assert "[email:" in run("try", "--text", "a@example.com")[1]
    assert run("try", "--text", "a@example.com", "--attribute", "user.id")[1] == "a@example.com\n"


def test_a_dry_run_says_who_holds_the_store(server: Server, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # the command works in the data directory
    code, said = run("dry-run", file, MUSTER_DATA=str(server.data))
    assert code == 1
    assert "stop `muster up`" in said
