"""How long people wait for the registry: lists, filters, searches and changes over the API, on both databases.

Each question is asked in turn many times; medians and the slowest tenth tell how long it takes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import insert, text

from inventory.app import api_app
from inventory.client import InventoryClient
from inventory.contract.agents import AgentSpec
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.db.models import Agent, Dependency, Matcher, Organisation, Person, Release, Tag, Team, Term
from inventory.matching import Matchers, Telemetry
from inventory.registry.objects import words
from tests.bench.machine import Noise, describe
from tests.inventory.access import inventory
from tests.inventory.postgres import running
from tests.inventory.serving import served
from tests.inventory.test_policy import NoStore

AIM_MS = 100.0
START = datetime(2026, 1, 1, tzinfo=UTC)
_PEOPLE, _TEAMS, _AT_ONCE = 500, 50, 5_000
_WORDS = ("support", "billing", "fraud", "claims", "search", "invoice", "refund", "triage", "summary", "router")


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds: the median, and what nine of ten don't exceed."""

    name: str
    median_ms: float
    tenth_ms: float


def fill(database: Database, agents: int, releases: int) -> None:
    """As registering them one by one leaves the tables, without the days that takes."""
    rows: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (Organisation, Person, Team, Agent, Tag, Dependency, Matcher, Release, Term)
    }
    kept = {"org": "default", "revision": 1, "created_at": START, "updated_at": START}
    rows[Organisation].append({"id": "default", "name": "Default", "created_at": START})
    rows[Person] += [{**kept, "id": f"p{n}@example.org", "name": f"Person {n}", "email": "", "active": True}
                     for n in range(_PEOPLE)]  # fmt: skip
    rows[Team] += [{**kept, "id": f"team-{n}", "name": f"Team {n}"} for n in range(_TEAMS)]
    per_agent = releases // agents
    for number in range(agents):
        _agent(rows, kept, number)
        for count in range(1, per_agent + 1):
            _release(rows, number, count, number * per_agent + count)
    with database.writing() as session:
        for table, values in rows.items():
            for at in range(0, len(values), _AT_ONCE):
                session.execute(insert(table), values[at : at + _AT_ONCE])
    with database.writing() as session:
        session.execute(text("ANALYZE"))


