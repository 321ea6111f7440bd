"""Calls that await a price, and those whose price isn't today's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector import repricing
from collector.costing import Costing
from collector.price_book import PriceBook
from collector.repricing import outdated, unpriced
from collector.store.arrow import query_arrow
from collector.store.connection import Store
from tests.collector import price_facts
from tests.collector.price_facts import NOW, seal
from tests.collector.test_costing import own_row

NUMBER = itertools.count()
DAY = 86_400 * 10**9


@pytest.fixture
def facts(store: Store) -> Iterator[Store]:
    """A database with an empty `span_facts`."""
    with Store(store.settings.model_copy(update={"database": f"facts_{next(NUMBER)}"})) as opened:
        opened.client().command(price_facts.TABLE)
        yield opened
        opened.client().command(f"DROP DATABASE {opened.database} SYNC")


def test_unpriced_calls_are_listed_by_model_and_reason(facts: Store) -> None:
    costing = Costing(PriceBook())
    seal(
        facts,
        costing,
        {"TraceId": "a"},
        {"TraceId": "a", "SpanId": "2", "Model": "house"},
        {"TraceId": "b", "Model": "house", "Timestamp": NOW - DAY, "InputTokens": 5, "OutputTokens": None},
        {"TraceId": "c", "Model": "house", "Timestamp": NOW - 3 * DAY},
        {"TraceId": "d", "InputTokens": None, "OutputTokens": None},
        {"TraceId": "e", "Model": "mine"},
        {"TraceId": "f", "Model": "house", "Call": 0},
    )
    seal(facts, costing, {"TraceId": "a", "Model": "house"}, org="other")
    seal(facts, Costing(PriceBook([own_row(model="mine")])), {"TraceId": "e", "Model": "mine"}, version=2)
    with facts.reader() as client:
        house, silent = unpriced(client, "acme", NOW - 2 * DAY, NOW + 1)
        assert (house.model, house.reason, house.calls, house.input_tokens, house.output_tokens) == (
            "house", "MODEL", 2, 105, 10,
        )  # fmt: skip
        assert (house.first_ns, house.last_ns, house.calls_without_tokens) == (NOW - DAY, NOW, 0)
        assert (silent.model, silent.reason, silent.calls, silent.calls_without_tokens) == ("gpt-4o", "TOKENS", 1, 1)
        assert (silent.input_tokens, silent.output_tokens) == (None, None)
        assert unpriced(client, "acme", NOW - 2 * DAY, NOW - 2 * DAY) == []


def test_only_traces_whose_price_changes_are_outdated(facts: Store) -> None:
    before = Costing(PriceBook())
    after = Costing(PriceBook([own_row(), own_row(model="mine", above=1000)]))
    seal(
        facts,
        before,
        {"TraceId": "contract"},
        {"TraceId": "contract", "SpanId": "2"},
        {"TraceId": "earlier", "Timestamp": NOW - 200 * DAY},
        {"TraceId": "yesterday", "Timestamp": NOW - DAY},
        {"TraceId": "same", "Model": "gpt-4o-mini"},
        {"TraceId": "unknown", "Model": "mine"},
        {"TraceId": "now known", "Model": "mine", "InputTokens": 2000},
        {"TraceId": "silent", "Model": "mine", "InputTokens": None},
        {"TraceId": "step", "Call": 0},
        {"TraceId": "done"},
    )
    seal(facts, after, {"TraceId": "done"}, version=2)
    seal(facts, before, {"TraceId": "theirs"}, org="other")
    with facts.reader() as client:
        found = list(outdated(client, "acme", NOW - 300 * DAY, NOW + 1, after))
        assert found[-1] == "yesterday"
        assert sorted(found) == ["contract", "now known", "yesterday"]
        assert list(outdated(client, "acme", NOW - 300 * DAY, NOW + 1, before)) == ["done"]


def test_what_one_read_can_t_hold_is_read_in_parts(facts: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "_AT_ONCE", 3)
    calls = [{"TraceId": f"{n:02}", "Model": "house", "Timestamp": NOW + n * 10**11} for n in range(40)]
    seal(facts, Costing(PriceBook()), *calls)
    with facts.reader() as client:
        (house,) = unpriced(client, "acme", NOW, NOW + DAY)
        assert (house.calls, house.first_ns, house.last_ns) == (40, NOW, NOW + 39 * 10**11)
        after = Costing(PriceBook([own_row(model="house")]))
        found = list(outdated(client, "acme", NOW + 10**11, NOW + 38 * 10**11, after))
        assert sorted(found) == [f"{n:02}" for n in range(1, 38)]


def test_a_client_can_be_used_after_a_read_that_failed(facts: Store) -> None:
    with facts.reader() as client:
        with pytest.raises(ClickHouseError):
            query_arrow(client, "SELECT throwIf(number = {n:UInt8}) FROM numbers(10)", {"n": 5})
        assert client.query("SELECT 1").result_rows == [(1,)]


def test_what_was_sealed_anew_is_not_outdated_any_more(facts: Store) -> None:
    before, after = Costing(PriceBook()), Costing(PriceBook([own_row()]))
    seal(facts, before, {"TraceId": "a"})
    with facts.reader() as client:
        assert list(outdated(client, "acme", 0, NOW + 1, after)) == ["a"]
        seal(facts, after, {"TraceId": "a"}, version=2)
        assert list(outdated(client, "acme", 0, NOW + 1, after)) == []
