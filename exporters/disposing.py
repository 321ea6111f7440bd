"""Disposition: a package whose time is over is destroyed with what is left of its rows in the store, and certified.

One person asks, another approves. What stays of a package is what its chain needs, and the signed certificate.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.retention.items import Item
from collector.store.connection import Store
from collector.store.contents import literal
from exporters import bag, holds, packages, schedules
from exporters.engine import Engine
from exporters.restoring import Restorer, Unverified, database_of
from exporters.signing import Signer, fingerprint
from exporters.targets.base import Absent, Target, TargetError
from exporters.works import Grip, ask
from inventory.canonical import sha256
from inventory.contract.records import Decided
from inventory.db.models import Agent
from inventory.db.records import Disposition, Package, PackageFile
from inventory.registry.change import Change, Registry
from inventory.registry.errors import Clash, Forbidden, Missing

KIND: Final = "disposition"
STAYS: Final = (bag.TAG_MANIFEST, bag.SIGNATURE, bag.SIGNER, bag.CHAIN)
"""Of a package that was disposed of: its place in the chain can be checked still."""
_LEFT: Final = "rows of traces that are held, or that another agent's archive still waits for"
_COUNTED: Final = ("otel_traces", "otel_logs", "approvals", "evaluations", "span_facts", "trace_summaries")


class Disposes(Protocol):
    """As `collector.retention.job.Retention` has it."""

    def dispose(self, name: str, traces: str, now: datetime, last: date) -> list[Item]: ...


def why_not(session: Session, store: Store, package: Package, now: datetime) -> list[str]:
    """Why a package may not be disposed of; empty: it may. Schedules count as they are now, too."""
    found = []
    if held := holds.over(session, store, package):
        found.append(f"it is held for {', '.join(sorted({one.number for one in held}))}")
    agent = session.get_one(Agent, (package.org, package.agent))
    kept = schedules.kept(session, package.org, agent, package.ends, now, packages.retired_at(session, agent))
    if package.locked_until is None:
        found.append("no schedule said how long it is kept")
    elif package.locked_until > now:
        found.append(f"it is kept until {package.locked_until:%Y-%m-%d}")
    if kept.schedule is None:
        found.append("no enabled schedule is about its agent now")
    elif kept.until is None:
        found.append(f"by {kept.schedule} its period begins when {package.agent} is retired")
    elif kept.until > now and (package.locked_until is None or kept.until > package.locked_until):
        found.append(f"{kept.schedule} keeps it until {kept.until:%Y-%m-%d}")
    if "destroy" not in (package.disposition, kept.disposition) or {package.disposition, kept.disposition} & {
        "transfer", "permanent",
    }:  # fmt: skip
        found.append("no schedule lets it be destroyed")
    return found


def request(change: Change, store: Store, name: str, reason: str) -> Disposition:
    """Ask for it. Raises Missing, or Clash while it may not be."""
    package = packages.whole(packages.get(change.session, change.org, name, change=True))
    _may(change, store, package)
    waiting = [one for one in listed(change.session, change.org, package=name) if one.decided_at is None]
    if waiting:
        raise Clash(
            "It was asked for already", f"{waiting[0].requested_by} asked for it ({waiting[0].id}).",
            "approve or refuse that", "already-requested",
        )  # fmt: skip
    row = Disposition(
        org=change.org, id=f"disp_{secrets.token_hex(8)}", package=name, manifest_sha256=package.manifest_sha256,
        reason=reason, requested_by=change.actor, requested_at=change.at, decided_by=None, decided_at=None,
        approved=None, verdict="",
    )  # fmt: skip
    change.session.add(row)
    change.session.flush()
    change.record("request", KIND, row.id, None, {"package": name, "reason": reason})
    return row


def decide(change: Change, store: Store, name: str, given: Decided) -> Disposition:
    """The second person's word; approved, the package is disposed of. Raises Missing, Clash or Forbidden."""
    row = change.session.get(Disposition, (change.org, name), with_for_update=True)
    if row is None:
        raise Missing(KIND, name)
    if row.decided_at is not None:
        raise Clash("It was decided already", f"{row.decided_by} decided it.", "read it again", "already-decided")
    caller = change.asking.caller
    if row.requested_by in (change.actor, caller.issuer, f"person:{caller.person}"):
        raise Forbidden(
            "Somebody else must decide this", f"{change.actor} asked for it.", "ask a second person", "two-person-rule"
        )
    if given.approve:
        package = packages.whole(packages.get(change.session, change.org, row.package, change=True))
        _may(change, store, package)
        ask(change, package.id, "dispose")
    row.decided_by, row.decided_at, row.approved, row.verdict = change.actor, change.at, given.approve, given.reason
    word = "approve" if given.approve else "refuse"
    change.record(word, KIND, row.id, {"package": row.package}, {"reason": given.reason})
    return row


