"""What monitoring asks: how many packages there are, what is wrong with them, and what waits."""

from __future__ import annotations

from sqlalchemy import func, select

from inventory.db.records import Package, RecordWork
from inventory.registry.change import Registry

Levels = dict[tuple[tuple[str, str], ...], float]


class Figures:
    """Levels by their attributes, read when they are asked for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def packages(self) -> Levels:
        """By state; `bad`: an export that fails, or a package that didn't verify."""
        bad = (Package.error != "") | (Package.verdict != "")
        with self._registry.reading() as session:
            found = session.execute(select(Package.state, bad, func.count()).group_by(Package.state, bad)).all()
        return {(("state", state), ("bad", str(bool(is_bad)).lower())): float(n) for state, is_bad, n in found}

    def works(self) -> Levels:
        """What isn't done, by kind and state."""
        asked = select(RecordWork.kind, RecordWork.state, func.count()).where(RecordWork.state != "done")
        with self._registry.reading() as session:
            found = session.execute(asked.group_by(RecordWork.kind, RecordWork.state)).all()
        return {(("kind", kind), ("state", state)): float(n) for kind, state, n in found}
