"""Costs of many calls at once: each exactly what `Prices.cost` says of it alone."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from genai_prices import types as listed
from genai_prices.data_snapshot import get_snapshot

from collector.costing import COLUMNS, Calls, Costing, Costs
from collector.price_book import PriceBook
from collector.price_table import SCALE, misfit
from collector.pricing import MOST_TOKENS, UNITS, Charge, Cost, PriceRow, Prices, Unpriced

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MODELS = [(provider, model) for provider in get_snapshot().providers for model in provider.models]

Call = tuple[str, str, str, int, tuple[int | None, ...]]
"""Provider, model, service tier, ns, tokens in the order of UNITS."""


def calls(rows: Sequence[Call]) -> Calls:
    return Calls.of(table(rows))


def table(rows: Sequence[Call]) -> pa.Table:
    columns: dict[str, Any] = {
        name: pa.array([row[at] for row in rows], pa.string()).dictionary_encode()
        for at, name in enumerate(("Provider", "Model", "ServiceTier"))
    }
    columns["Timestamp"] = pa.array([row[3] for row in rows], pa.timestamp("ns", "UTC"))
    for at, name in enumerate(COLUMNS):
        columns[name] = pa.array([row[4][at] for row in rows], pa.uint64())
    return pa.table(columns)


def moment(ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=ns // 1000)


def nanoseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def differences(found: Costs, prices: Prices, rows: Sequence[Call]) -> list[Any]:
    """The calls of which the batch says something else than `Prices.cost`."""
    wrong: list[Any] = []
    usd, ids, reasons = found.usd.to_pylist(), found.price_id.to_pylist(), found.unpriced.to_pylist()
    others, tiers = found.not_counted.to_pylist(), found.tier_unknown.tolist()
    for at, (provider, model, tier, ns, tokens) in enumerate(rows):
        expected = prices.cost(provider, model, moment(ns), dict(zip(UNITS, tokens, strict=True)), tier)
        said = (usd[at], ids[at], reasons[at], others[at], tiers[at])
        right: tuple[Any, ...] = (None, "", expected.name, "", False) if isinstance(expected, Unpriced) else (
            expected.usd, expected.row.id, "", ",".join(expected.row.others), expected.tier_unknown
        )  # fmt: skip
        if said != right:
            wrong.append((rows[at], said, right))
    return wrong


def moments(model: listed.ModelInfo) -> list[int]:
    """Now, and on both sides of every change of the model's prices."""
    conditions = model.prices if isinstance(model.prices, list) else []
    changes = [datetime(2026, 10, 12, 12, tzinfo=UTC)]
    for constraint in (*(c.constraint for c in conditions), *(v.constraint for v in model.price_variants or ())):
        if isinstance(constraint, listed.StartDateConstraint):
            changes.append(datetime.combine(constraint.start_date, time(0), UTC))
        elif isinstance(constraint, listed.TimeOfDateConstraint):
            changes += [
                datetime.combine(date(2026, 10, 12), c, c.tzinfo or UTC)
                for c in (constraint.start_time, constraint.end_time)
            ]
    return [nanoseconds(change) + shift for change in changes for shift in (0, -1, 1)]


