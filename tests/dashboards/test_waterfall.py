"""Any spans make a tree that can be drawn, soon, with what matters in it."""

from __future__ import annotations

import time
from random import Random

import pytest

from dashboards import figures, waterfall
from inventory import contract
from tests.dashboards.spans import span

MS = 1_000_000


def order(tree: waterfall.Tree) -> list[tuple[int, int]]:
    """(span, depth) as drawn."""
    return [(int(node.span.span_id, 16), node.depth) for node in tree.nodes]


def numbers(rows: list[waterfall.Row]) -> list[int]:
    return [int(row.node.span.span_id, 16) for row in rows]


def ten_thousand() -> list[contract.Span]:
    random = Random(3)
    spans = [span(1, duration=10_000 * MS)]
    for n in range(2, 10_001):
        start = random.randrange(9_000) * MS
        failed = "Error" if n % 400 == 0 else "Unset"
        spans.append(span(n, random.randrange(1, n), start, random.randrange(1, 900) * MS, status=failed))
    return spans


def test_children_follow_their_parents_by_start() -> None:
    tree = waterfall.build([span(4, 2, 9), span(2, 1, 5), span(3, 1, 2), span(1), span(5, 2, 7)])
    assert order(tree) == [(1, 0), (3, 1), (2, 1), (5, 2), (4, 2)]


def test_nothing_is_a_tree_too() -> None:
    tree = waterfall.build([])
    assert (order(tree), tree.duration, waterfall.reduce(tree)) == ([], 0, [])
    assert figures.waterfall([], 0).data[0].y is not None


def test_a_span_without_its_parent_is_drawn_and_said_to_be() -> None:
    tree = waterfall.build([span(2, 99, 3), span(3, 2, 4), span(1)])
    assert order(tree) == [(1, 0), (2, 0), (3, 1)]
    assert [node.span.span_id for node in tree.detached] == [f"{2:016x}"]
    assert "no parent" in figures.waterfall(waterfall.reduce(tree), tree.duration).data[0].text[1]


@pytest.mark.parametrize("spans", [[(1, 1)], [(1, 2), (2, 1)], [(1, 2), (2, 3), (3, 1), (4, 3), (9, 0)]])
def test_circular_parents_end(spans: list[tuple[int, int]]) -> None:
    tree = waterfall.build([span(number, parent, number) for number, parent in spans])
    assert sorted(number for number, _ in order(tree)) == sorted(number for number, _ in spans)
    assert sum(node.looped for node in tree.nodes) == 1


def test_a_span_received_twice_is_drawn_once() -> None:
    copies = [span(2, 1, duration=5, duplicate=True), span(2, 1, duration=7), span(1), span(2, 1, duplicate=True)]
    tree = waterfall.build(copies)
    assert order(tree) == [(1, 0), (2, 1)]
    assert (tree.nodes[1].span.duration_ns, tree.copies) == (7, 2)


def test_the_critical_path_is_what_the_root_waited_for() -> None:
    tree = waterfall.build(
        [
            span(1, 0, 0, 100),
            span(2, 1, 0, 40),
            span(3, 1, 0, 20),  # beside 2, and done before it
            span(4, 1, 50, 50),
            span(5, 4, 60, 40),
            span(6, 4, 55, 10),
            span(7, 1, 10, 500),  # goes on after the root: nobody waited
        ]
    )
    critical = {int(node.span.span_id, 16) for node in tree.nodes if node.critical}
    assert critical >= {1, 2, 4, 5}
    assert not critical & {3, 6}


def test_own_time_is_what_no_child_covers() -> None:
    tree = waterfall.build([span(1, 0, 0, 100), span(2, 1, 10, 30), span(3, 1, 20, 30), span(4, 1, 90, 50)])
    assert tree.nodes[0].own == 50


def test_a_chain_of_ten_thousand_is_no_deeper_than_its_stack() -> None:
    tree = waterfall.build([span(n, n - 1, n) for n in range(1, 10_001)])
    assert order(tree)[-1] == (10_000, 9_999)
    rows = waterfall.reduce(tree, 80, [f"{10_000:016x}"])
    assert len(rows) == 80
    assert numbers(rows)[-1] == 10_000


def test_ten_thousand_spans_become_eighty_rows_that_matter_within_a_second() -> None:
    spans = ten_thousand()
    began = time.process_time()
    tree = waterfall.build(spans)
    rows = waterfall.reduce(tree, 80, [f"{7_777:016x}"])
    figures.waterfall(rows, tree.duration)
    assert time.process_time() - began < 1
    assert len(rows) == 80
    assert {1, 7_777} <= set(numbers(rows))
    assert sum(row.hidden for row in rows) == 10_000 - 80
    failed = sum(row.node.failed for row in rows)
    assert failed >= 8


def test_everything_small_is_shown_whole() -> None:
    tree = waterfall.build([span(1), span(2, 1), span(3, 1)])
    assert numbers(waterfall.reduce(tree)) == [1, 2, 3]
    assert numbers(waterfall.everything(tree, 2)) == [1, 2]


def test_a_row_whose_parent_is_not_drawn_hangs_from_the_nearest_that_is() -> None:
    tree = waterfall.build([span(1, duration=100), span(2, 1, 1, 1), span(3, 2, 2, 50, status="Error")])
    rows = waterfall.reduce(tree, 2)
    assert [(number, row.depth, row.hidden) for number, row in zip(numbers(rows), rows, strict=True)] == [
        (1, 0, 1),
        (3, 1, 0),
    ]


@pytest.mark.parametrize("duration", [0, 1, 999, 10**6, 10**9, 10**11, 10**13, 10**16])
def test_a_figure_has_a_bar_for_each_row_and_says_errors_in_words(duration: int) -> None:
    spans = [span(1, 0, 0, duration), span(2, 1, 0, 0, status="Error", status_message="<b>boom", name="a<b>\n&c")]
    tree = waterfall.build(spans)
    figure = figures.waterfall(waterfall.reduce(tree), tree.duration, selected=spans[1].span_id)
    (bars,) = figure.data
    assert [data[0] for data in bars.customdata] == [one.span_id for one in spans]
    assert min(bars.x) > 0
    assert "✕ error" in bars.text[1]
    labels = figure.layout.yaxis.ticktext
    assert len({len(label.removeprefix("<b>").removesuffix("</b>")) for label in labels}) == 1
    assert "<b>\n" not in labels[1]
    assert "‹b›boom" in bars.customdata[1][6]
