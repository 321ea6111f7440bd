"""Findings open once, are counted, close by themselves, are accepted until a day, and come back; cases are opened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from collector.store.findings import Group
from inventory.contract.findings import AcceptFinding
from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.db.engine import Database
from inventory.db.findings import Finding
from inventory.findings.weekly import review_list
from inventory.registry import agents, findings
from inventory.registry.change import Registry
from inventory.registry.errors import Clash, Unfit
from inventory.registry.findings import Kept
from lifecycle import policies
from lifecycle.violations import of_finding
from tests.inventory.registry.asking import add, asking, ready, registry

BEGIN = datetime(2026, 3, 2, 2, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(database: Database, clock: Clock) -> Registry:
    made = registry(database, "alice")
    made.now = clock
    return made


def _group(finding: str = "duplicate-write", key: str = "writer/pay", hits: int = 1, at: datetime = BEGIN) -> Group:
    ns = int(at.timestamp()) * 1_000_000_000
    return Group(finding, key, key.partition("/")[0], hits, ns, ns, {"tool": "pay"}, ["a" * 32])


def _keep(opened: Registry, *groups: Group, cases: bool = False) -> Kept:
    with opened.changing(asking()) as change:
        return findings.keep(change, groups, of_finding if cases else None)


def _rows(opened: Registry) -> Sequence[Finding]:
    with opened.reading() as session:
        return session.scalars(select(Finding).order_by(Finding.opened_at)).all()


def test_the_same_is_one_finding_however_often_it_is_found(opened: Registry, clock: Clock) -> None:
    assert _keep(opened, _group()) == Kept(1, 0, 1)
    clock.now += DAY
    assert _keep(opened, _group(hits=5, at=BEGIN + DAY)) == Kept(0, 0, 1)
    (row,) = _rows(opened)
    assert (row.hits, row.state, row.severity, row.opened_at, row.last_at) == (5, "open", "high", BEGIN, BEGIN + DAY)


def test_what_is_not_found_any_more_closes_and_counts_when_it_comes_back(opened: Registry, clock: Clock) -> None:
    _keep(opened, _group())
    clock.now += DAY
    assert _keep(opened) == Kept(0, 1, 0)
    clock.now += DAY
    _keep(opened, _group())
    first, again = _rows(opened)
    assert (first.state, first.outcome, first.closed_at) == ("closed", "not found any more", BEGIN + DAY)
    assert (again.state, again.recurrence) == ("open", 1)
    with opened.reading() as session:
        events = [(event.what, event.at) for event in findings.events(session, first)]
        assert events == [("open", BEGIN), ("close", BEGIN + DAY)]
        assert [one.kind for one in review_list(session, "default", BEGIN - DAY, clock.now).items] == ["recurring"]


def test_what_nobody_does_for_a_month_closes(opened: Registry, clock: Clock) -> None:
    _keep(opened, _group())
    clock.now += 31 * DAY
    _keep(opened)
    assert _rows(opened)[0].outcome == "not seen for 30 days"


def test_a_finding_is_lived_with_until_a_day(opened: Registry, clock: Clock) -> None:
    _keep(opened, _group())
    name = _rows(opened)[0].id
    with pytest.raises(Unfit, match="until"), opened.changing(asking()) as change:
        findings.accept(change, name, AcceptFinding(reason="no", until=BEGIN - DAY))
    with opened.changing(asking()) as change:
        findings.accept(change, name, AcceptFinding(reason="keys come in May", until=BEGIN + 3 * DAY))
    clock.now += DAY
    assert _keep(opened, _group(hits=2)).opened == 0
    assert (_rows(opened)[0].state, _rows(opened)[0].hits) == ("accepted", 2)
    clock.now += 2 * DAY
    _keep(opened, _group(hits=2))
    (row,) = _rows(opened)
    assert (row.state, row.accepted_until, row.accepted_reason) == ("open", None, "")
    with opened.reading() as session:
        assert [event.what for event in findings.events(session, row)] == ["open", "accept", "reopen"]
        assert findings.events(session, row)[1].details["reason"] == "keys come in May"
    with pytest.raises(Clash, match="open"), opened.changing(asking()) as change:
        findings.reopen(change, name, "")


def test_a_finding_opens_a_case_where_the_policy_names_it(opened: Registry, clock: Clock) -> None:
    revision = add(opened, "writer", ready())
    with opened.changing(asking(if_match=revision)) as change:
        agents.move(change, "writer", "active", "")
    spec = policies.DEFAULTS["violation-2"].model_copy(update={"findings": ["ran-after-denial"]})
    with opened.changing(asking()) as change:
        policies.put(change, "violation-2", spec)
    _keep(opened, _group("ran-after-denial"), _group(), _group("ran-after-denial", "stranger/pay"), cases=True)
    by = {(row.finding, row.agent): row for row in _rows(opened)}
    assert by["duplicate-write", "writer"].case is None
    assert by["ran-after-denial", "stranger"].case is None
    with opened.reading() as session:
        case = session.get_one(db.Case, ("default", by["ran-after-denial", "writer"].case or ""))
        assert (case.agent, case.reason) == ("writer", "violation")
    with pytest.raises(Unfit, match="findings"), opened.changing(asking()) as change:
        policies.put(change, "violation-2", spec.model_copy(update={"findings": ["nothing-such"]}))
    with pytest.raises(Unfit, match="findings"), opened.changing(asking()) as change:
        policies.put(change, "idle", PolicySpec(reason="idle", findings=["hop-limit"]))
