"""What a run may do at most, and which clocks it believes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from importlib import resources

import pytest

from collector.retention.limits import ClockDoubtful, Limits, TooMuchAtOnce
from tests.collector.retention.shelf import GENEROUS, NOW, Shelf, days, policy

RULES = policy(content="30d", metadata="100d")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (replace(GENEROUS, rows=3), "rows would go, 3 may at once"),
        (replace(GENEROUS, percent=50, percent_from=1), "2 of 3 rows of contents would go (66.7 %), 50 % may at once"),
    ],
)
def test_a_run_that_would_remove_too_much_stops_before_the_first_action(
    shelf: Shelf, limits: Limits, words: str
) -> None:
    for age, trace in ((120, "a"), (110, "b"), (5, "c")):
        shelf.span(trace, days(age), "one")
    before = shelf.everything()
    job = shelf.retention(RULES, limits=limits)
    plan = job.plan(NOW)
    with pytest.raises(TooMuchAtOnce, match=re.escape(words)):
        job.run(plan)
    assert shelf.everything() == before
    assert job.run(plan, limits=GENEROUS) == plan.items


def test_a_run_does_the_oldest_days_first_and_traces_whole(shelf: Shelf) -> None:
    shelf.span("a", days(130), "a1")
    shelf.span("a", days(128), "a2")
    shelf.span("b", days(129), "b1")
    shelf.span("c", days(127), "c1")
    kept = shelf.span("d", days(5), "d1")
    job = shelf.retention(RULES, limits=replace(GENEROUS, days=1))
    left = []
    for _ in range(6):
        plan = job.plan(NOW)
        removed = job.run(plan)
        left.append(len(shelf.said()))
        if not removed:
            break
    assert left == sorted(left, reverse=True)
    assert left[0] in (2, 3, 4)
    assert not plan.later
    assert {*shelf.said()} == {kept}
    assert shelf.pieces() == ["d1"]


def test_bytes_cut_a_run_short(shelf: Shelf) -> None:
    for age in (50, 49, 48):
        shelf.span(str(age), days(age), "x" * 1000)
    job = shelf.retention(RULES, limits=replace(GENEROUS, bytes=1500))
    plan = job.plan(NOW)
    assert (plan.rows, plan.bytes, plan.later) == (1, 1000, True)
    job.run(plan)
    assert shelf.count("contents") == 2


def test_a_clock_that_is_behind_is_not_believed(shelf: Shelf) -> None:
    shelf.span("a", days(40), "one")
    shelf.span("b", days(0), "two")
    job = shelf.retention(RULES, limits=Limits())
    with pytest.raises(ClockDoubtful, match="--confirm-clock"):
        job.plan(NOW - timedelta(days=2))
    assert job.plan(NOW).rows


def test_a_clock_that_jumped_is_not_believed_until_somebody_says_so(shelf: Shelf) -> None:
    shelf.span("a", days(40), "one")
    shelf.span("b", days(1), "two")
    job = shelf.retention(RULES, limits=Limits())
    with pytest.raises(ClockDoubtful, match="the newest telemetry is of 2030-06-14 12:00"):
        job.plan(NOW + timedelta(days=30))
    job.run(job.plan(NOW))
    with pytest.raises(ClockDoubtful, match="the last run was 2030-06-15 12:00"):
        job.plan(NOW + timedelta(days=8))
    assert job.plan(NOW + timedelta(days=40), confirm_clock=True).rows == 1


def test_no_table_that_holds_records_has_a_ttl() -> None:
    folder = resources.files("collector.store").joinpath("schema")
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    assert len(files) > 20
    with_ttl = {file.name.split("_", 1)[1] for file in files if re.search(r"^\s*TTL\b", file.read_text(), re.MULTILINE)}
    assert with_ttl == {"arrivals.sql"}
