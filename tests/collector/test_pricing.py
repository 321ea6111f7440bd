"""Prices: equal to the last digit to genai-prices' own calculation, for every model, date, hour and service tier."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from genai_prices import Usage as ListUsage
from genai_prices import types as listed
from genai_prices.data_snapshot import get_snapshot

from collector.pricing import UNITS, Charge, Cost, PriceRow, Prices, Unpriced

MODELS = [(provider, model) for provider in get_snapshot().providers for model in provider.models]
NOON = datetime(2026, 10, 12, 12, tzinfo=UTC)


def moments(model: listed.ModelInfo) -> list[datetime]:
    """Now, and on both sides of every change of the model's prices."""
    conditions = model.prices if isinstance(model.prices, list) else []
    found = [NOON, datetime(2021, 1, 1, tzinfo=UTC)]
    for constraint in (*(c.constraint for c in conditions), *(v.constraint for v in model.price_variants or ())):
        if isinstance(constraint, listed.StartDateConstraint):
            change = datetime.combine(constraint.start_date, time(0), UTC)
            found += [change, change - timedelta(microseconds=1)]
        elif isinstance(constraint, listed.TimeOfDateConstraint):
            for clock in (constraint.start_time, constraint.end_time):
                change = datetime.combine(NOON.date(), clock, clock.tzinfo or UTC)
                found += [change, change - timedelta(microseconds=1)]
    return found


def usages(model: listed.ModelInfo, draw: Random) -> list[dict[str, int]]:
    """Plain ones, around every threshold, with all kinds of parts, and some that can't be."""
    starts = {
        tier.start
        for prices in ([c.prices for c in model.prices] if isinstance(model.prices, list) else [model.prices])
        for price in prices.__dict__.values()
        if isinstance(price, listed.TieredPrices)
        for tier in price.tiers
    }
    found = [{"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 1_000_003, "output_tokens": 7}]
    found += [{"input_tokens": start + more, "output_tokens": 11} for start in starts for more in (0, 1)]
    for _ in range(4):
        whole = draw.randrange(400_000)
        output = draw.randrange(20_000)
        usage = {"input_tokens": whole, "output_tokens": output}
        for unit, most in zip(UNITS[2:], (whole // 3, whole // 3, output // 2, whole // 4, output // 2), strict=True):
            if draw.random() < 0.5:
                usage[unit] = draw.randrange(most + 1)
        found.append(usage)
    found.append({"input_tokens": 10, "output_tokens": 10, draw.choice(UNITS[2:]): 11})
    return found


def listed_price(
    provider: listed.Provider, model: listed.ModelInfo, usage: dict[str, int], at: datetime, tier: str
) -> Any:
    try:
        return model.calc_price(
            ListUsage(**usage),
            provider,
            genai_request_timestamp=at,
            price_context={"service_tier": tier} if tier else None,
        ).total_price
    except ValueError:
        return None


def test_every_model_costs_what_the_list_says() -> None:
    draw, prices = Random(11), Prices()
    compared = refused = 0
    for provider, model in MODELS:
        rows = list(prices._listed_rows(provider, model))
        tiers = {"", "flex", *(row.service_tier for row in rows)}
        for at in moments(model):
            for usage in usages(model, draw):
                for tier in tiers:
                    expected = listed_price(provider, model, usage, at, tier)
                    found = cost_by(rows, at, usage, tier)
                    if isinstance(found, Unpriced):
                        assert expected in (None, 0), (provider.id, model.id, usage, at, tier, expected, found)
                        refused += 1
                    else:
                        assert found == expected, (provider.id, model.id, usage, at, tier, expected)
                        compared += 1
    assert compared > 30_000
    assert refused > 1_000


def cost_by(rows: list[PriceRow], at: datetime, usage: dict[str, int], tier: str) -> Decimal | Unpriced:
    applying = [row for row in rows if row.applies(at, usage["input_tokens"])]
    assert len({row.service_tier for row in applying}) == len(applying), "one price at a time"
    chosen = {row.service_tier: row for row in applying}
    return chosen.get(tier, chosen[""]).cost(usage)


def test_every_row_has_an_id_of_its_own() -> None:
    prices = Prices()
    rows = [row for provider, model in MODELS for row in prices._listed_rows(provider, model)]
    assert len({row.id for row in rows}) == len(rows) > 1_800


def own_row(**more: Any) -> PriceRow:
    fields: dict[str, Any] = {
        "source": "contract", "provider": "openai", "model": "gpt-4o", "start": date(2026, 1, 1), "end": None,
        "since": time(0), "until": None, "service_tier": "", "above": None, "up_to": None, "request": Decimal(0),
        "charges": (Charge("input_tokens", (), Decimal("0.000001")), Charge("output_tokens", (), Decimal("0.000002"))),
    }  # fmt: skip
    return PriceRow(**fields | more)


def test_a_contract_goes_before_the_list_while_it_holds() -> None:
    prices = Prices([own_row(end=date(2026, 12, 1))])
    usage = {"input_tokens": 1000, "output_tokens": 10}
    during, after = (prices.cost("openai", "gpt-4o", at, usage) for at in (NOON, datetime(2026, 12, 1, tzinfo=UTC)))
    assert isinstance(during, Cost)
    assert isinstance(after, Cost)
    assert (during.usd, during.row.source) == (Decimal("0.00102"), "contract")
    assert after.row.source == "genai-prices openai/gpt-4o"


def test_what_is_not_known_has_a_reason_and_no_price() -> None:
    prices = Prices()
    assert prices.cost("openai", "house-model-7b", NOON, {"input_tokens": 1, "output_tokens": 1}) is Unpriced.MODEL
    assert prices.cost("openai", "gpt-4o", NOON, {"input_tokens": None, "output_tokens": 5}) is Unpriced.TOKENS
    assert prices.cost("openai", "gpt-4o", NOON, {"input_tokens": 5}) is Unpriced.TOKENS
    more_than_all = {"input_tokens": 5, "output_tokens": 5, "cache_read_tokens": 6}
    assert prices.cost("openai", "gpt-4o", NOON, more_than_all) is Unpriced.IMPLAUSIBLE


@pytest.mark.parametrize(("tier", "unknown"), [("", False), ("default", False), ("auto", False), ("platinum", True)])
def test_a_tier_without_a_price_is_marked(tier: str, unknown: bool) -> None:
    found = Prices().cost("openai", "gpt-4o", NOON, {"input_tokens": 5, "output_tokens": 5}, tier)
    assert isinstance(found, Cost)
    assert found.tier_unknown is unknown


@pytest.mark.parametrize(
    ("provider", "model"), [("x_ai", "grok-4"), ("gcp.gen_ai", "gemini-2.5-flash"), ("azure.ai.inference", "gpt-4o")]
)
def test_a_provider_goes_by_opentelemetrys_name_too(provider: str, model: str) -> None:
    assert isinstance(Prices().cost(provider, model, NOON, {"input_tokens": 5, "output_tokens": 5}), Cost)
