"""`muster prices`: asked of the running collector, or of the store where none runs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.price_operations import add_price_operations
from collector.price_records import PriceRecords
from collector.receivers.auth import Anonymous
from collector.store.connection import Store
from collector.store.migrate import load
from deploy import prices
from tests.collector import price_facts
from tests.collector.price_facts import seal
from tests.collector.test_costing import own_row
from tests.server import free_port, wait_for

PRICE = own_row(model="ours", request=own_row().charges[0].rate)


@pytest.fixture(scope="module")
def facts(store: Store) -> Iterator[Store]:
    """A database with a priced call, an unpriced one, and one that reported no tokens."""
    with Store(store.settings.model_copy(update={"database": "prices_command"})) as opened:
        opened.client().command(price_facts.TABLE)
        opened.client().command(next(m.sql for m in load() if m.name == "prices"))
        calls: list[dict[str, Any]] = [
            {"TraceId": "a", "Model": "ours"},
            {"TraceId": "b", "Model": "house"},
            {"TraceId": "c", "InputTokens": None, "OutputTokens": None},
        ]
        recent = {"Timestamp": time.time_ns()}
        seal(opened, Costing(PriceBook([PRICE])), *(call | recent for call in calls), org="default")
        PriceRecords(opened).note([PRICE], "b00c", datetime(2026, 5, 4, 12, tzinfo=UTC))
        yield opened
        opened.client().command("DROP DATABASE prices_command SYNC")


@pytest.fixture(scope="module")
def collector(facts: Store) -> Iterator[str]:
    app = FastAPI()
    add_price_operations(app, facts, PriceBook([PRICE]), Anonymous())
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, "the app serves")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(params=["collector", "store"])
def environment(
    request: pytest.FixtureRequest, facts: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A collector that runs, and a store without one."""
    if request.param == "collector":
        return {"MUSTER_ENDPOINT": request.getfixturevalue("collector")}
    own = tmp_path / "own.toml"
    own.write_text('[[price]]\nmodel = "ours"\nfrom = 2026-01-01\nusd_per_request = 1\n')
    monkeypatch.setattr(prices, "HTTP", f"http://127.0.0.1:{free_port()}")
    return {
        "MUSTER_STORE_PATH": str(facts.settings.path),
        "MUSTER_STORE_DATABASE": facts.database,
        "MUSTER_COLLECTOR_PRICES_FILE": str(own),
    }


def run(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(prices.prices_app, arguments, env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_calls_without_a_price_are_listed_and_their_unknown_tokens_are_not_zero(environment: dict[str, str]) -> None:
    code, said = run(environment, "unpriced", "--days", "1")
    assert code == 1
    assert "2 calls have no price" in said
    (house,) = [line.split() for line in said.splitlines() if "openai/house " in line]
    assert {"model", "1", "100", "10"} <= {*house}
    (silent,) = [line for line in said.splitlines() if "openai/gpt-4o " in line]
    assert " tokens " in silent
    assert "tokens: the call reported no tokens" in said
    assert silent.count("unknown") == 2
    found = json.loads(run(environment, "unpriced", "--json")[1])
    assert [(row["model"], row["reason"], row["input_tokens"]) for row in found] == [
        ("gpt-4o", "TOKENS", None),
        ("house", "MODEL", 100),
    ]


def test_an_id_on_a_call_is_explained(environment: dict[str, str]) -> None:
    code, said = run(environment, "show", PRICE.id)
    assert code == 0
    for words in (
        "contract",
        "openai, ours",
        "$1 a million",
        "$0.000001 each",
        "2026-05-04 12:00:00 UTC, by book b00c",
    ):
        assert words in said


def test_the_prices_that_hold_now_have_a_version(environment: dict[str, str]) -> None:
    found = json.loads(run(environment, "book", "--json")[1])
    assert (found["own_prices"], len(found["version"])) == (1, 12)
    assert found["list"].startswith("genai-prices ")
    assert found["version"] in run(environment, "book")[1]


def test_an_id_that_is_on_no_call_is_said_to_be_so(environment: dict[str, str]) -> None:
    result = CliRunner().invoke(prices.prices_app, ["show", "0" * 16], env=environment)
    assert result.exit_code != 0
    assert "no call was ever priced by" in result.output + str(result.exception)


def test_a_named_collector_that_does_not_answer_is_an_error_and_no_store_is_opened(tmp_path: Path) -> None:
    environment = {"MUSTER_DATA": str(tmp_path / "data"), "MUSTER_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    result = CliRunner().invoke(prices.prices_app, ["book"], env=environment)
    assert "no collector answers" in str(result.exception)
    assert not (tmp_path / "data").exists()
