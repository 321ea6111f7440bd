"""How long it takes to look for all findings, over many spans: `python -m tests.bench.findings --spans 5000000`.

All that was sealed is looked at, as at the first start; then what was sealed since, as every two minutes. Whoever sent
is registered, with the tools that they call, so that what each did is held against its entry.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.settings import StoreSettings
from collector.store import registry as published
from collector.store.connection import Store
from collector.store.migrate import migrate
from inventory.contract.people import PersonSpec
from inventory.db.findings import FindingProgress
from inventory.db.models import Organisation
from inventory.findings.definitions import definitions
from inventory.findings.keeping import Findings
from inventory.registry import agents, people
from inventory.registry.change import Registry
from tests.bench import machine
from tests.bench.reads import ORG, Bench, _quiet, say
from tests.inventory.access import inventory, local
from tests.inventory.registry.asking import asking, ready

AIM = 60.0


def measure(directory: Path, spans: int, rounds: int) -> list[str]:
    bench = Bench(directory, spans)
    bench.now = time.time_ns()
    with Store(StoreSettings(path=directory / "engine")) as store:
        migrate(store)
        bench._fill_all(store)
        bench._seal(store, bench._sealer(store, 0.001))
        _quiet(store.client())
        services = inventory(directory, local(ORG), store=store)
        known = _register(services.registry, store)
        services.publisher.run()
        say(f"{spans:,} spans are there and sealed, {known} agents registered")
        took, each, summary = [], list[dict[str, float]](), {}
        for number in range(rounds):
            # As if it had never been looked at.
            with services.registry.database.writing() as session:
                if (row := session.get(FindingProgress, ORG)) is not None:
                    session.delete(row)
            looking = Findings(services.registry, store, services.publisher, clock=_later)
            began = time.perf_counter()
            summary = dict(looking.run(ORG))
            took.append(time.perf_counter() - began)
            with services.registry.reading() as session:
                each.append(dict(session.get_one(FindingProgress, ORG).seconds))
            say(f"round {number + 1}: {took[-1]:.1f} s, {summary}")
        began = time.perf_counter()
        looking.run(ORG)
        again = time.perf_counter() - began
    middle = statistics.median(took)
    lines = [
        f"{len(definitions())} findings over {spans:,} spans ({summary['traces']:,} traces): {middle:.1f} s (median of "
        f"{rounds}, {min(took):.1f} to {max(took):.1f}); under {AIM:.0f} s: {'reached' if middle < AIM else 'missed'}",
        f"looked at again, where nothing came: {again:.2f} s",
    ]
    slowest = sorted(each[-1].items(), key=lambda item: -item[1])
    return [*lines, *(f"  {name:<24}{seconds:>8.2f} s" for name, seconds in slowest[:12])]


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def _register(registry: Registry, store: Store) -> int:
    """An agent for each service that sent, with what it called as its tools, every second of which writes."""
    client = store.client()
    tools = published.tools_of(client, ORG, 0)
    services: dict[str, set[str]] = {}
    for identity in published.identities(client, ORG):
        services.setdefault(identity.service, set()).update(tools.get(identity.key, ()))
    caller = local(ORG).is_now
    with registry.database.writing() as session:
        if session.get(Organisation, ORG) is None:
            session.add(Organisation(id=ORG, name=ORG, created_at=registry.now()))
    with registry.changing(asking(caller)) as change:
        people.put_person(change, "olga", PersonSpec(name="Olga"))
    for number, (service, called) in enumerate(services.items()):
        names = sorted(called)
        spec = ready(
            "olga", matchers=[{"service": service}], high_impact=True, egress=["models.example"],
            tools={"read": names[1::2], "write": names[::2], "approval": names[:1]}, budgets={"tool_calls": 20},
        )  # fmt: skip
        with registry.changing(asking(caller)) as change:
            agents.moved(change, agents.create(change, f"agent-{number}", spec), "active", "")
    return len(services)


if __name__ == "__main__":
    sys.exit(machine.main("findings", __doc__, measure, rounds=3))
