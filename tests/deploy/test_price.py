"""`muster price`: the cost, the price behind it, and a reason where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app

CALL = ["--provider", "openai", "--input", "1000", "--output", "50", "--cache-read", "200", "--at", "2026-10-15"]


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["price", *arguments])
    return result.exit_code, result.output


def test_a_call_is_priced_and_the_price_named() -> None:
    code, said = run("gpt-4o", *CALL)
    assert code == 0
    assert said.startswith("$0.00275\n")  # 800 × 2.50 + 200 × 1.25 + 50 × 10.00 dollars a million
    assert "genai-prices openai/gpt-4o" in said
    assert "without cache read tokens" in said


def test_scripts_get_json_with_exact_digits() -> None:
    code, said = run("gpt-4o", *CALL, "--json")
    assert code == 0
    assert json.loads(said)["usd"] == "0.00275"


def test_an_unknown_model_is_unpriced_never_free() -> None:
    code, said = run("house-model-7b", "--json")
    assert code == 1
    assert json.loads(said) == {"usd": None, "unpriced": "no price is known for this model"}


def test_a_contract_goes_first(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text("[[price]]\nmodel = 'gpt-4o'\nfrom = 2026-01-01\nusd_per_request = 0.25\n")
    code, said = run("gpt-4o", *CALL, "--prices", str(file))
    assert (code, said.splitlines()[0]) == (0, "$0.25")
    assert "prices.toml #1" in said


@pytest.mark.parametrize("content", ["[[price]]\nmodel = 'm'", "price ="])
def test_a_broken_price_file_is_said(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(content)
    code, said = run("gpt-4o", "--prices", str(file))
    assert code == 2
    assert "prices.toml" in said.replace("\n", "")