def mix(draw: Random, starts: Sequence[int]) -> tuple[int | None, ...]:
    """Tokens: mostly possible ones, of every size, around every threshold, some not reported, some absurd."""
    whole = draw.choice((0, 10, draw.randrange(400_000), draw.randrange(10**9), MOST_TOKENS, *starts))
    whole += draw.choice((0, 0, 1))
    output = draw.choice((0, draw.randrange(20_000), MOST_TOKENS))
    tokens: list[int | None] = [whole, output]
    for most in (whole // 3, whole // 3, output // 2, whole // 4, output // 2):
        tokens.append(draw.randrange(most + 1) if draw.random() < 0.4 else None)
    if draw.random() < 0.1:
        tokens[draw.randrange(7)] = draw.choice((None, 11, 10**9, MOST_TOKENS, MOST_TOKENS + 1, 2**63, 2**64 - 1))
    return tuple(tokens)


def thresholds(rows: Sequence[PriceRow]) -> list[int]:
    return sorted({row.above for row in rows if row.above is not None})


def own_row(**more: Any) -> PriceRow:
    fields: dict[str, Any] = {
        "source": "contract", "provider": "openai", "model": "gpt-4o", "start": date(2026, 1, 1), "end": None,
        "since": time(0), "until": None, "service_tier": "", "above": None, "up_to": None, "request": Decimal(0),
        "charges": (Charge("input_tokens", (), Decimal("0.000001")), Charge("output_tokens", (), Decimal("0.000002"))),
    }  # fmt: skip
    return PriceRow(**fields | more)


def test_a_batch_of_every_model_costs_what_each_call_does() -> None:
    draw, book = Random(23), PriceBook()
    rows: list[Call] = []
    for provider, model in MODELS:
        known = book.prices.rows(provider.id, model.id)
        starts = thresholds(known)
        tiers = ["", "default", "batch", *sorted({row.service_tier for row in known} - {""})]
        for ns in moments(model):
            rows += [
                (draw.choice((provider.id, provider.id.upper(), "")), model.id, tier, ns, mix(draw, starts))
                for tier in tiers
            ]
    rows += [("openai", f"house-{n}", "", n, mix(draw, ())) for n in (0, 1, 2**63 - 1)]
    draw.shuffle(rows)
    costing = Costing(book)
    half = len(rows) // 2
    found = [costing.cost(calls(part)) for part in (rows[:half], rows[half:])]
    assert not differences(found[0], book.prices, rows[:half])[:3]
    assert not differences(found[1], book.prices, rows[half:])[:3]
    assert {reason for part in found for reason in part.unpriced.to_pylist()} == {"", *(r.name for r in Unpriced)}
    assert sum(part.usd.null_count for part in found) < len(rows) / 2 > 7_000


def test_contracts_of_every_kind_cost_what_each_call_does() -> None:
    draw = Random(5)
    own: list[PriceRow] = []
    for number in range(60):
        above = draw.choice((None, None, 1000, 200_000))
        start = date(2026, draw.randrange(1, 12), draw.randrange(1, 28))
        rate = Decimal(draw.randrange(10 ** draw.randrange(1, 12))).scaleb(-draw.randrange(9, SCALE))
        parts = tuple(draw.sample(("cache_read_tokens", "cache_write_tokens"), draw.randrange(3)))
        own.append(
            own_row(
                source=f"contract {number}",
                provider=draw.choice(("openai", "")),
                model=draw.choice(("gpt-4o", "house")),
                start=start,
                end=draw.choice((None, start + timedelta(days=40))),
                service_tier=draw.choice(("", "", "flex", "batch")),
                above=above,
                up_to=draw.choice((None, 500_000)),
                request=draw.choice((Decimal(0), Decimal("0.001"), Decimal("1E-24"))),
                charges=(Charge("input_tokens", parts, rate), *(Charge(part, (), rate / 10) for part in parts))[
                    : draw.choice((0, 9, 9, 9))
                ],
            )
        )
    assert not [row for row in own if misfit(row)]
    book = PriceBook(own)
    rows: list[Call] = [
        (
            draw.choice(("openai", "OpenAI", "", "elsewhere")),
            draw.choice(("gpt-4o", "House")),
            draw.choice(("", "auto", "flex", "batch", "priority")),
            nanoseconds(datetime(2026, 1, 1, tzinfo=UTC)) + draw.randrange(400 * 24) * 3_600 * 10**9,
            mix(draw, (1000, 200_000, 500_000)),
        )
        for _ in range(20_000)
    ]
    assert not differences(Costing(book).cost(calls(rows)), book.prices, rows)[:3]


def test_every_price_of_the_list_can_be_stored_to_the_last_digit() -> None:
    prices = Prices()
    assert not [row for provider, model in MODELS for row in prices._listed_rows(provider, model) if misfit(row)]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"request": Decimal("1E-25")}, "decimals"),
        ({"charges": (Charge("input_tokens", (), Decimal(100)),)}, "so high"),
    ],
)
def test_a_price_by_which_costs_could_not_be_stored_says_so(more: dict[str, Any], words: str) -> None:
    assert words in misfit(own_row(**more))


def test_a_free_model_costs_nothing_and_an_unknown_one_nobody_knows_what() -> None:
    free = own_row(charges=(Charge("input_tokens", (), Decimal(0)),))
    now = nanoseconds(datetime(2026, 5, 1, tzinfo=UTC))
    some = (5, 5, None, None, None, None, None)
    found = Costing(PriceBook([free])).cost(
        calls([("openai", "gpt-4o", "", now, some), ("openai", "house", "", now, some)])
    )
    assert found.usd.to_pylist() == [Decimal(0), None]
    assert found.price_id.to_pylist() == [free.id, ""]
    assert found.unpriced.to_pylist() == ["", "MODEL"]


def test_a_batch_at_the_standard_price_is_marked_and_one_with_its_own_price_is_not() -> None:
    now = nanoseconds(datetime(2026, 5, 1, tzinfo=UTC))
    rows: list[Call] = [
        ("anthropic", "claude-sonnet-4-5", tier, now, (5, 5, None, None, None, None, None)) for tier in ("batch", "")
    ]
    assert Costing(PriceBook()).cost(calls(rows)).tier_unknown.tolist() == [True, False]
    own = own_row(provider="anthropic", model="claude-sonnet-4-5", service_tier="batch")
    found = Costing(PriceBook([own])).cost(calls(rows))
    assert found.tier_unknown.tolist() == [False, False]
    assert found.price_id.to_pylist()[0] == own.id


def test_no_calls_cost_nothing() -> None:
    found = Costing(PriceBook()).cost(calls([]))
    assert (len(found.usd), found.rows, len(found.price_id), len(found.not_counted)) == (0, [], 0, 0)


def test_costs_add_up_in_the_engine_s_own_type() -> None:
    assert isinstance(Prices().cost("openai", "gpt-4o", moment(0), {"input_tokens": 1, "output_tokens": 1}), Cost)
    assert Costing(PriceBook()).cost(calls([])).usd.type == pa.decimal128(38, 24)


def test_a_hundred_thousand_calls_are_priced_in_a_moment() -> None:
    """Not a benchmark: far slower would mean that calls are priced one by one."""
    draw = Random(3)
    names = [(provider.id, model.id) for provider, model in draw.sample(MODELS, 60)]
    now = nanoseconds(datetime(2026, 5, 1, tzinfo=UTC))
    rows: list[Call] = [
        (*draw.choice(names), "", now + n, (draw.randrange(100_000), draw.randrange(5_000), 0, None, None, None, None))
        for n in range(100_000)
    ]
    costing, batch = Costing(PriceBook()), calls(rows)
    costing.cost(batch)
    began = clock.perf_counter()
    costing.cost(batch)
    assert clock.perf_counter() - began < 1.0
