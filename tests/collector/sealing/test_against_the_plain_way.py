"""Whatever is sent, the columns say what working it out span by span says."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.sealing.structure import structure
from tests.collector.sealing.columns import meanings, spans, wholes
from tests.collector.sealing.oracle import Row, Trace

EPOCH = 1_800_000_000_000_000_000
# Neighbours, equal first and equal last bits, both ends of the range.
IDS = [1, 2, 3, 4, 5, 2**32, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1]
ABSENT = [77, 2**64 - 77]


@st.composite
def rows(draw: st.DrawFn, trace: int = 0) -> list[Row]:
    """One trace: few ids and times, so that everything collides."""
    longest = draw(st.sampled_from([3, 12, 40]))
    names_parent = st.sampled_from([0, 0, *IDS[: draw(st.integers(1, len(IDS)))], *ABSENT])
    made = st.builds(
        Row,
        span_id=st.sampled_from(IDS),
        parent_id=names_parent,
        start=st.integers(EPOCH, EPOCH + longest),
        duration=st.integers(0, longest),
        trace=st.just(trace),
        received=st.integers(0, 2),
        request=st.integers(0, 2),
        agent=st.integers(-1, 2),
        call=st.booleans(),
        tokens=st.booleans(),
        response=st.integers(-1, 1),
        wait=st.booleans(),
    )
    return draw(st.lists(made, min_size=1, max_size=16))


@st.composite
def batches(draw: st.DrawFn) -> list[Row]:
    traces = draw(st.integers(1, 4))
    return draw(st.permutations([row for trace in range(traces) for row in draw(rows(trace))]))


def forest(draw: Random, trace: int, size: int) -> list[Row]:
    """One trace that mostly makes sense: children within their parents, one after the other or side by side."""
    found = [Row(draw.getrandbits(64) | 1, 0, EPOCH, 400, trace)]
    while len(found) < size:
        parent = draw.choice(found[-6:])
        start = parent.start + draw.randrange(parent.duration + 1)
        call = draw.random() < 0.5
        found.append(
            Row(
                draw.getrandbits(64) | 1,
                parent.span_id if draw.random() < 0.97 else draw.getrandbits(64),
                start,
                draw.randrange(max(parent.end - start, 0) + (9 if draw.random() < 0.1 else 1)),
                trace,
                agent=draw.randrange(5) if draw.random() < 0.3 else -1,
                call=call,
                tokens=call and draw.random() < 0.7,
                response=draw.randrange(size) if call else -1,
                wait=draw.random() < 0.1,
            )
        )
    copies = [replace(draw.choice(found), received=1) for _ in range(draw.randrange(3))]
    return [*found, *copies]


def assert_said_plainly(batch: list[Row]) -> None:
    found = structure(spans(batch))
    plain = [Trace([row for row in batch if row.trace == trace]) for trace in range(max(r.trace for r in batch) + 1)]
    expected = {(trace, each): said for trace, one in enumerate(plain) for each, said in one.said.items()}
    assert meanings(batch, found) == expected
    assert wholes(batch, found) == [one.whole() for one in plain]


@settings(max_examples=200, deadline=None)
@given(batches())
def test_any_garbage_is_understood_the_same_way(batch: list[Row]) -> None:
    assert_said_plainly(batch)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 60))
def test_traces_that_make_sense_are_understood_the_same_way(seed: int, traces: int, size: int) -> None:
    draw = Random(seed)
    batch = [row for trace in range(traces) for row in forest(draw, trace, size)]
    draw.shuffle(batch)
    assert_said_plainly(batch)


@settings(max_examples=50, deadline=None)
@given(batches(), st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(batch: list[Row], draw: Random) -> None:
    shuffled = draw.sample(batch, len(batch))
    found, again = structure(spans(batch)), structure(spans(shuffled))
    assert meanings(batch, found) == meanings(shuffled, again)
    assert wholes(batch, found) == wholes(shuffled, again)


@settings(max_examples=50, deadline=None)
@given(batches())
def test_other_traces_in_the_batch_make_no_difference(batch: list[Row]) -> None:
    together = structure(spans(batch))
    for trace in range(max(row.trace for row in batch) + 1):
        alone = [replace(row, trace=0) for row in batch if row.trace == trace]
        found = structure(spans(alone))
        said = {span: meaning for (of, span), meaning in meanings(batch, together).items() if of == trace}
        assert {span: meaning for (_, span), meaning in meanings(alone, found).items()} == said
        assert wholes(alone, found) == [wholes(batch, together)[trace]]


@settings(max_examples=50, deadline=None)
@given(batches(), st.data())
def test_absurd_times_give_an_answer_that_adds_up(batch: list[Row], data: st.DataObject) -> None:
    absurd = st.sampled_from([-(2**63), -1, 0, 2**62, 2**63 - 1])
    batch = [replace(row, start=data.draw(absurd), duration=data.draw(absurd)) for row in batch]
    found = structure(spans(batch))
    for trace, whole in enumerate(wholes(batch, found)):
        assert 0 <= whole.start_ns <= whole.end_ns
        assert 0 <= whole.critical_ns <= whole.end_ns - whole.start_ns
        assert 0 <= whole.human_wait_ns <= whole.end_ns - whole.start_ns
        own = found.own_ns[np.array([row.trace == trace for row in batch])]
        assert ((own >= 0) & (own <= whole.end_ns - whole.start_ns)).all()
    assert (found.critical_ns >= 0).all()


def test_rows_that_do_not_count_say_nothing() -> None:
    found = structure(spans([Row(1, 9, 0, 5, received=2, agent=3, call=True), Row(1, 0, 0, 4, received=1, agent=3)]))
    assert found.first.tolist() == [False, True]
    assert found.copies.tolist() == [0, 2]
    assert found.parent.tolist() == [-1, -1]
    assert found.agent_nearest.tolist() == [-1, 3]
    assert found.own_ns.tolist() == [0, 4]
    assert not found.parent_missing[0]
    assert not found.counted_call.any()


def test_no_rows_are_no_traces() -> None:
    found = structure(spans([]))
    assert len(found.first) == 0
    assert len(found.traces.spans) == 0
