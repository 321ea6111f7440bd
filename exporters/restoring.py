"""Restoring: a package's rows back into a store, in a database of their own, so that nothing is counted twice.

Every restored table has a column `RestoredFrom` that names the package. What a database holds already is made anew.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from collector.store.connection import Store
from collector.store.migrate import load, migrate
from exporters import bag, packages
from exporters.bag import Counted
from exporters.engine import Engine
from exporters.signing import known
from exporters.tables import SOURCES, Source
from exporters.targets.base import Target, TargetError
from exporters.verifying import Verdict, verify
from exporters.works import Grip
from inventory.db.records import Package, PackageFile
from inventory.registry.change import Registry

MARK: Final = "RestoredFrom"
_KEPT_VIEWS: Final = ("otel_traces_trace_id_ts", "agent_activity", "operation_minute")
"""What is made of restored spans again; all else is in the package as it was."""


class Unverified(TargetError):
    """The package isn't what was signed: it isn't restored."""


class Restorer:
    """Verifies a package, and restores it."""

    def __init__(self, registry: Registry, engine: Engine, target: Target, staging: Path) -> None:
        self._registry = registry
        self._engine = engine
        self._target = target
        self._staging = staging

    def verify(self, grip: Grip) -> dict[str, Any]:
        """Read the whole package at the target again; the registry keeps what was found. Raises TargetError."""
        verdict = self.verdict(grip)
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            said = {"good": verdict.good, "findings": len(verdict.findings), "by": grip.by}
            change.record("verify", packages.KIND, grip.package, None, said)
        return {
            "good": verdict.good,
            "findings": [str(one) for one in verdict.findings],
            "files": verdict.files,
            "rows": verdict.rows,
            "bytes": verdict.bytes,
            "locked_until": verdict.locked_until.isoformat() if verdict.locked_until else None,
        }

    def verdict(self, grip: Grip) -> Verdict:
        """The same as it is; noted too. What the registry says of it counts as well: its digest and its versions."""
        with self._registry.reading() as session:
            package = packages.get(session, grip.org, grip.package)
            files = packages.files(session, package)
            trusted = frozenset(key.fingerprint for key in known(session))
        grip.told("reading what lies at the target", 0, len(files))

        def told(path: str, size: int) -> None:
            grip.progress.done += 1
            grip.progress.bytes += size

        until = package.locked_until if package.mode != "none" else None
        versions = {one.path: one.version for one in files}
        verdict = verify(self._target, package.prefix, trusted=trusted, until=until, versions=versions, told=told)
        if verdict.manifest_sha256 != package.manifest_sha256:
            verdict.bad(bag.TAG_MANIFEST, "it isn't the one that the registry knows: the package was replaced")
        with self._registry.database.writing() as session:
            grip.check(session)
            row = packages.get(session, grip.org, grip.package, change=True)
            row.verified_at = self._registry.now()
            row.verdict = "; ".join(str(one) for one in verdict.findings[:20])
        return verdict

    def restore(self, grip: Grip) -> dict[str, Any]:
        """Raises Unverified, TargetError, EngineFailed, Fenced or DatabaseError; done again it begins anew."""
        with self._registry.reading() as session:
            package = packages.get(session, grip.org, grip.package)
        verdict = self.verdict(grip)
        if not verdict.good:
            raise Unverified(f"it isn't what was signed, and isn't restored: {verdict.findings[0]}")
        with self._registry.reading() as session:
            files = {one.path: one for one in packages.files(session, package)}
        counts = bag.counted(b"".join(self._target.read(f"{package.prefix}/{bag.COUNTS}", files[bag.COUNTS].version)))
        name = database_of(self._engine.store, package)
        room = self._target.staging(self._staging) / f"restore-{package.id}"
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._drop(name)
        within = self._engine.store.within(name)
        try:
            self._tables(within, package)
            done = self._rows(grip, within, package, counts, files, room)
        finally:
            within.close()
            shutil.rmtree(room, ignore_errors=True)
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            row = packages.get(change.session, grip.org, grip.package, change=True)
            row.restored = name
            said = {"database": name, "rows": sum(done.values()), "by": grip.by}
            change.record("restore", packages.KIND, row.id, None, said)
        return {"database": name, "rows": sum(done.values()), "tables": done}

    def drop(self, grip: Grip) -> dict[str, Any]:
        """Remove what was restored."""
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            row = packages.get(change.session, grip.org, grip.package, change=True)
            name, row.restored = row.restored or database_of(self._engine.store, row), ""
            self._drop(name)
            change.record("drop", packages.KIND, row.id, {"database": name}, {"by": grip.by})
        return {"database": name}

    def _tables(self, within: Store, package: Package) -> None:
        migrate(within, load())
        client = within.client()
        views = client.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'MaterializedView'"
        ).result_rows
        kept = {f"{table}_mv" for table in _KEPT_VIEWS}
        for (view,) in views:
            if view not in kept:
                client.command(f"DROP VIEW {view} SYNC")
        for source in SOURCES:
            if source.restored:
                client.command(
                    f"ALTER TABLE {source.table} ADD COLUMN IF NOT EXISTS {MARK} LowCardinality(String) "
                    f"DEFAULT '{package.id}'"
                )

    def _rows(
        self,
        grip: Grip,
        within: Store,
        package: Package,
        counts: list[Counted],
        files: Mapping[str, PackageFile],
        room: Path,
    ) -> Mapping[str, int]:
        by_name: dict[str, Source] = {source.name: source for source in SOURCES if source.restored}
        wanted = [one for one in counts if one.table in by_name and one.file != "-"]
        done: dict[str, int] = {}
        grip.told("restoring", 0, sum(one.rows for one in wanted))
        for one in wanted:
            grip.told(one.file)
            staged = room / one.file.replace("/", "~")
            self._fetch(f"{package.prefix}/{one.file}", files[one.file], staged)
            table = by_name[one.table].table
            self._engine.read_back(within, table, staged)
            staged.unlink()
            done[table] = done.get(table, 0) + one.rows
            grip.progress.done += one.rows
        for table, rows in done.items():
            found = int(within.client().command(f"SELECT count() FROM {table}"))  # type: ignore[arg-type]
            if found != rows:
                raise TargetError(f"{found:,} of {rows:,} rows of {table} came back: it is begun anew", passing=True)
        return done

    def _fetch(self, key: str, known: PackageFile, staged: Path) -> None:
        """What was verified, and not what may lie there by now."""
        found = hashlib.sha256()
        with staged.open("wb") as file:
            for piece in self._target.read(key, known.version):
                found.update(piece)
                file.write(piece)
        if found.hexdigest() != known.sha256:
            raise Unverified(f"{key} was changed while it was restored")

    def _drop(self, name: str) -> None:
        self._engine.store.client().command(f"DROP DATABASE IF EXISTS {name} SYNC")


def database_of(store: Store, package: Package) -> str:
    """The database that a package is restored into."""
    return f"{store.database}_restored_{package.id.removeprefix('pkg_')}"
