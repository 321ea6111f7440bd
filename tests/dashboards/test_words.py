"""Figures read the same everywhere, and what is unknown never reads as 0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards import words
from inventory import contract
from tests.dashboards.spans import trace

BERLIN = ZoneInfo("Europe/Berlin")
THEN = datetime(2026, 3, 2, 23, 14, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (0, "0"), (999, "999 ns"), (1_500, "1.5 µs"), (12_400_000, "12.4 ms"), (999_600_000, "1 s"),
        (2_670_000_000, "2.67 s"), (59_960_000_000, "1 min 00 s"), (185_000_000_000, "3 min 05 s"),
        (3_599_900_000_000, "1 h 00 min"), (8_040 * 10**9, "2 h 14 min"), (3 * 86_400 * 10**9, "3 d 0 h"),
    ],
)  # fmt: skip
def test_durations_have_three_digits_that_matter(ns: int, expected: str) -> None:
    assert words.duration(ns) == expected


def test_unknown_is_a_dash() -> None:
    assert (words.count(None), words.count(0), words.count(1234567)) == ("–", "0", "1,234,567")


def test_utc_comes_first_and_the_readers_zone_second() -> None:
    assert words.moment(THEN) == "2026-03-02 23:14:07 UTC"
    assert words.moment(THEN, BERLIN) == "2026-03-02 23:14:07 UTC (2026-03-03 00:14:07 CET)"
    window = contract.Window(since=THEN - timedelta(hours=2), until=THEN)
    assert words.window(window) == "2026-03-02 21:14 to 23:14 UTC"
    assert words.window(window, BERLIN) == "2026-03-02 21:14 to 23:14 UTC (22:14 to 2026-03-03 00:14 CET)"


def test_a_zone_nobody_knows_is_utc() -> None:
    assert words.zone("Mars/Olympus") is UTC
    assert words.zone(None) is UTC
    assert words.zone("Europe/Berlin") == BERLIN


def test_ago_says_so_when_a_clock_is_ahead() -> None:
    assert words.ago(THEN - timedelta(seconds=90), THEN) == "1 min 30 s ago"
    assert words.ago(THEN, THEN) == "just now"
    assert words.ago(THEN + timedelta(seconds=5), THEN) == "in the future"


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("12.346", "$12.35"),
        ("0.00021", "$0.00021"),
        ("0.5", "$0.50"),
        ("0", "$0.00"),
        ("1234", "$1,234.00"),
        (None, "–"),
    ],
)
def test_money(usd: str | None, text: str) -> None:
    assert words.money(None if usd is None else Decimal(usd)) == text


def test_a_cost_says_what_it_leaves_out_and_never_zero_for_unknown() -> None:
    assert words.cost(trace(model_calls=2)) == "not worked out yet"
    assert words.cost(trace(sealed=True)) == "no model call"
    sealed: dict[str, Any] = {"sealed": True, "model_calls": 3}
    assert words.cost(trace(**sealed, cost=None, unpriced_calls=3)) == "unpriced (3 calls)"
    assert words.cost(trace(**sealed, cost=Decimal("1.5"), unpriced_calls=1)) == "$1.50 and 1 unpriced call"
    assert words.cost(trace(**sealed, cost=Decimal("1.5"), unpriced_calls=0)) == "$1.50"
