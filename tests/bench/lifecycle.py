"""How long an evaluation of 10,000 agents takes: `python -m tests.bench.lifecycle`, on both databases.

All agents are active ones. Of each thousand ten have been idle for long enough to be a case; the second run warns them,
the third finds nothing left to do, which is what most runs find.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import update

from collector.settings import StoreSettings
from collector.store.connection import Store
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.db.models import Agent
from tests.bench.machine import Noise, describe
from tests.bench.registry import fill
from tests.engines import prepare
from tests.inventory.postgres import running
from tests.inventory.telemetry import Sender, Sent, agent
from tests.lifecycle.smtp import serving
from tests.lifecycle.world import HOUR, World

AIM_S = 30.0
BEGIN = datetime(2026, 6, 1, 6, tzinfo=UTC)


def measure(store: Store, database: Database, directory: Path, agents: int) -> list[tuple[str, float, str]]:
    """What was run, seconds, and what it did."""
    fill(database, agents, agents)
    with database.writing() as session:
        session.execute(update(Agent).values(state="active"))
        names = [(row.id, row.document["matchers"][0]["service"]) for row in session.query(Agent)]
    with serving() as box:
        world = World(store, database, directory, box, begin=BEGIN, beating=False)
        world.beats(BEGIN - timedelta(days=120), BEGIN + 10 * HOUR)
        idle = BEGIN - timedelta(days=80)
        spans = [
            Sent(number + 1, 1, 0, "work", int((idle if number % 100 == 0 else BEGIN).timestamp()) * 10**9,
                 service=service, attributes=agent(name))
            for number, (name, service) in enumerate(names)
        ]  # fmt: skip
        Sender(world.writer, "default").spans(*spans, received=int(BEGIN.timestamp()) * 10**9)
        world.policy()
        found: list[tuple[str, float, str]] = []
        started = time.perf_counter()
        world.publisher.resolve("default")
        found.append(("whose the telemetry is", time.perf_counter() - started, f"{agents:,} agents"))
        for what in ("first run: cases are opened", "second run: owners are told", "third run: nothing is due"):
            world.now += HOUR
            started = time.perf_counter()
            done = world.evaluator.run("default", world.lease)
            found.append((what, time.perf_counter() - started, str(dict(done.actions) or "nothing")))
            if what.startswith("second"):
                started = time.perf_counter()
                sent = world.mail()
                found.append(
                    ("mail is sent", time.perf_counter() - started, f"{len(box.received)} mails, {sent.accepted}")
                )
        started = time.perf_counter()
        plan = world.evaluator.plan("default")
        found.append(("muster lifecycle plan", time.perf_counter() - started, f"{len(plan.planned)} agents"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lifecycle", description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    options = parser.parse_args()
    noise = Noise()
    sys.stdout.write(f"{describe()}; {options.agents:,} agents, aim {AIM_S:.0f} s for a run\n")
    for kind in ("SQLite", "PostgreSQL"):
        with TemporaryDirectory(prefix="muster-bench-") as name, running() as server:
            directory = Path(name)
            url = f"sqlite:///{directory / 'registry.sqlite'}" if kind == "SQLite" else server.new_database()
            database = Database(url)
            migrate.upgrade(database)
            noise.sample()
            with Store(StoreSettings(path=prepare(directory / "engine"))) as store:
                for what, seconds, did in measure(store, database, directory, options.agents):
                    sys.stdout.write(f"{kind:<12}{what:<30}{seconds:>8.2f} s   {did}\n")
            database.close()
    noise.sample()
    sys.stdout.write(f"machine noise: {noise.report()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
