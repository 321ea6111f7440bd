"""`muster retention`, asked of a running collector's routes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner

from collector.errors import Unauthenticated
from collector.receivers.auth import Anonymous
from collector.retention.job import Retention
from collector.retention.operations import add_retention_operations
from collector.signals import Principal
from collector.store.connection import Store
from deploy.retention import retention_app
from tests.collector.retention.shelf import Shelf, policy
from tests.engines import clear
from tests.server import free_port, wait_for

RULES = policy(content="30d", metadata="100d")


@pytest.fixture(scope="module")
def shelf(scratch: Store) -> Shelf:
    clear(scratch)
    return Shelf(scratch)


@pytest.fixture
def environment(shelf: Shelf) -> Iterator[dict[str, str]]:
    app = FastAPI()
    add_retention_operations(app, shelf.store, Retention(shelf.store, RULES), Anonymous())
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, "the app serves")
    yield {"MUSTER_ENDPOINT": f"http://127.0.0.1:{port}"}
    server.should_exit = True
    thread.join()


def command(environment: dict[str, str], *arguments: str, answer: str | None = None) -> str:
    result = CliRunner().invoke(retention_app, arguments, env=environment, input=answer)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


def test_what_would_go_is_shown_and_goes_only_when_somebody_agrees(shelf: Shelf, environment: dict[str, str]) -> None:
    now = datetime.now(UTC)
    shelf.span("a", now - timedelta(days=40), "secret plans", org="default")
    shelf.span("b", now - timedelta(days=2), "new", org="default")
    shelf.store.client().command("TRUNCATE TABLE arrivals")  # as if they had come then
    planned = command(environment, "plan")
    assert "contents" in planned
    assert f"1 rows, 0.0 MB, by policy {RULES.id}" in planned
    assert "secret" not in planned
    assert "Aborted" in command(environment, "run", answer="n\n")
    assert len(shelf.pieces()) == 2
    assert "1 rows are gone" in command(environment, "run", "--yes")
    assert shelf.pieces() == ["new"]
    (row,) = json.loads(command(environment, "removals", "--json"))
    assert (row["table"], row["rows"], row["class"], row["policyid"]) == ("contents", 1, "content", RULES.id)
    assert "contents" in command(environment, "removals")
    assert "nothing is due" in command(environment, "run")


def test_a_policy_is_checked_without_a_collector(tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    file.write_text(
        '[default]\ncontent = "30d"\n[[rule]]\nname = "claims"\nservice = "claims"\ncontent = "18 months"\n'
    )
    said = command({}, "check", str(file))
    for words in ("rule 1 (claims): service claims", "18 months", "forever", "metadata: nothing goes"):
        assert words in said


class Nobody:
    """Lets nobody in."""

    def verify(self, authorization: str | None) -> Principal:
        raise Unauthenticated("no")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "plan"), ("POST", "run/abc"), ("GET", "run"), ("GET", "removals")]
)
def test_every_route_wants_the_credentials_that_telemetry_does(shelf: Shelf, method: str, path: str) -> None:
    app = FastAPI()
    add_retention_operations(app, shelf.store, Retention(shelf.store, RULES), Nobody())

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://collector") as client:
            await client.request(method, f"/ops/retention/{path}")

    with pytest.raises(Unauthenticated):
        asyncio.run(ask())
