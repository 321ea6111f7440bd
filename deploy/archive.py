"""The lifecycle's archive step, done by the records: where both meet, since neither knows the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from collector.store.reads import ReadError
from exporters import packages, works
from exporters.calendar import month_of
from exporters.engine import EngineFailed
from exporters.service import Records
from inventory.db.models import Agent, Json
from inventory.db.records import Package
from lifecycle.conditions import Facts
from lifecycle.connectors.base import ConnectorError, NotYet, Observed, Stage, Step, Verified

_DAY: Final = timedelta(days=1)


class Archive:
    """Archives all of an agent that is in no package yet. The archive stays: it has no undo."""

    name = "archive"

    def __init__(self, records: Records) -> None:
        self._records = records
        self._registry = records.registry

    def describe(self) -> str:
        return f"packages in {self._records.target.url}"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        if stage != "archive":
            return []
        what = f"archive all of {agent.id} that isn't archived yet in {self._records.target.url}"
        return [Step(self.name, agent.id, what, {"target": self._records.target.url}, reversible=False)]

    def recipe(self, org: str, step: Step) -> Json | None:
        return None

    def apply(self, org: str, step: Step, key: str) -> Json:
        """Let it be written, and say so until it is. Raises NotYet, or ConnectorError with what is wrong."""
        package = self._package(org, key) or self._begin(org, step.target, key)
        return self._told(package)

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        raise ConnectorError("what is archived stays archived")

    def verify(self, org: str, step: Step) -> Verified:
        """It was read again where it lies before it counted."""
        package = self._latest(org, step.target)
        good = package is not None and package.state == "committed" and not package.verdict
        how = f"{package.id} was read again at {package.target} and has all rows" if package else "there is no package"
        return Verified(good, how)

    def observe(self, org: str, step: Step) -> Observed:
        """Never "applied": asked again under its key, `apply` does nothing, and tells what was written and where."""
        package = self._latest(org, step.target)
        return "unknown" if package is not None and package.state == "committed" else "not-applied"

    def _begin(self, org: str, agent: str, key: str) -> Package:
        now = self._registry.now()
        try:
            first = self._records.engine.first_day(org, agent)
        except (EngineFailed, ReadError) as error:
            raise ConnectorError(f"the store can't be asked what there is of {agent}: {error}") from None
        ends = now.date() + _DAY
        with self._registry.changing(works.asking(org)) as change:
            starts = (
                min(first, now.date())
                if first
                else month_of(change.session.get_one(Agent, (org, agent)).created_at.date())
            )
            package = packages.begin(
                change, agent, "retirement", starts, ends, self._records.target.url, self._records.mode, key
            )
            works.ask(change, package.id, "export")
        return package

    def _told(self, package: Package) -> Json:
        if package.state == "committed":
            return {
                "package": package.id, "where": f"{package.target}/{package.prefix}", "rows": package.rows,
                "tagmanifest_sha256": package.manifest_sha256, "sequence": package.sequence,
                "locked_until": package.locked_until.isoformat() if package.locked_until else None,
            }  # fmt: skip
        if package.error:
            raise ConnectorError(f"{package.id} can't be written: {package.error}")
        raise NotYet(f"its archive {package.id} is being written")

    def _package(self, org: str, key: str) -> Package | None:
        with self._registry.reading() as session:
            return session.scalars(select(Package).where(Package.org == org, Package.key == key)).first()

    def _latest(self, org: str, agent: str) -> Package | None:
        with self._registry.reading() as session:
            found = [one for one in packages.of_agent(session, org, agent) if one.kind == "retirement"]
        return max(found, key=lambda one: one.created_at, default=None)
