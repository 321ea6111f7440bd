"""Exports: a package is planned, written, verified where it lies, sealed, locked, and only then counts.

    planned → writing → sealed → committed        (empty: there is nothing to keep)

Locking comes last: what a broken run leaves can be removed. Whatever a crash cut off is gone on with from what the
registry knows of each file; the same file is never written twice.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from collector.store import dormancy
from exporters import bag, documents, holds, packages, schedules
from exporters.bag import GAP, Counted, Info, Link
from exporters.engine import Engine, midnight
from exporters.hashing import Reading, pieces
from exporters.holding import mode_of
from exporters.settings import RecordsSettings
from exporters.signing import Signer, fingerprint, published
from exporters.stamping import Stamper
from exporters.tables import BY_NAME, SOURCES, Chosen
from exporters.targets.base import Target, TargetError
from exporters.works import Grip
from inventory.canonical import sha256
from inventory.db.models import Agent
from inventory.db.records import Package, PackageFile
from inventory.registry.change import Registry

log = logging.getLogger(__name__)
_AHEAD: Final = 2
"""Files that may wait to be delivered while the next is written: so much staging space is needed."""
_FINAL: Final = 1_000_000
"""Number of the first file that is made when the payload is whole."""


class Mismatch(TargetError):
    """Not what was counted was written: rows came or went meanwhile. It is planned anew."""


class Stopped(TargetError):
    """The process is to end: the rest is done by whoever takes it next."""


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """Whose spans prove that telemetry came through."""

    org: str
    service: str


class Exporter:
    """Writes one package at a time. `between` is called where a crash matters."""

    def __init__(
        self,
        registry: Registry,
        engine: Engine,
        target: Target,
        signer: Signer,
        settings: RecordsSettings,
        staging: Path,
        *,
        heartbeats: Heartbeats | None = None,
        stamper: Stamper | None = None,
        between: Callable[[str], None] = lambda point: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._registry = registry
        self._engine = engine
        self._target = target
        self._signer = signer
        self._settings = settings
        self._staging = staging
        self._heartbeats = heartbeats
        self._stamper = stamper
        self._between = between
        self._stopping = stopping

    def run(self, grip: Grip) -> dict[str, Any]:
        """Do all that is left. Raises TargetError, EngineFailed, Fenced or DatabaseError; what was done is kept."""
        package = self._get(grip)
        if package.state in ("committed", "disposed", "empty"):
            return result(package)
        self._target.check(self._settings.lock)
        if package.state == "planned":
            package = self._plan(grip, package)
        if package.state == "writing":
            self._write(grip, package)
            package = self._seal(grip, package)
        if package.state == "sealed":
            self._tags(grip, package)
            self._lock(grip, package)
            package = self._commit(grip)
        shutil.rmtree(self._room(package), ignore_errors=True)
        return result(package)

    # Planning: which traces, how many rows, which files.

    def _plan(self, grip: Grip, package: Package) -> Package:
        grip.told("looking what there is")
        now = self._registry.now()
        cutoff = now - timedelta(minutes=self._settings.settle_minutes)
        name = f"{package.id}.{grip.token}"
        with self._registry.reading() as session:
            before = packages.snapshots(session, package.org, package.agent)
        found = self._engine.snapshot(package.org, package.agent, name, package.starts, package.ends, cutoff, before)
        if found is None and package.kind != "retirement":
            return self._empty(grip, cutoff)
        chosen = Chosen(package.org, name, cutoff, found.first, found.last) if found else None
        rows = self._rows(package, chosen)
        gaps = self._gaps(package, now)
        with self._registry.reading() as session:
            package.cutoff = cutoff
            agent = session.get_one(Agent, (package.org, package.agent))
            retired = packages.retired_at(session, agent)
            kept = schedules.kept(session, package.org, agent, package.ends, now, retired)
            package.schedule, package.schedule_version = kept.schedule, kept.version
            package.disposition = kept.disposition
            package.locked_until = self._until(session, package, kept, now)
            made = documents.made(session, self._engine, package, chosen)
        self._between("planned")
        with self._registry.database.writing() as session:
            grip.check(session)
            row = packages.get(session, package.org, package.id, change=True)
            row.snapshot, row.cutoff, row.state = name if found else "", cutoff, "writing"
            row.schedule, row.schedule_version = kept.schedule, kept.version
            row.disposition, row.locked_until = kept.disposition, package.locked_until
            row.plan = {
                "first": str(chosen.first) if chosen else None, "last": str(chosen.last) if chosen else None,
                "traces": found.traces if found else 0, "gaps": {str(day): hours for day, hours in gaps.items()},
            }  # fmt: skip
            row.rows_expected = sum(one.expected or 0 for one in rows if not one.path.endswith(".parquet"))
            row.rows = row.size = 0
            for number, one in enumerate(rows):
                one.number = number
                session.add(one)
            for number, (path, content) in enumerate(made.items(), len(rows)):
                session.add(_file(package, path, number, content=content))
        return self._get(grip)

    def _empty(self, grip: Grip, cutoff: datetime) -> Package:
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            row = packages.get(change.session, grip.org, grip.package, change=True)
            row.state, row.cutoff, row.error = "empty", cutoff, ""
            change.record("empty", packages.KIND, row.id, None, {"until": cutoff.isoformat()})
        return row

    def _rows(self, package: Package, chosen: Chosen | None) -> list[PackageFile]:
        if chosen is None:
            return []
        files = []
        for source in SOURCES:
            counts = self._engine.counts(source, chosen)
            if not source.daily:
                path, expected = source.path(None), sum(counts.values())
                files.append(_file(package, path, 0, source=source.name, expected=expected))
                continue
            for day, expected in counts.items():
                path = source.path(day)
                files.append(_file(package, path, 0, source=source.name, day=day, expected=expected))
                if source.parquet:
                    path = source.path(day, "parquet")
                    files.append(_file(package, path, 0, source=source.name, day=day, expected=expected))
        return files

    def _gaps(self, package: Package, now: datetime) -> dict[date, int]:
        """Hours of each day in which nobody can say that nothing happened."""
        if self._heartbeats is None:
            return {}
        starts, ends = midnight(package.starts), min(midnight(package.ends), now)
        with self._engine.store.reader() as client:
            heard = dormancy.heartbeat(client, self._heartbeats.org, self._heartbeats.service, starts)
        found: dict[date, int] = {}
        for begin, end in heard.gaps(starts, ends):
            hour = begin
            while hour < end:
                found[hour.date()] = found.get(hour.date(), 0) + 1
                hour += timedelta(hours=1)
        return found

    def _until(self, session: Session, package: Package, kept: schedules.Kept, now: datetime) -> datetime | None:
        """Until when objects are locked: where its end isn't known yet, for the period from now, which is no longer."""
        if kept.schedule is None or kept.until is not None:
            return kept.until
        spec = schedules.get(session, package.org, kept.schedule)
        return schedules.after(spec.period, now)

    # Writing: the engine writes one file while the one before is delivered.

    def _write(self, grip: Grip, package: Package) -> None:
        room = self._room(package)
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._registry.reading() as session:
            files = packages.files(session, package)
        chosen = self._chosen(package)
        done = [one for one in files if one.state == "kept"]
        grip.told("writing", sum(one.rows or 0 for one in done if _counts(one)), package.rows_expected)
        grip.progress.bytes = sum(one.size or 0 for one in done)
        try:
            self._deliver(grip, package, (one for one in files if one.state != "kept"), chosen)
        except Mismatch as error:
            log.info("%s is planned anew: %s", package.id, error)
            self._again(grip, package, str(error))
            raise

    def _deliver(self, grip: Grip, package: Package, files: Iterable[PackageFile], chosen: Chosen | None) -> None:
        waiting: list[Future[None]] = []
        with ThreadPoolExecutor(1, thread_name_prefix="delivers") as pool:
            try:
                for one in files:
                    if grip.lost.is_set():
                        grip.renew()
                    if self._stopping():
                        raise Stopped("the process ends: it is gone on with soon", passing=True)
                    staged = self._make(grip, package, one, chosen)
                    while len(waiting) >= _AHEAD:
                        waiting.pop(0).result()
                    waiting.append(pool.submit(self._keep, grip, package, one, staged))
                for future in waiting:
                    future.result()
            finally:
                for future in waiting:
                    future.cancel()

    def _make(self, grip: Grip, package: Package, one: PackageFile, chosen: Chosen | None) -> Path:
        """The file in staging, with its digest noted; the one that is there already, if it is it."""
        staged = self._staged(package, one)
        if one.state in ("made", "put") and staged.exists() and _is(staged, one.sha256):
            return staged
        if one.state == "put":
            return staged  # it is where it belongs: what is left is to read it again
        if one.content is not None:
            staged.unlink(missing_ok=True)
            staged.write_bytes(one.content)
        else:
            assert chosen is not None
            source = BY_NAME[one.source]
            sql = source.rows(chosen, one.day, self._engine.columns(source.table))
            parquet = one.path.endswith(".parquet")
            grip.told(one.path)
            self._engine.write(sql, source.settings, staged, "Parquet" if parquet else "JSONEachRow")
        found = Reading(one.path).over(pieces(staged))
        if one.expected is not None and found.lines is not None and found.lines != one.expected:
            raise Mismatch(
                f"{one.path}: {found.lines:,} rows were written where {one.expected:,} were counted", passing=True
            )
        one.sha256, one.size, one.state = found.sha256, found.bytes, "made"
        one.rows = found.lines if found.lines is not None else one.expected
        self._note(grip, package, one, upload="")
        self._between(f"{one.path} made")
        return staged

    def _keep(self, grip: Grip, package: Package, one: PackageFile, staged: Path) -> None:
        """Bring it to the target, and read it there again."""
        key = f"{package.prefix}/{one.path}"
        if one.state == "made":

            def noted(upload: str) -> None:
                one.upload = upload
                self._note(grip, package, one)

            one.version = self._target.put(key, staged, one.sha256, one.upload, noted)
            self._between(f"{one.path} put")
            one.state = "put"
            self._note(grip, package, one)
        found = Reading(one.path).over(self._target.read(key, one.version))
        if (found.sha256, found.bytes) != (one.sha256, one.size) or found.broken:
            raise TargetError(
                f"{self._target.url}/{key} isn't what was written there ({found.bytes:,} bytes, {found.sha256[:16]}…): "
                "the store can't be trusted. Look at it before you try again"
            )
        one.state = "kept"
        if _counts(one):
            grip.progress.done += one.rows or 0
        grip.progress.bytes += one.size or 0
        self._note(grip, package, one)
        staged.unlink(missing_ok=True)
        self._between(f"{one.path} kept")

    def _note(self, grip: Grip, package: Package, one: PackageFile, upload: str | None = None) -> None:
        if upload is not None:
            one.upload = upload
        with self._registry.database.writing() as session:
            grip.check(session)
            row = session.get_one(PackageFile, (one.org, one.package, one.path))
            row.state, row.sha256, row.rows, row.size = one.state, one.sha256, one.rows, one.size
            row.upload, row.version = one.upload, one.version
            if one.state == "kept":
                kept = packages.get(session, package.org, package.id, change=True)
                kept.rows += (one.rows or 0) if _counts(one) else 0
                kept.size += one.size or 0

    def _again(self, grip: Grip, package: Package, why: str) -> None:
        """Nothing is locked yet: what was written goes, and the package is planned anew."""
        with self._registry.reading() as session:
            files = packages.files(session, package)
        for one in files:
            key, staged = f"{package.prefix}/{one.path}", self._staged(package, one)
            if one.state == "made" and staged.exists():
                # It may have got there without anybody noting it: that is found out by bringing it there.
                one.version = self._target.put(key, staged, one.sha256, one.upload, lambda upload: None)
            elif one.state not in ("put", "kept"):
                continue
            self._target.remove(key, one.version)
        with self._registry.database.writing() as session:
            grip.check(session)
            session.execute(delete(PackageFile).where(
                PackageFile.org == package.org, PackageFile.package == package.id
            ))  # fmt: skip
            row = packages.get(session, package.org, package.id, change=True)
            row.state, row.error, row.rows, row.size = "planned", why, 0, 0

    # Sealing: its place in the chain, and the signature over all of it.

    def _seal(self, grip: Grip, package: Package) -> Package:
        grip.told("signing")
        with self._registry.changing(grip.asking()) as change:
            session = change.session
            self._registry.database.lock_chain(session)
            grip.check(session)
            row = packages.get(session, package.org, package.id, change=True)
            files = packages.files(session, row)
            link = _link(session, row)
            content = bag.counts(_counted(row, files))
            session.add(_file(row, bag.COUNTS, _FINAL, content=content))
            listed = [(one.path, one.sha256, one.size or 0) for one in files]
            listed.append((bag.COUNTS, sha256(content), len(content)))
            assert row.cutoff is not None
            info = Info(row.id, row.org, row.agent, row.kind, row.starts, row.ends, row.cutoff, self._registry.now())
            pem = self._signer.pem
            tags = bag.tags(info, listed, link, pem)
            tag_manifest = bag.manifest({path: sha256(text) for path, text in tags.items()})
            signature = self._signer.sign(tag_manifest)
            made = {**tags, bag.TAG_MANIFEST: tag_manifest, bag.SIGNATURE: signature}
            for number, (path, text) in enumerate(made.items(), _FINAL + 1):
                session.add(_file(row, path, number, content=text))
            row.state, row.error, row.sequence = "sealed", "", link.sequence
            row.manifest_sha256, row.signature = sha256(tag_manifest), bag.signature_text(signature)
            row.fingerprint = fingerprint(pem)
            published(session, self._signer, change.at)
            change.record(
                "seal", packages.KIND, row.id, None,
                {"sequence": row.sequence, "tagmanifest_sha256": row.manifest_sha256, "rows": row.rows,
                 "signed_with": row.fingerprint},
            )  # fmt: skip
        self._between("sealed")
        return row

    def _tags(self, grip: Grip, package: Package) -> None:
        room = self._room(package)
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._registry.reading() as session:
            files = packages.files(session, package)
        if self._stamper is not None and not any(one.path == bag.TIMESTAMP for one in files):
            manifest = next(one for one in files if one.path == bag.TAG_MANIFEST)
            stamped = _file(package, bag.TIMESTAMP, _FINAL + 100, content=self._stamper.stamp(manifest.content or b""))
            with self._registry.database.writing() as session:
                grip.check(session)
                session.add(stamped)
            files = [*files, stamped]
        self._deliver(grip, package, (one for one in files if one.state != "kept"), None)

    # Locking, and the mark that it counts.

    def _lock(self, grip: Grip, package: Package) -> None:
        with self._registry.reading() as session:
            files = packages.files(session, package)
            held = bool(holds.over(session, self._engine.store, package))
        grip.told("locking", 0, len(files))
        until = package.locked_until if package.mode != "none" else None
        if until is not None and until <= self._registry.now():
            until = None  # its time is over already: no store takes such a lock
        for number, one in enumerate(files, 1):
            key = f"{package.prefix}/{one.path}"
            if until is not None:
                self._target.lock(key, one.version, mode_of(package), until)
            if held:
                self._target.hold(key, one.version, True)
            grip.progress.done = number
        self._between("locked")
        marker = self._marker(package, files)
        staged = self._room(package) / bag.COMMIT
        staged.unlink(missing_ok=True)
        staged.write_bytes(marker)
        key = f"{package.prefix}/{bag.COMMIT}"
        version = self._target.put(key, staged, sha256(marker), "", lambda upload: None)
        if until is not None:
            self._target.lock(key, version, mode_of(package), until)
        if held:
            self._target.hold(key, version, True)
        with self._registry.database.writing() as session:
            grip.check(session)
            row = packages.get(session, package.org, package.id, change=True)
            row.held = held
            if session.get(PackageFile, (package.org, package.id, bag.COMMIT)) is None:
                kept = _file(package, bag.COMMIT, _FINAL + 200)
                kept.state, kept.sha256, kept.size, kept.version = "kept", sha256(marker), len(marker), version
                session.add(kept)
        self._between("marked")

    @staticmethod
    def _marker(package: Package, files: Sequence[PackageFile]) -> bytes:
        """It says which version of each object is the package, and until when all are locked."""
        return bag.written(
            {
                "package": package.id,
                "tagmanifest_sha256": package.manifest_sha256,
                "locked_until": package.locked_until.isoformat() if package.locked_until else None,
                "mode": package.mode,
                "objects": [
                    {"path": one.path, "sha256": one.sha256, "bytes": one.size, "version": one.version}
                    for one in files
                    if one.path != bag.COMMIT
                ],
            }
        )

    def _commit(self, grip: Grip) -> Package:
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            row = packages.get(change.session, grip.org, grip.package, change=True)
            row.state, row.error, row.committed_at, row.verified_at = "committed", "", change.at, change.at
            for one in packages.files(change.session, row):
                if one.content is not None and one.path not in (bag.TAG_MANIFEST, bag.MANIFEST, bag.COUNTS):
                    one.content = None  # it is kept where it belongs
            change.record("commit", packages.KIND, row.id, None, result(row))
        return row

    def _chosen(self, package: Package) -> Chosen | None:
        if not package.snapshot or package.cutoff is None:
            return None
        first, last = date.fromisoformat(package.plan["first"]), date.fromisoformat(package.plan["last"])
        return Chosen(package.org, package.snapshot, package.cutoff, first, last)

    def _staged(self, package: Package, one: PackageFile) -> Path:
        return self._room(package) / one.path.replace("/", "~")

    def _room(self, package: Package) -> Path:
        return self._target.staging(self._staging) / package.id

    def _get(self, grip: Grip) -> Package:
        with self._registry.reading() as session:
            return packages.get(session, grip.org, grip.package)


