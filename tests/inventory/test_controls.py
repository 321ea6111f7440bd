"""The control report: what holds, what fails with the rows that say so, what can't be assessed yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from collector.store.findings import Group
from inventory.contract.controls import ControlReport
from inventory.contract.findings import AcceptFinding
from inventory.controls.report import report
from inventory.db.engine import Database
from inventory.db.findings import FindingProgress
from inventory.registry import agents, findings
from inventory.registry.change import Registry
from tests.inventory.registry.asking import add, asking, ready, registry


def _report(opened: Registry) -> ControlReport:
    now = datetime.now(UTC)
    with opened.reading() as session:
        return report(session, "default", now - timedelta(days=30), now, [])


def _looked(opened: Registry) -> None:
    now = opened.now()
    with opened.database.writing() as session:
        session.add(FindingProgress(org="default", until=now, looked_at=now, traces=0, seconds={}))


def test_nothing_is_assessed_before_there_is_something(database: Database) -> None:
    found = _report(registry(database))
    assert {one.result for one in found.controls} == {"not-assessed"}
    assert len(found.controls) == 16
    assert found.counts == {"pass": 0, "fail": 0, "not-assessed": 16}


def test_a_control_fails_with_the_rows_that_speak_against_it(database: Database) -> None:
    opened = registry(database, "alice")
    revision = add(opened, "writer", ready())
    with opened.changing(asking(if_match=revision)) as change:
        agents.move(change, "writer", "active", "")
    _looked(opened)
    before = {one.id: one for one in _report(opened).controls}
    assert before["AC-2"].result == "pass"
    assert before["AC-6"].result == "pass"
    assert before["AU-9"].result == "pass"
    assert before["CM-6"].result == "fail"
    assert before["CM-6"].checks[0].rows == [{"agent": "writer"}]
    ns = int(opened.now().timestamp()) * 1_000_000_000
    group = Group("tool-not-allowed", "writer/delete", "writer", 3, ns, ns, {"tool": "delete"}, [])
    with opened.changing(asking()) as change:
        findings.keep(change, [group])
    with opened.database.writing() as session:
        session.execute(text("UPDATE people SET active = false WHERE id = 'alice'"))
    after = {one.id: one for one in _report(opened).controls}
    assert after["AC-2"].result == "fail"
    assert after["AC-2"].checks[0].rows == [{"agent": "writer", "owner": "alice"}]
    assert after["AC-6"].result == "fail"
    (failed,) = [check for check in after["AC-6"].checks if check.result == "fail"]
    assert failed.rows[0]["about"] == "writer/delete"
    assert "SELECT" in failed.query


def test_an_accepted_finding_fails_nothing_and_is_told(database: Database) -> None:
    opened = registry(database)
    _looked(opened)
    ns = int(opened.now().timestamp()) * 1_000_000_000
    with opened.changing(asking()) as change:
        findings.keep(change, [Group("hop-limit", "a/hops", "a", 1, ns, ns, {}, [])])
    with opened.reading() as session:
        (row,) = findings.listed(session, "default", 10, None)[0]
    with opened.changing(asking()) as change:
        until = opened.now() + timedelta(days=3)
        findings.accept(change, row.id, AcceptFinding(reason="meant", until=until))
    control = next(one for one in _report(opened).controls if one.id == "SI-10")
    check = next(one for one in control.checks if one.name == "hop-limit")
    assert (check.result, check.rows[0]["accepted"]) == ("pass", "meant")
