"""What monitoring asks: how late and long jobs are, who acts, how many cases there are and what they wait for."""

from __future__ import annotations

from sqlalchemy import func, select

from inventory.db import cases as db
from inventory.registry.change import Registry
from lifecycle.jobs import jobs_answer

Levels = dict[tuple[tuple[str, str], ...], float]


class Figures:
    """Levels by their attributes, read when they are asked for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def seconds(self) -> Levels:
        return self._of_jobs("seconds")

    def lag(self) -> Levels:
        return self._of_jobs("lag_seconds")

    def failed(self) -> Levels:
        """1 where the last run did not do all that it should."""
        with self._registry.reading() as session:
            jobs = jobs_answer(session, self._registry.now()).jobs
        return {(("job", one.name),): float(one.outcome != "ok") for one in jobs if one.outcome is not None}

    def age(self) -> Levels:
        """Seconds since each job last began."""
        now = self._registry.now()
        with self._registry.reading() as session:
            jobs = jobs_answer(session, now).jobs
        return {(("job", one.name),): (now - one.last_run).total_seconds() for one in jobs if one.last_run is not None}

    def cases(self) -> Levels:
        """Open ones by state, and whether something holds them up."""
        asked = (
            select(db.Case.state, db.Case.blocked != "", func.count())
            .where(db.Case.open_key.is_not(None))
            .group_by(db.Case.state, db.Case.blocked != "")
        )
        with self._registry.reading() as session:
            found = session.execute(asked).all()
        return {(("state", state), ("blocked", str(bool(blocked)).lower())): float(n) for state, blocked, n in found}

    def _of_jobs(self, field: str) -> Levels:
        with self._registry.reading() as session:
            jobs = jobs_answer(session, self._registry.now()).jobs
        return {(("job", one.name),): value for one in jobs if (value := getattr(one, field)) is not None}
