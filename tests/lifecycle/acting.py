"""A process that acts when it may: `python -m tests.lifecycle.acting URL`. Its one job adds a row, fenced."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from inventory.db.engine import Database
from inventory.registry.change import Registry
from lifecycle.jobs import Job, Runs
from lifecycle.lease import Lease
from lifecycle.scheduler import Scheduler

LASTS = timedelta(seconds=3)


def main(url: str) -> None:
    database = Database(url)
    registry = Registry(database)
    lease = Lease(database, lasts=LASTS)

    def act(dry_run: bool) -> Mapping[str, Any]:
        with database.writing() as session:
            lease.check(session)
            session.execute(
                text("INSERT INTO acts (holder, token, at) VALUES (:holder, :token, :at)"),
                {"holder": lease.holder, "token": lease.token, "at": datetime.now(UTC).timestamp()},
            )
        return {}

    jobs = {"act": Job("act", timedelta(seconds=1), act, "add a row")}
    scheduler = Scheduler(database, lease, Runs(registry, lease), jobs)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    scheduler.start()
    sys.stdout.write(f"{lease.holder}\n")
    sys.stdout.flush()
    stopping.wait()
    scheduler.stop()
    database.close()


if __name__ == "__main__":
    main(sys.argv[1])
