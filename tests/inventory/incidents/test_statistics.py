"""What is called unusual: never by chance, always when it is; and since when."""

from __future__ import annotations

from random import Random

import pytest

from collector.store.health import Figures, Slot, Subject
from inventory.incidents import deviations, statistics

WINDOWS = 24


def _quiet(random: Random, rate: float, per_window: float) -> Figures:
    """Failures at a rate that itself drifts, as real ones do."""
    slots = {}
    for number in range(WINDOWS + 1):
        events = max(0, round(random.gauss(per_window, per_window**0.5)))
        drift = rate * random.uniform(0.6, 1.4)
        failed = sum(random.random() < drift for _ in range(events))
        p95 = int(3e9 * random.lognormvariate(0, 0.12))
        slots[number] = Slot(events=events, failed=failed, calls=events, p95_ns=p95)
    return Figures(registered=False, slots=slots)


def test_five_thousand_quiet_subjects_raise_next_to_no_alarm() -> None:
    random = Random(11)
    alarms = 0
    for number in range(5_000):
        rate, volume = random.choice([0.0, 0.005, 0.02, 0.08]), random.choice([15, 60, 400])
        found = deviations.found({Subject("tool", f"t{number}"): _quiet(random, rate, volume)}, WINDOWS, 1.0)
        alarms += bool(found)
    assert alarms <= 10  # of 10,000 questions: a page of 50 subjects lies once in ten


@pytest.mark.parametrize(
    ("usual", "now", "events"), [(0.0, 0.5, 20), (0.01, 0.3, 60), (0.02, 0.1, 400), (0.2, 0.6, 60)]
)
def test_a_rise_of_failures_is_seen(usual: float, now: float, events: int) -> None:
    random = Random(5)
    own = _quiet(random, usual, events)
    slots = {**own.slots, WINDOWS: Slot(events=events, failed=round(events * now))}
    (found, *_) = deviations.found({Subject("tool", "t"): Figures(registered=False, slots=slots)}, WINDOWS, 1.0)
    assert found.signal == "failures"
    assert found.score >= statistics.LIMIT


def test_trouble_of_hours_does_not_become_usual() -> None:
    slots = {n: Slot(events=60, failed=30 if n > WINDOWS - 5 else 1) for n in range(WINDOWS + 1)}
    (found,) = deviations.found({Subject("tool", "t"): Figures(registered=False, slots=slots)}, WINDOWS, 1.0)
    assert found.usual is not None
    assert found.usual < 0.02


def test_a_new_subject_is_held_against_its_kind() -> None:
    old = Figures(registered=False, slots={n: Slot(events=100, failed=1) for n in range(WINDOWS + 1)})
    new = Figures(registered=False, slots={WINDOWS: Slot(events=20, failed=15)})
    (found,) = deviations.found({Subject("tool", "old"): old, Subject("tool", "new"): new}, WINDOWS, 1.0)
    assert found.subject.name == "new"
    assert found.usual == pytest.approx(0.01)


def test_few_events_say_nothing() -> None:
    slots = {n: Slot(events=9, failed=9 if n == WINDOWS else 0) for n in range(WINDOWS + 1)}
    assert deviations.found({Subject("tool", "t"): Figures(registered=False, slots=slots)}, WINDOWS, 1.0) == []


@pytest.mark.parametrize("step", [3, 60, 117])
def test_the_step_of_change_is_found(step: int) -> None:
    random = Random(step)
    shares = [(sum(random.random() < (0.5 if n >= step else 0.02) for _ in range(8)), 8) for n in range(120)]
    at = statistics.share_since(shares, 0.02, 0.5)
    assert at is not None
    assert abs(at - step) <= 1
    sizes = [(random.lognormvariate(0.9 if n >= step else 0, 0.1), 8) for n in range(120)]
    assert statistics.size_since(sizes, 1.0, 2.46) == step


def test_what_was_always_so_began_before_the_first_step() -> None:
    assert statistics.share_since([(4, 8)] * 50, 0.02, 0.5) is None
