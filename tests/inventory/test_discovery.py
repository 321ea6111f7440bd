"""Registry and telemetry: what one knows and the other doesn't, and a claim that applies to all that came before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.sealing.sealer import Sealer
from collector.settings import CollectorSettings
from collector.store import registry as published
from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.app import api_app
from inventory.client import Conflict, InventoryClient
from inventory.contract.agents import AgentSpec, Matcher
from inventory.contract.discovery import Claim
from inventory.contract.people import PersonSpec
from inventory.contract.releases import Bundle, Verdict
from inventory.services import Inventory
from tests.inventory.access import Everybody, inventory, local
from tests.inventory.serving import served
from tests.inventory.telemetry import MINUTE, MS, Sender, Sent, agent, trace_id

ORG = "discovery"
NOW = time.time_ns()
"""Of each test its own services, since all share the engine's tables."""


@pytest.fixture
def everybody() -> Everybody:
    return local(ORG)


@pytest.fixture
def services(store: Store, tmp_path: Path, everybody: Everybody) -> Inventory:
    return inventory(tmp_path, everybody, store=store)


@pytest.fixture
def client(store: Store, services: Inventory) -> Iterator[InventoryClient]:
    with served(api_app(store, services)) as url, InventoryClient(url) as opened:
        yield opened


def _send(store: Store, writer: Writer, tmp_path: Path, first: int) -> None:
    """Two traces: a workflow whose drafter calls a helper that names no agent; sealed."""
    start = NOW - 5 * MINUTE
    for number in (first, first + 1):
        Sender(writer, ORG, f"sender-{first}").spans(
            Sent(number, 1, 0, "workflow", start, 90 * MS, service=f"svc-{first}"),
            Sent(
                number, 2, 1, "draft", start + MS, 80 * MS, service=f"svc-{first}", attributes=agent(f"drafter-{first}")
            ),
            Sent(number, 3, 2, "help", start + 2 * MS, 70 * MS, service=f"helper-{first}"),
            received=NOW,
        )
    settings = CollectorSettings(seal_quiet=0.1)
    Sealer(store, Costing(PriceBook()), tmp_path / "sealer", settings).seal([trace_id(first), trace_id(first + 1)])


def _listed(client: InventoryClient, name: str) -> set[str]:
    since = datetime.now(UTC) - timedelta(hours=1)
    return {trace.trace_id for trace in client.iterate_traces(registered=name, since=since, until=datetime.now(UTC))}


def _shadows(client: InventoryClient) -> set[tuple[str, str]]:
    return {
        (one.details["service"], one.details["agent_name"]) for one in client.discover().found if one.kind == "shadow"
    }


def test_a_shadow_is_claimed_in_one_step_that_applies_to_what_was_sealed_before(
    client: InventoryClient, store: Store, writer: Writer, tmp_path: Path
) -> None:
    _send(store, writer, tmp_path, 0x100)
    wanted = {("svc-256", ""), ("svc-256", "drafter-256"), ("helper-256", "")}
    assert wanted <= _shadows(client)
    matcher = Matcher(service="svc-256", agent_name="drafter-256")
    claimed = client.claim(Claim(agent="drafter", matcher=matcher, spec=AgentSpec(name="Drafter")))
    assert (claimed.created, (claimed.keys or 0) >= 1) == (True, True)
    assert wanted & _shadows(client) == {("svc-256", ""), ("helper-256", "")}
    assert _listed(client, "drafter") == {trace_id(0x100), trace_id(0x101)}
    assert _listed(client, "nobody") == set()
    # To another agent, and back: nothing is sealed again.
    spec = client.get_agent("drafter").spec
    client.put_agent("drafter", spec.model_copy(update={"matchers": []}), client.get_agent("drafter").revision)
    client.claim(Claim(agent="other", matcher=matcher, spec=AgentSpec(name="Other")))
    assert (_listed(client, "drafter"), _listed(client, "other")) == (set(), {trace_id(0x100), trace_id(0x101)})
    history = client.discovery_history().found
    assert [(one.kind, one.details["agent_name"], one.outcome) for one in history if one.kind == "shadow"] == [
        ("shadow", "drafter-256", "gone")
    ]
    with pytest.raises(Conflict, match="Two agents"):
        client.claim(Claim(agent="third", matcher=matcher, spec=AgentSpec(name="Third")))


