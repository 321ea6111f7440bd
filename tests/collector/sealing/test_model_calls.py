"""A model call reported by several instrumentations counts once, and a call that nobody else tells of counts."""

from __future__ import annotations

from tests.collector.sealing.columns import understood
from tests.collector.sealing.oracle import Row


def call(span_id: int, parent_id: int, *, tokens: bool = True, response: int = -1, start: int = 0) -> Row:
    return Row(span_id, parent_id, start, 10, call=True, tokens=tokens, response=response)


def counted(*rows: Row) -> list[int]:
    said, _ = understood(*rows)
    return sorted(each for each, meaning in said.items() if meaning.counted_call)


def test_of_two_stacked_instrumentations_the_inner_one_with_tokens_counts() -> None:
    assert counted(Row(1), call(2, 1), call(3, 2)) == [3]


def test_a_wrapper_with_the_sum_of_two_calls_does_not_count_beside_them() -> None:
    assert counted(call(1, 0), Row(2, 1), call(3, 2), call(4, 1)) == [3, 4]


def test_an_inner_call_without_tokens_is_told_by_the_outer_one_that_has_them() -> None:
    assert counted(call(1, 0), call(2, 1, tokens=False)) == [1]
    assert counted(call(1, 0), call(2, 1, tokens=False), call(3, 2, tokens=False)) == [1]


def test_a_call_without_tokens_further_inside_another_counts_as_unknown() -> None:
    tool = Row(2, 1)
    assert counted(call(1, 0), tool, call(3, 2, tokens=False)) == [1, 3]


def test_a_call_without_tokens_beside_one_with_them_counts_as_unknown() -> None:
    assert counted(call(1, 0), call(2, 1), call(3, 1, tokens=False)) == [2, 3]


def test_of_stacked_calls_without_tokens_the_innermost_counts() -> None:
    assert counted(call(1, 0, tokens=False), Row(2, 1), call(3, 2, tokens=False)) == [3]


def test_one_answer_reported_side_by_side_counts_once_where_the_tokens_are() -> None:
    assert counted(Row(1), call(2, 1, tokens=False, response=7), call(3, 1, response=7)) == [3]


def test_of_reports_of_one_answer_the_deepest_counts_then_the_earliest_then_the_smallest_id() -> None:
    assert counted(Row(1), Row(2, 1), call(3, 1, response=7), call(4, 2, response=7)) == [4]
    assert counted(Row(1), call(2, 1, response=7, start=5), call(3, 1, response=7, start=4)) == [3]
    assert counted(Row(1), call(3, 1, response=7), call(2, 1, response=7)) == [2]


def test_a_retry_has_an_answer_of_its_own_and_counts() -> None:
    assert counted(Row(1), call(2, 1, response=7), call(3, 1, response=8), call(4, 1), call(5, 1)) == [2, 3, 4, 5]


def test_what_is_no_model_call_never_counts() -> None:
    assert counted(Row(1, tokens=True, response=7), Row(2, 1, tokens=True), call(3, 1)) == [3]
