"""Rows as the API answers them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from collector.store.connection import Store
from exporters import holds, packages
from inventory.contract import records as wire
from inventory.db.records import Disposition, Package, RecordHold, RecordSchedule, RecordWork, SigningKey

_PACKAGE = (
    "id", "agent", "kind", "starts", "ends", "number", "state", "error", "cutoff", "target", "prefix", "schedule",
    "disposition", "mode", "locked_until", "sequence", "manifest_sha256", "fingerprint", "rows", "rows_expected",
    "held", "requested_by", "created_at", "committed_at", "verified_at", "verdict", "disposed_at", "restored",
)  # fmt: skip


def schedule_answer(row: RecordSchedule) -> wire.Schedule:
    spec = wire.ScheduleSpec.model_validate(row.document)
    return wire.Schedule(id=row.id, revision=row.revision, spec=spec, updated_at=row.updated_at)


def _package(row: Package) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in _PACKAGE}, "bytes": row.size}


def package_answer(row: Package) -> wire.Package:
    return wire.Package.model_validate(_package(row))


def package_detail(session: Session, store: Store, row: Package) -> wire.PackageDetail:
    files = [
        wire.PackageFile(
            path=one.path, state=one.state, sha256=one.sha256, rows=one.rows, expected=one.expected, bytes=one.size,
            version=one.version,
        )
        for one in packages.files(session, row)
    ]  # fmt: skip
    over = [hold_answer(one) for one in holds.over(session, store, row)]
    return wire.PackageDetail.model_validate(
        {**_package(row), "files": files, "holds": over, "certificate": row.certificate}
    )


def work_answer(row: RecordWork) -> wire.Work:
    progress = row.progress
    return wire.Work.model_validate(
        {
            "id": row.id, "package": row.package, "kind": row.kind, "state": row.state, "by": row.by,
            "asked_at": row.asked_at, "ended_at": row.ended_at, "attempts": row.attempts,
            "what": progress.get("what", ""), "done": progress.get("done", 0), "total": progress.get("total", 0),
            "bytes": progress.get("bytes", 0), "error": row.error, "result": row.result,
        }
    )  # fmt: skip


def hold_answer(row: RecordHold) -> wire.Hold:
    names = wire.Hold.model_fields
    return wire.Hold.model_validate({name: getattr(row, name) for name in names})


def disposition_answer(row: Disposition) -> wire.Disposition:
    names = wire.Disposition.model_fields
    return wire.Disposition.model_validate({name: getattr(row, name) for name in names})


def key_answer(row: SigningKey) -> wire.Key:
    return wire.Key(fingerprint=row.fingerprint, pem=row.pem, since=row.since, until=row.until)