def result(package: Package) -> dict[str, Any]:
    """What an export answers: what was written, where, how many rows, locked until when."""
    return {
        "package": package.id,
        "state": package.state,
        "where": f"{package.target}/{package.prefix}",
        "rows": package.rows,
        "bytes": package.size,
        "sequence": package.sequence,
        "tagmanifest_sha256": package.manifest_sha256,
        "locked_until": package.locked_until.isoformat() if package.locked_until else None,
        "mode": package.mode if package.locked_until else "none",
        "held": package.held,
    }


def _file(
    package: Package, path: str, number: int, *, source: str = "", day: date | None = None,
    expected: int | None = None, content: bytes | None = None,
) -> PackageFile:  # fmt: skip
    return PackageFile(
        org=package.org, package=package.id, path=path, number=number, source=source, day=day, expected=expected,
        content=content, state="waiting", sha256="", rows=None, size=None, upload="", version="",
    )  # fmt: skip


def _counts(one: PackageFile) -> bool:
    """Whether its rows are rows of the record: a copy's and a document's aren't."""
    return bool(one.source) and not one.path.endswith(".parquet")


def _is(path: Path, digest: str) -> bool:
    return bool(digest) and Reading("").over(pieces(path)).sha256 == digest


def _counted(package: Package, files: Sequence[PackageFile]) -> Iterable[Counted]:
    """Lines of counts.tsv: every day of the period has one for its traces, and every file of rows."""
    rows = [one for one in files if _counts(one)]
    there = {(one.source, one.day) for one in rows}
    day = package.starts
    while day < package.ends:
        if ("traces", day) not in there:
            yield Counted("traces", str(day), "-", 0, 0, 0)
        day += timedelta(days=1)
    for one in rows:
        yield Counted(one.source, str(one.day or "all"), one.path, one.expected or 0, one.rows or 0, one.size or 0)
    for gap, hours in sorted(package.plan.get("gaps", {}).items()):
        yield Counted(GAP, gap, "-", hours, 0, 0)


def _link(session: Session, row: Package) -> Link:
    newest = session.scalar(select(func.max(Package.sequence)).where(Package.org == row.org))
    if newest is None:
        return Link(row.org, 1, row.id)
    before = session.scalars(select(Package).where(Package.org == row.org, Package.sequence == newest)).one()
    return Link(row.org, newest + 1, row.id, before.id, before.manifest_sha256, before.signature)
