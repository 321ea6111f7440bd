"""Retention by itself, and what it says when it may not go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from collector.retention.schedule import RetentionSchedule
from tests.collector.retention.shelf import GENEROUS, NOW, Shelf, days, policy

RULES = policy(content="30d", metadata="100d")
DAY = 86_400.0


def test_a_turn_removes_what_is_due_and_the_next_waits_for_its_time(shelf: Shelf) -> None:
    shelf.span("a", days(31), "one")
    shelf.span("b", days(29.5), "two")
    now = [NOW]
    schedule = RetentionSchedule(shelf.retention(RULES), every=DAY, now=lambda: now[0])
    assert schedule.turn() == 1
    now[0] = NOW + timedelta(hours=23)
    assert schedule.turn() is None
    now[0] = NOW + timedelta(hours=25)
    assert schedule.turn() == 1
    assert shelf.pieces() == []


def test_what_stops_a_turn_is_said(shelf: Shelf) -> None:
    shelf.span("a", days(31), "one")
    job = shelf.retention(RULES, limits=replace(GENEROUS, rows=0))
    schedule = RetentionSchedule(job, every=DAY, now=lambda: NOW)
    assert schedule.turn() is None
    assert "1 rows would go" in str(schedule.problem)
    assert shelf.pieces() == ["one"]


def test_it_starts_and_stops(shelf: Shelf) -> None:
    schedule = RetentionSchedule(shelf.retention(RULES), every=DAY)
    schedule.start()
    schedule.stop()