def test_a_trace_that_waits_to_be_sealed_is_found_too(client: InventoryClient, store: Store, writer: Writer) -> None:
    now = time.time_ns()
    Sender(writer, ORG, "late").spans(
        Sent(0x200, 1, 0, "draft", now - MINUTE, service="late", attributes=agent("late"))
    )
    client.claim(Claim(agent="late", matcher=Matcher(agent_name="late"), spec=AgentSpec(name="Late")))
    assert _listed(client, "late") == {trace_id(0x200)}


def test_the_matcher_that_says_more_wins(client: InventoryClient, store: Store, writer: Writer, tmp_path: Path) -> None:
    _send(store, writer, tmp_path, 0x300)
    client.claim(Claim(agent="service", matcher=Matcher(service="svc-768"), spec=AgentSpec(name="Service")))
    assert _listed(client, "service") == {trace_id(0x300), trace_id(0x301)}
    with store.reader() as engine:
        keys = published.keys_of(engine, ORG, "service")
    client.claim(
        Claim(agent="exact", matcher=Matcher(service="svc-768", agent_name="drafter-768"), spec=AgentSpec(name="Exact"))
    )
    with store.reader() as engine:
        assert len(published.keys_of(engine, ORG, "service")) == len(keys) - 1
    assert _listed(client, "exact") == {trace_id(0x300), trace_id(0x301)}


def test_ghosts_orphans_and_duplicates_are_told_and_gone_when_they_are(client: InventoryClient) -> None:
    client.put_person("alice", PersonSpec(name="Alice"))
    for name in ("one", "two"):
        client.register_agent(name, AgentSpec(name=name.title(), owner="alice"))
    found = {(one.kind, one.subject) for one in client.discover().found}
    assert {("ghost", "one"), ("ghost", "two")} <= found
    assert not {kind for kind, subject in found if kind == "orphan" and subject in ("one", "two")}
    client.put_person("alice", PersonSpec(name="Alice", active=False), client.get_person("alice").revision)
    found = {(one.kind, one.subject) for one in client.discover().found}
    assert {("orphan", "one"), ("orphan", "two")} <= found
    client.move_agent("one", "retire", client.get_agent("one").revision)
    gone = {(one.kind, one.subject) for one in client.discover().found}
    assert not {("ghost", "one"), ("orphan", "one")} & gone
    assert {("ghost", "one"), ("orphan", "one")} <= {
        (one.kind, one.subject) for one in client.discovery_history().found
    }


def test_agents_that_are_told_the_same_are_duplicates(client: InventoryClient, everybody: Everybody) -> None:
    bundle = Bundle.model_validate({"parts": [{"kind": "prompt", "name": "system", "content": "You answer."}]})
    for name in ("left", "right"):
        client.register_agent(name, AgentSpec(name=name))
        client.put_draft(name, bundle)
        proposed = client.propose(name, 1)
        everybody.is_now = replace(everybody.is_now, actor="person:judge")
        client.decide(name, proposed.id, Verdict(decision="approve"), 1)
        client.activate_release(name, proposed.id, client.get_agent(name).revision)
        everybody.is_now = replace(everybody.is_now, actor="person:author")
    (duplicate,) = [one for one in client.discover().found if one.kind == "duplicate"]
    assert (duplicate.subject, duplicate.details["reasons"]) == ("left+right", ["the same prompt"])


def test_what_was_true_when_is_in_the_engine(client: InventoryClient, services: Inventory, store: Store) -> None:
    client.register_agent("versioned", AgentSpec(name="First"))
    between = datetime.now(UTC)
    time.sleep(0.002)
    client.put_agent("versioned", AgentSpec(name="Second"), 1)
    assert services.publisher.run().versions >= 2
    assert services.publisher.run().versions == 0
    with store.reader() as engine:
        then = published.versions_at(engine, ORG, "agent", between)["versioned"]
        today = published.versions_at(engine, ORG, "agent", datetime.now(UTC))["versioned"]
        assert "versioned" not in published.versions_at(engine, ORG, "agent", between - timedelta(minutes=1))
    assert ('"name":"First"' in then.document, then.revision) == (True, 1)
    assert ('"name":"Second"' in today.document, today.revision, today.valid_to) == (True, 2, published.FOREVER)
