"""The control report: pass, fail or not assessed, each with the query and the rows behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from inventory import audit
from inventory.audit import Head
from inventory.canonical import canonical, sha256
from inventory.contract.controls import Check, Control, ControlReport, Result
from inventory.controls.checks import CHECKS, TITLES
from inventory.db.findings import Finding, FindingProgress
from inventory.db.records import RecordSchedule
from inventory.db.types import Utc
from inventory.findings.definitions import Definition, definitions

_SHOWN: Final = 50
_MOMENTS: Final = ("since", "until", "day_ago", "week_ago", "in_a_year")


def report(session: Session, org: str, since: datetime, until: datetime, anchored: Sequence[Head]) -> ControlReport:
    """`anchored`: signed heads of the audit chain that were kept elsewhere."""
    looked = session.get(FindingProgress, org)
    standing: dict[str, list[Finding]] = {}
    asked = select(Finding).where(Finding.org == org, Finding.state != "closed").order_by(Finding.rank, Finding.key)
    for row in session.scalars(asked):
        standing.setdefault(row.finding, []).append(row)
    controls = []
    for name, title in TITLES.items():
        checks = [
            *_of_rows(session, name, org, since, until), *_of_audit(session, name, anchored),
            *_of_schedules(session, name, org),
            *(
                _of_finding(definition, standing.get(definition.name, []), looked)
                for definition in definitions().values()
                if name in definition.controls
            ),
        ]  # fmt: skip
        controls.append(_control(name, title, checks))
    counts = {result: sum(one.result == result for one in controls) for result in ("pass", "fail", "not-assessed")}
    return ControlReport(
        as_of=until, since=since, until=until, org=org, counts=counts, controls=controls,
        digest=sha256(canonical([one.model_dump(mode="json") for one in controls])),
    )  # fmt: skip


def _control(name: str, title: str, checks: Sequence[Check]) -> Control:
    failed = [one for one in checks if one.result == "fail"]
    passed = [one for one in checks if one.result == "pass"]
    result: Result = "fail" if failed else "pass" if passed else "not-assessed"
    if failed:
        why = f"{len(failed)} of {len(checks)} checks failed: {'; '.join(one.says for one in failed)}."
    elif passed:
        left = len(checks) - len(passed)
        why = f"{len(passed)} checks passed{f', {left} could not be made' if left else ''}."
    else:
        why = "There is nothing yet that it could be assessed by."
    return Control(id=name, title=title, result=result, why=why, checks=list(checks))


def _of_rows(session: Session, name: str, org: str, since: datetime, until: datetime) -> Iterator[Check]:
    moments = {
        "since": since, "until": until, "day_ago": until - timedelta(days=1), "week_ago": until - timedelta(days=7),
        "in_a_year": until + timedelta(days=367),
    }  # fmt: skip
    for number, check in enumerate(CHECKS.get(name, ()), 1):
        there = session.scalar(_bound(check.of), {"org": org, **moments}) or 0
        rows = session.execute(_bound(check.against), {"org": org, **moments}).mappings().all()
        result: Result = "fail" if rows else "pass" if there else "not-assessed"
        yield Check(
            name=f"{name.lower()}-{number}", says=check.says, result=result, query=check.against,
            rows=[{key: _told(value) for key, value in row.items()} for row in rows[:_SHOWN]],
            more=max(0, len(rows) - _SHOWN),
        )  # fmt: skip


def _bound(sql: str) -> Any:
    """With moments as the tables keep them."""
    names = [name for name in _MOMENTS if f":{name}" in sql]
    return text(sql).bindparams(*(bindparam(name, type_=Utc()) for name in names))


def _of_finding(definition: Definition, rows: Sequence[Finding], looked: FindingProgress | None) -> Check:
    stands = [row for row in rows if row.state == "open"]
    result: Result = "not-assessed" if looked is None else "fail" if stands else "pass"
    return Check(
        name=definition.name, says=f"No finding: {definition.title}", result=result, query=definition.sql,
        rows=[
            {"finding": row.id, "about": row.key, "state": row.state, "times": str(row.hits),
             "last": row.last_at.isoformat(timespec="seconds"), "accepted": row.accepted_reason}
            for row in rows[:_SHOWN]
        ],
        more=max(0, len(rows) - _SHOWN),
    )  # fmt: skip


def _of_audit(session: Session, name: str, anchored: Sequence[Head]) -> Iterator[Check]:
    if name != "AU-9":
        return
    verdict = audit.verify(session, anchored)
    result: Result = "fail" if verdict.breaks else "pass" if verdict.entries else "not-assessed"
    rows = [{"entry": str(one.seq), "reason": one.reason} for one in verdict.breaks]
    head = {"entries": str(verdict.entries), "head": verdict.head.hash, "signed heads": str(verdict.anchors)}
    yield Check(
        name="au-9-chain", says="The audit log is whole: each entry follows the one before, as the signed heads say",
        result=result, query="GET /v1/audit/verify", rows=rows or [head],
    )  # fmt: skip


def _of_schedules(session: Session, name: str, org: str) -> Iterator[Check]:
    if name != "AU-11":
        return
    rows = session.scalars(select(RecordSchedule).where(RecordSchedule.org == org).order_by(RecordSchedule.id)).all()
    enabled = [row for row in rows if row.document.get("enabled")]
    result: Result = "not-assessed" if not rows else "pass" if enabled else "fail"
    yield Check(
        name="au-11-schedules", says="A schedule that somebody checked says how long records are kept",
        result=result, query="GET /v1/records/schedules",
        rows=[
            {"schedule": row.id, "enabled": str(bool(row.document.get("enabled"))).lower(),
             "verified by": row.document.get("verified_by") or "(nobody)"}
            for row in rows[:_SHOWN]
        ],
    )  # fmt: skip


def _told(value: Any) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