def listed(session: Session, org: str, *, package: str | None = None) -> Sequence[Disposition]:
    asked = select(Disposition).where(Disposition.org == org)
    if package is not None:
        asked = asked.where(Disposition.package == package)
    return session.scalars(asked.order_by(Disposition.requested_at, Disposition.id)).all()


def _may(change: Change, store: Store, package: Package) -> None:
    if reasons := why_not(change.session, store, package, change.at):
        raise Clash(
            "The package may not be disposed of", f"{package.id}: {'; '.join(reasons)}.",
            "wait, release the hold, or look at the schedules (GET /v1/records/schedules)", "kept",
        )  # fmt: skip


class Disposer:
    """Does what two people wanted. `between` is called where a crash matters."""

    def __init__(
        self, registry: Registry, engine: Engine, target: Target, signer: Signer, restorer: Restorer,
        retention: Disposes, staging: Path, *, between: Callable[[str], None] = lambda point: None,
    ) -> None:  # fmt: skip
        self._registry = registry
        self._engine = engine
        self._target = target
        self._signer = signer
        self._restorer = restorer
        self._retention = retention
        self._staging = staging
        self._between = between

    def run(self, grip: Grip) -> dict[str, Any]:
        """Raises TargetError, HoldsFailed, RetentionError, EngineFailed, Fenced or DatabaseError; begun, it is gone on
        with: the certificate is made before anything goes, and says at its end what went.
        """
        with self._registry.reading() as session:
            package = packages.get(session, grip.org, grip.package)
            files = packages.files(session, package)
            wanted = [one for one in listed(session, grip.org, package=package.id) if one.approved]
        if package.state == "disposed":
            self._publish(package)
            return package.certificate or {}
        if not wanted:
            raise Unverified("nobody approved it: ask, and let a second person approve")
        if package.certificate is None:
            package = self._begin(grip, wanted[-1])
        assert package.certificate is not None
        rows = self._rows(grip, package)
        self._between("rows gone")
        self._objects(grip, package, files)
        self._between("objects gone")
        return self._certify(grip, package, rows)

    def _begin(self, grip: Grip, wanted: Disposition) -> Package:
        """It must verify, and still be allowed: from here on it goes."""
        verdict = self._restorer.verdict(grip)
        if not verdict.good:
            raise Unverified(f"it isn't what was signed, and isn't destroyed: {verdict.findings[0]}")
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            row = packages.get(change.session, grip.org, grip.package, change=True)
            _may(change, self._engine.store, row)
            row.certificate = {
                "package": row.id, "agent": row.agent, "organisation": row.org, "from": str(row.starts),
                "to": str(row.ends), "sequence": row.sequence, "tagmanifest_sha256": row.manifest_sha256,
                "where": f"{row.target}/{row.prefix}", "rows_archived": row.rows, "bytes_archived": row.size,
                "files": verdict.files, "schedule": row.schedule, "schedule_version": row.schedule_version,
                "kept_until": row.locked_until.isoformat() if row.locked_until else None, "reason": wanted.reason,
                "requested_by": wanted.requested_by, "requested_at": wanted.requested_at.isoformat(),
                "approved_by": wanted.decided_by,
                "approved_at": wanted.decided_at.isoformat() if wanted.decided_at else None,
                "verified_at": row.verified_at.isoformat() if row.verified_at else None,
                "begun_at": change.at.isoformat(), "rows_before": self._counts(row, self._traces(row)),
            }  # fmt: skip
            change.record("begin", KIND, wanted.id, None, {"package": row.id})
        self._between("begun")
        return row

    def _traces(self, package: Package, *, kept: bool = False) -> str:
        """SQL for the package's traces that may go (`kept`: that stay): those that are in no other package that is
        still kept, of which nothing came in since, and that no other agent's archive waits for.
        """
        assert package.cutoff is not None
        until = f"toDateTime64('{package.cutoff:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')"
        org = literal(package.org)
        mine = f"SELECT TraceId FROM record_traces WHERE Org = {org} AND Snapshot = {literal(package.snapshot)}"
        with self._registry.reading() as session:
            others = session.scalars(
                select(Package.snapshot).where(
                    Package.org == package.org, Package.id != package.id, Package.snapshot != "",
                    Package.state.in_(("writing", "sealed", "committed")),
                )
            ).all()  # fmt: skip
        named = ", ".join(literal(one) for one in others) or "''"
        stay = (
            f"SELECT TraceId FROM record_traces WHERE Org = {org} AND Snapshot IN ({named}) AND TraceId IN ({mine}) "
            f"UNION ALL SELECT TraceId FROM otel_traces WHERE Org = {org} AND ReceivedAt > {until} "
            f"AND TraceId IN ({mine})"
        )
        return (
            f"SELECT Org, TraceId, LastDay FROM record_traces WHERE Org = {org} "
            f"AND Snapshot = {literal(package.snapshot)} AND TraceId {'' if kept else 'NOT '}IN ({stay})"
        )

    def _counts(self, package: Package, traces: str) -> dict[str, int]:
        """Rows of the traces in each table, now."""
        if not package.snapshot:
            return {}
        client = self._engine.store.client()
        return {
            table: int(
                client.command(  # type: ignore[arg-type]
                    f"SELECT count() FROM {table}{' FINAL' if table == 'trace_summaries' else ''} WHERE "
                    f"Org = {literal(package.org)} AND TraceId IN (SELECT TraceId FROM ({traces}))"
                )
            )
            for table in _COUNTED
        }

    def _rows(self, grip: Grip, package: Package) -> dict[str, Any]:
        if not package.snapshot:
            return {"removed": 0, "after": {}, "left": "", "kept_traces": 0}
        grip.told("removing rows from the store")
        self._engine.store.client().command(f"DROP DATABASE IF EXISTS {database_of(self._engine.store, package)} SYNC")
        traces = self._traces(package)
        last = date.fromisoformat(package.plan["last"])
        removed = self._retention.dispose(f"dispose-{package.id}", traces, self._registry.now(), last)
        client = self._engine.store.client()
        stayed = client.command(f"SELECT count() FROM ({self._traces(package, kept=True)})")
        after = self._counts(package, traces)
        return {
            "removed": sum(one.rows for one in removed),
            "after": after,
            "left": _LEFT if any(after.values()) else "",
            "kept_traces": int(stayed),  # type: ignore[arg-type]
        }

    def _objects(self, grip: Grip, package: Package, files: Sequence[PackageFile]) -> None:
        going = [one for one in files if one.path not in STAYS and one.version != "gone"]
        grip.told("removing objects", 0, len(going))
        for one in going:
            key = f"{package.prefix}/{one.path}"
            self._target.remove(key, one.version)
            try:
                for _ in self._target.read(key, one.version):
                    break
                raise TargetError(f"{self._target.url}/{key} is still there after it was removed", passing=True)
            except Absent:
                pass
            with self._registry.database.writing() as session:
                grip.check(session)
                session.get_one(PackageFile, (one.org, one.package, one.path)).version = "gone"
            grip.progress.done += 1

    def _certify(self, grip: Grip, package: Package, rows: dict[str, Any]) -> dict[str, Any]:
        """Sign what was done, and keep it where the package was."""
        certificate = {
            **(package.certificate or {}), "rows": rows, "ended_at": self._registry.now().isoformat(),
            "signed_with": fingerprint(pem := self._signer.pem),
        }  # fmt: skip
        signature = self._signer.sign(bag.written(certificate))
        with self._registry.changing(grip.asking()) as change:
            grip.check(change.session)
            row = packages.get(change.session, grip.org, grip.package, change=True)
            row.state, row.disposed_at, row.restored = "disposed", change.at, ""
            row.certificate = {**certificate, "signature": bag.signature_text(signature), "pem": pem}
            change.record("dispose", packages.KIND, row.id, {"rows": row.rows}, row.certificate)
        self._publish(row)
        return row.certificate

    def _publish(self, package: Package) -> None:
        """Keep the certificate where the package was; it is there already: nothing."""
        said = dict(package.certificate or {})
        signature, pem = base64.b64decode(said.pop("signature")), said.pop("pem")
        room = self._target.staging(self._staging)
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = {bag.CERTIFICATE: bag.written(said), bag.CERTIFICATE_SIGNATURE: signature, bag.CERTIFIER: pem.encode()}
        for name, text in made.items():
            staged = room / f"{package.id}~{name}"
            staged.unlink(missing_ok=True)
            staged.write_bytes(text)
            self._target.put(f"{package.prefix}/{name}", staged, sha256(text), "", lambda upload: None)
            staged.unlink(missing_ok=True)
