"""Somebody at work on records in a process of its own, which can be killed: `python -m tests.exporters.at_work DIR`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from collector.settings import StoreSettings
from collector.store.connection import Store
from exporters import works
from exporters.settings import RecordsSettings
from inventory.db import migrate
from inventory.db.engine import Database
from tests.engines import prepare
from tests.exporters.world import World


def s3(endpoint: str) -> RecordsSettings:
    given: dict[str, Any] = {
        "target": "s3://records/killed", "s3_endpoint": endpoint, "s3_region": "us-east-1", "s3_key_id": "x",
        "s3_secret": SecretStr("y"), "part_bytes": 5 * 1024 * 1024,
    }  # fmt: skip
    return RecordsSettings(**given)


def main(directory: Path, endpoint: str = "") -> None:
    """Begin an export of a month, unless it was begun; and work until it is done."""
    # Whoever was killed needn't be waited for: the tests' patience is shorter than a hold's.
    works.LASTS = timedelta(seconds=0.5)  # type: ignore[misc]
    new = not (directory / "registry.sqlite").exists()
    database = Database(f"sqlite:///{directory / 'registry.sqlite'}")
    migrate.upgrade(database)
    with Store(StoreSettings(path=prepare(directory / "engine"))) as store:
        world = World(store, database, directory, s3(endpoint) if endpoint else None)
        world.registry.now = lambda: datetime.now(UTC) + timedelta(hours=1)
        if new:
            world.agent("drafter")
            for day in range(1, 8):
                for number in range(60):
                    world.trace("drafter", datetime(2026, 10, day, 1, number, tzinfo=UTC))
            world.seal()
            world.ask("drafter")
            sys.stdout.write("begun\n")
            sys.stdout.flush()
            return
        while world.records.worker.turn():
            pass
    database.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
