"""Whose time it was: own time, the critical path, and the time people were waited for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from collector.sealing.structure import structure
from tests.collector.sealing.columns import spans, understood
from tests.collector.sealing.oracle import Row

MS = 1_000_000
NOON = 1_800_000_000_000_000_000


def test_three_tool_calls_of_500_ms_one_after_the_other_are_1500_of_1600_ms() -> None:
    said, trace = understood(
        Row(1, 0, NOON, 1600 * MS),
        *(Row(2 + each, 1, NOON + (50 + 500 * each) * MS, 500 * MS) for each in range(3)),
    )
    assert said[1].own_ns == said[1].critical_ns == 100 * MS
    assert [(said[each].critical, said[each].critical_ns) for each in (2, 3, 4)] == [(True, 500 * MS)] * 3
    assert trace.critical_ns == 1600 * MS


def test_of_three_tool_calls_at_once_only_the_slowest_is_waited_for() -> None:
    said, trace = understood(
        Row(1, 0, 0, 100),
        Row(2, 1, 10, 50),
        Row(3, 1, 10, 80),
        Row(4, 1, 10, 60),
    )
    assert [said[each].critical for each in (1, 2, 3, 4)] == [True, False, True, False]
    assert (said[1].critical_ns, said[3].critical_ns, trace.critical_ns) == (20, 80, 100)
    assert said[1].own_ns == 20, "what runs at once covers a moment once"


def test_before_the_slowest_comes_whatever_had_finished_when_it_began() -> None:
    said, _ = understood(
        Row(1, 0, 0, 100),
        Row(2, 1, 0, 30),
        Row(3, 1, 0, 45),
        Row(4, 1, 40, 60),
    )
    assert [said[each].critical for each in (2, 3, 4)] == [True, False, True]
    assert said[1].critical_ns == 10


def test_a_call_that_fails_and_is_tried_again_is_waited_for_twice() -> None:
    said, trace = understood(
        Row(1, 0, 0, 100),
        Row(2, 1, 0, 90),
        Row(3, 2, 0, 30),
        Row(4, 2, 50, 40),
    )
    assert [said[each].critical_ns for each in (1, 2, 3, 4)] == [10, 20, 30, 40]
    assert trace.critical_ns == 100
    assert said[2].own_ns == 20, "the wait between the tries is the caller's"


def test_calls_nested_one_after_the_other_share_the_roots_duration_out() -> None:
    rows = [Row(1, 0, 0, 1000), Row(2, 1, 100, 300), Row(3, 1, 400, 500), Row(4, 3, 450, 100), Row(5, 3, 600, 300)]
    said, _ = understood(*rows)
    assert sum(each.own_ns for each in said.values()) == 1000
    assert all(each.own_ns == each.critical_ns for each in said.values())


def test_nobody_waits_for_what_runs_on_after_its_parents_end() -> None:
    said, trace = understood(Row(1, 0, 0, 100), Row(2, 1, 80, 500), Row(3, 2, 90, 400))
    assert said[2].own_ns == 100, "500 without the 400 of its own child"
    assert said[1].own_ns == 80
    assert [said[each].critical_ns for each in (1, 2, 3)] == [80, 10, 10]
    assert (trace.end_ns, trace.critical_ns) == (580, 100)


def test_what_starts_after_its_parents_end_is_not_on_the_path_nor_in_its_time() -> None:
    said, trace = understood(Row(1, 0, 0, 100), Row(2, 1, 100, 50), Row(3, 2, 110, 10))
    assert [said[each].critical for each in (1, 2, 3)] == [True, False, False]
    assert (said[1].own_ns, said[2].own_ns, trace.critical_ns) == (100, 40, 100)


def test_what_started_before_its_parent_counts_from_the_parents_start() -> None:
    said, _ = understood(Row(1, 0, 0, 100), Row(2, 1, 50, 50), Row(3, 2, 20, 60))
    assert (said[2].own_ns, said[2].critical_ns, said[3].critical_ns) == (20, 20, 30)
    assert said[3].own_ns == 60


def test_several_spans_at_the_top_are_walked_as_one_and_their_gaps_are_nobodys() -> None:
    said, trace = understood(Row(1, 0, 0, 100), Row(2, 99, 150, 50), Row(3, 99, 160, 20))
    assert [said[each].critical_ns for each in (1, 2, 3)] == [100, 50, 0]
    assert (trace.end_ns - trace.start_ns, trace.critical_ns) == (200, 150)


def test_of_children_that_end_together_the_longest_is_waited_for_then_the_smallest_id() -> None:
    said, _ = understood(Row(1, 0, 0, 100), Row(4, 1, 50, 50), Row(3, 1, 40, 60), Row(2, 1, 40, 60))
    assert [each for each in (2, 3, 4) if said[each].critical] == [2]


def test_the_path_goes_through_a_moment_without_taking_time() -> None:
    said, trace = understood(Row(1, 0, 0, 100), Row(2, 1, 60, 0), Row(3, 1, 60, 0), Row(4, 2, 60, 0))
    assert all(said[each].critical for each in (1, 2, 3, 4))
    assert [said[each].critical_ns for each in (1, 2, 3, 4)] == [100, 0, 0, 0]
    assert trace.critical_ns == 100


def test_two_approvals_at_once_are_waited_for_once() -> None:
    _, trace = understood(
        Row(1, 0, 0, 1000),
        Row(2, 1, 100, 200, wait=True),
        Row(3, 1, 200, 200, wait=True),
        Row(4, 1, 600, 50, wait=True),
        Row(5, 1, 700, 50),
    )
    assert trace.human_wait_ns == 350


def test_a_hundred_thousand_children_share_their_parents_time_exactly() -> None:
    size = 100_000
    draw = np.random.default_rng(3)
    starts = NOON + np.sort(draw.integers(0, 10**15, size))
    ends = np.append(starts[1:], NOON + 10**15) - draw.integers(0, 2, size)
    rows = [Row(1, 0, NOON, 10**15)]
    rows += [
        Row(each + 2, 1, int(start), max(int(end - start), 0))
        for each, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
    found = structure(spans(rows))
    gaps = (
        int(starts[0] - NOON)
        + sum(max(b.start - a.end, 0) for a, b in pairwise(rows[1:]))
        + NOON
        + 10**15
        - (rows[-1].end)
    )
    assert found.own_ns[0] == gaps
    assert found.critical_ns.sum() == 10**15
    assert found.critical_ns[0] == gaps
