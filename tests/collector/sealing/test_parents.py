"""Who called whom and for whom: parents, roots and agents, also where something is missing, double or impossible."""

from __future__ import annotations

import numpy as np
import pytest

from collector.sealing.structure import structure
from tests.collector.sealing.columns import spans, understood, wholes
from tests.collector.sealing.oracle import Row

TRIAGE, RETRIEVAL = 0, 1


def test_a_tool_called_by_retrieval_for_triage_is_the_work_of_retrieval_within_triage() -> None:
    said, trace = understood(
        Row(1, 0, 0, 100, agent=TRIAGE),
        Row(2, 1, 10, 20),
        Row(3, 1, 30, 60, agent=RETRIEVAL),
        Row(4, 3, 40, 40),
    )
    assert [(said[each].agent_nearest, said[each].agent_root) for each in (1, 2, 3, 4)] == [
        (TRIAGE, TRIAGE),
        (TRIAGE, TRIAGE),
        (RETRIEVAL, TRIAGE),
        (RETRIEVAL, TRIAGE),
    ]
    assert [said[each].depth for each in (1, 2, 3, 4)] == [0, 1, 1, 2]
    assert (trace.spans, trace.roots, trace.root, trace.depth) == (4, 1, 1, 2)


def test_what_runs_above_every_agent_is_nobodys_work() -> None:
    said, _ = understood(Row(1, 0, 0, 100), Row(2, 1, 0, 90, agent=TRIAGE), Row(3, 2, 0, 80))
    assert (said[1].agent_nearest, said[1].agent_root) == (-1, -1)
    assert (said[3].agent_nearest, said[3].agent_root) == (TRIAGE, TRIAGE)


def test_a_span_in_two_requests_counts_once_as_it_was_received_first() -> None:
    rows = [Row(1, 0, 0, 70, received=9), Row(1, 0, 0, 50, received=7), Row(2, 1, 0, 40, received=8)]
    found = structure(spans(rows))
    assert found.first.tolist() == [False, True, True]
    assert found.copies.tolist() == [0, 2, 1]
    assert found.parent.tolist() == [-1, -1, 1]
    trace = wholes(rows, found)[0]
    assert (trace.spans, trace.copies, trace.end_ns) == (2, 1, 50)


def test_copies_received_at_once_count_by_their_request() -> None:
    found = structure(spans([Row(1, received=7, request=3), Row(1, received=7, request=2)]))
    assert found.first.tolist() == [False, True]


@pytest.mark.parametrize(
    "other",
    [
        Row(1, 5),
        Row(1, start=1),
        Row(1, duration=1),
        Row(1, agent=1),
        Row(1, response=1),
        Row(1, call=True),
        Row(1, tokens=True),
        Row(1, wait=True),
    ],
)
def test_copies_in_one_request_that_say_different_things_count_whatever_their_order(other: Row) -> None:
    assert structure(spans([Row(1), other])).first.tolist() == [True, False]
    assert structure(spans([other, Row(1)])).first.tolist() == [False, True]


def test_the_same_span_id_in_two_traces_is_two_spans() -> None:
    found = structure(spans([Row(1, 0, trace=0), Row(1, 0, trace=1), Row(2, 1, trace=1)]))
    assert found.first.all()
    assert found.parent.tolist() == [-1, -1, 1]


def test_a_span_whose_parent_is_missing_stands_at_the_top_and_is_no_root() -> None:
    said, trace = understood(Row(2, 99, 0, 10), Row(3, 2, 0, 5), Row(4, 98, 3, 10))
    assert said[2].parent_missing
    assert not said[3].parent_missing
    assert (said[2].depth, said[3].depth) == (0, 1)
    assert (trace.roots, trace.missing_parents, trace.root) == (0, 2, 2)


def test_a_later_root_goes_before_an_earlier_orphan() -> None:
    _, trace = understood(Row(2, 99, 0, 10), Row(3, 0, 5, 10), Row(4, 0, 6, 10))
    assert (trace.roots, trace.root) == (2, 3)


def test_a_cycle_is_cut_above_the_span_that_began_first() -> None:
    said, trace = understood(Row(1, 3, 20, 5), Row(2, 1, 30, 5), Row(3, 2, 10, 50), Row(4, 2, 31, 2))
    assert [said[each].parent for each in (1, 2, 3, 4)] == [3, 1, 0, 2]
    assert [said[each].depth for each in (1, 2, 3, 4)] == [1, 2, 0, 3]
    assert all(said[each].in_cycle for each in (1, 2, 3, 4)), "below the cycle no root is reached either"
    assert (trace.roots, trace.root, trace.in_cycles, trace.missing_parents) == (0, 3, 4, 0)


def test_of_a_cycle_that_began_at_once_the_smallest_id_stands_at_the_top() -> None:
    said, _ = understood(Row(5, 2**63), Row(2**63, 4), Row(4, 5))
    assert [said[each].parent for each in (4, 5, 2**63)] == [0, 2**63, 4]


def test_a_span_that_is_its_own_parent_stands_at_the_top() -> None:
    said, trace = understood(Row(7, 7, 0, 10), Row(8, 7, 2, 5))
    assert (said[7].parent, said[7].in_cycle) == (0, True)
    assert (said[8].parent, trace.root) == (7, 7)


def test_a_trace_number_without_spans_has_no_root() -> None:
    found = structure(spans([Row(1, 0, 5, 10, trace=2, wait=True)])).traces
    assert found.spans.tolist() == [0, 0, 1]
    assert found.root.tolist() == [-1, -1, 0]
    assert found.start_ns.tolist() == [0, 0, 5]
    assert found.critical_ns.tolist() == [0, 0, 10]
    assert found.human_wait_ns.tolist() == [0, 0, 10]


def test_a_hundred_thousand_calls_in_each_other_are_followed_to_the_end() -> None:
    size = 100_000
    rows = [
        Row(each, each - 1, each, 2 * (size - each) + 1, agent=each if each % 1000 == 1 else -1)
        for each in range(1, size + 1)
    ]
    found = structure(spans(rows[::-1]))
    assert found.depth[::-1].tolist() == list(range(size))
    assert (found.agent_root == 1).all()
    assert found.agent_nearest[0] == size - 999
    assert found.critical.all()
    assert (found.critical_ns == found.own_ns).all()
    assert found.own_ns.sum() == 2 * (size - 1) + 1


def test_a_ring_of_a_hundred_thousand_spans_is_cut_once() -> None:
    size = 100_000
    ring = [Row(each, each % size + 1, (each * 7919) % size + 1, 1) for each in range(1, size + 1)]
    found = structure(spans(ring))
    top = np.flatnonzero(found.parent < 0)
    assert top.tolist() == [size - 1], "the one that starts at 1"
    assert sorted(found.depth.tolist()) == list(range(size))
    assert found.in_cycle.all()