def _agent(rows: dict[Any, list[dict[str, Any]]], kept: dict[str, Any], number: int) -> None:
    name, word = f"{_WORDS[number % 10]}-agent-{number:05}", _WORDS[number // 10 % 10]
    owner, team, tags = f"p{number % _PEOPLE}@example.org", f"team-{number % _TEAMS}", [f"tier:{number % 4}"]
    matcher = {"service": f"svc-{number % 2000}", "agent_name": name}
    spec = AgentSpec.model_validate({
        "name": f"{word.title()} number {number}", "purpose": f"Does {word} for customers.", "owner": owner,
        "team": team, "tags": tags, "matchers": [matcher], "high_impact": number % 7 == 0, "pager": "support",
        "runbook": "https://runbooks.example.org/x",
        "dependencies": [{"kind": "tool", "needs": f"tool-{number % 100}"}],
    })  # fmt: skip
    rows[Agent].append({
        **kept, "id": name, "name": spec.name, "state": ("draft", "active", "active", "retired")[number % 4],
        "owner": owner, "backup_owner": None, "team": team, "high_impact": spec.high_impact,
        "classification": "internal", "document": spec.model_dump(mode="json"), "active_release": None,
    })  # fmt: skip
    here = {"org": "default", "agent": name}
    rows[Tag].append({**here, "tag": tags[0]})
    rows[Dependency].append({**here, "kind": "tool", "needs": f"tool-{number % 100}"})
    rows[Matcher].append({**here, "service": matcher["service"], "telemetry_id": "", "telemetry_name": name,
                          "identity": ""})  # fmt: skip
    said = words(name, spec.name, spec.purpose, owner, team, *tags)
    rows[Term] += [{**here, "term": term, "kind": "agent", "object": name} for term in said]


def _release(rows: dict[Any, list[dict[str, Any]]], number: int, count: int, seed: int) -> None:
    agent = f"{_WORDS[number % 10]}-agent-{number:05}"
    name = f"sha256:{seed:064x}"
    rows[Release].append({
        "org": "default", "agent": agent, "id": name, "number": count, "version": f"2026.{count}.{number}",
        "parts": [{"kind": "prompt", "name": "system", "digest": name, "size": 10, "uri": ""}], "note": "",
        "rollback_to": None, "evaluations": [], "editors": ["person:a"], "created_at": START + timedelta(seconds=seed),
        "created_by": "person:a", "status": "proposed" if seed % 20 == 0 else "approved", "revision": 1,
        "decided_at": None, "decided_by": None, "reason": "",
    })  # fmt: skip
    here = {"org": "default", "agent": agent, "kind": "release", "object": name}
    rows[Term] += [{**here, "term": term} for term in words(agent, name[7:], f"2026.{count}.{number}", "system")]


def questions(client: InventoryClient, agents: int) -> dict[str, Callable[[int], Any]]:
    """What people ask; each is asked differently every time."""

    def later(number: int) -> Any:
        page = client.list_agents(limit=50, cursor=None, tag=["tier:1"])
        return client.list_agents(limit=50, cursor=page.next, tag=["tier:1"])

    def change(number: int) -> Any:
        name = f"{_WORDS[number % 10]}-agent-{number:05}"
        found = client.get_agent(name)
        said = found.spec.model_copy(update={"purpose": f"Does it for the {number}th time."})
        return client.put_agent(name, said, found.revision)

    return {
        "agents, first 50": lambda n: client.list_agents(limit=50),
        "agents of an owner": lambda n: client.list_agents(owner=f"p{n % _PEOPLE}@example.org"),
        "agents of a team that are active": lambda n: client.list_agents(team=f"team-{n % _TEAMS}", state="active"),
        "agents with a tag, two pages": later,
        "agents that need a tool": lambda n: client.list_agents(needs=f"tool:tool-{n % 100}"),
        "one agent": lambda n: client.get_agent(f"{_WORDS[n % 10]}-agent-{n % agents:05}"),
        "releases, newest 50": lambda n: client.list_releases(limit=50),
        "releases that wait for a decision": lambda n: client.list_releases(status="proposed"),
        "releases of an agent": lambda n: client.list_releases(agent=f"{_WORDS[n % 10]}-agent-{n % agents:05}"),
        "search: a common word": lambda n: client.find(_WORDS[n % 10]),
        "search: two words, the first common": lambda n: client.find(f"{_WORDS[n % 10]} number {n}"),
        "search: the beginning of a release's id": lambda n: client.find(f"{n + 1:064x}"[:62]),
        "search: nothing has it": lambda n: client.find(f"absent{n}"),
        "an agent changed (read, then put)": change,
    }


def measure(database: Database, directory: Path, agents: int, rounds: int) -> list[Asked]:
    with served(api_app(NoStore(), inventory(directory, None, database))) as url, InventoryClient(url) as client:
        asked = questions(client, agents)
        times: dict[str, list[float]] = {name: [] for name in asked}
        for number in range(rounds):
            for name, ask in asked.items():
                began = time.perf_counter()
                ask(number)
                times[name].append((time.perf_counter() - began) * 1e3)
    return [Asked(name, statistics.median(one), sorted(one)[len(one) * 9 // 10]) for name, one in times.items()]


def matching(agents: int, identities: int) -> float:
    """Seconds to find whose the telemetry of so many identities is."""
    matchers = Matchers({Telemetry(f"svc-{n % 2000}", "", f"agent-{n}", ""): f"agent-{n}" for n in range(agents)})
    seen = [Telemetry(f"svc-{n % 2000}", "", f"agent-{n % (2 * agents)}", "sender") for n in range(identities)]
    began = time.perf_counter()
    found = sum(matchers.agent(one) is not None for one in seen)
    assert found == identities // 2
    return time.perf_counter() - began


def report(found: Mapping[str, Sequence[Asked]]) -> list[str]:
    """A table, one line a question."""
    lines = [f"{'ms over the API: median (nine of ten within)':<46}" + "".join(f"{name:>22}" for name in found)]
    for row in zip(*found.values(), strict=True):
        cells = "".join(f"{f'{one.median_ms:.1f} ({one.tenth_ms:.1f})':>22}" for one in row)
        late = "  over the aim" if any(one.median_ms > AIM_MS for one in row) else ""
        lines.append(f"{row[0].name:<46}{cells}{late}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.registry", description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--releases", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    noise, found = Noise(), {}
    noise.sample()
    with TemporaryDirectory(prefix="muster-bench-") as directory, running() as server:
        home = Path(directory) / "inventory"
        home.mkdir()
        for name, url in (("SQLite", f"sqlite:///{home / 'registry.sqlite'}"), ("PostgreSQL", server.new_database())):
            database = Database(url)
            migrate.upgrade(database)
            fill(database, options.agents, options.releases)
            found[name] = measure(database, home, options.agents, options.rounds)
            database.close()
    noise.sample()
    lines = [
        f"{describe()}; {options.agents:,} agents, {options.releases:,} releases, {options.rounds} rounds",
        *report(found),
        f"whose the telemetry of 100,000 identities is, among {options.agents:,} matchers: "
        f"{matching(options.agents, 100_000):.2f} s",
        noise.report(),
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
