"""Legal holds at the target: an object is held while any hold is over its package, and released with the last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from exporters import holds, packages, schedules
from exporters.engine import Engine
from exporters.targets.base import Mode, Target, TargetError
from exporters.works import Grip
from inventory.db.models import Agent
from inventory.db.records import Package
from inventory.registry.change import Registry


class Holder:
    """Lets the objects of a package be as its holds say."""

    def __init__(self, registry: Registry, engine: Engine, target: Target) -> None:
        self._registry = registry
        self._engine = engine
        self._target = target

    def run(self, grip: Grip) -> dict[str, Any]:
        """Raises TargetError, Fenced, DatabaseError or ClickHouseError; done again it does what is left."""
        with self._registry.reading() as session:
            package = packages.get(session, grip.org, grip.package)
            files = packages.files(session, package)
            wanted = bool(holds.over(session, self._engine.store, package))
        if package.state in packages.LIVE:
            raise TargetError("its export isn't over", passing=True)
        if package.state != "committed":
            return {"held": package.held, "objects": 0}
        grip.told("holding" if wanted else "releasing", 0, len(files))
        for one in files:
            key = f"{package.prefix}/{one.path}"
            if self._target.held(key, one.version) != wanted:
                self._target.hold(key, one.version, wanted)
            grip.progress.done += 1
        with self._registry.database.writing() as session:
            grip.check(session)
            packages.get(session, grip.org, grip.package, change=True).held = wanted
        return {"held": wanted, "objects": len(files)}

    def lock(self, grip: Grip) -> dict[str, Any]:
        """Lock its objects for longer, where a schedule says so now; never for shorter. Raises as `run`."""
        with self._registry.reading() as session:
            package = packages.get(session, grip.org, grip.package)
            files = packages.files(session, package)
            until = longer(session, package, self._registry.now())
        if package.state != "committed" or until is None:
            return {"locked_until": package.locked_until.isoformat() if package.locked_until else None, "objects": 0}
        grip.told("locking", 0, len(files))
        for one in files:
            if package.mode != "none":
                self._target.lock(f"{package.prefix}/{one.path}", one.version, mode_of(package), until)
            grip.progress.done += 1
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            row = packages.get(change.session, grip.org, grip.package, change=True)
            before = row.locked_until
            row.locked_until = until
            change.record(
                "lock", packages.KIND, row.id, {"until": before.isoformat() if before else None},
                {"until": until.isoformat()},
            )  # fmt: skip
        return {"locked_until": until.isoformat(), "objects": len(files)}


def longer(session: Session, package: Package, now: datetime) -> datetime | None:
    """Until when a schedule wants it kept, if that is longer than it is locked."""
    agent = session.get_one(Agent, (package.org, package.agent))
    kept = schedules.kept(session, package.org, agent, package.ends, now, packages.retired_at(session, agent))
    if (
        kept.until is None
        or kept.until <= now
        or (package.locked_until is not None and kept.until <= package.locked_until)
    ):
        return None
    return kept.until


def mode_of(package: Package) -> Mode:
    """How its objects are locked."""
    modes: dict[str, Mode] = {"compliance": "compliance", "governance": "governance"}
    return modes.get(package.mode, "none")
