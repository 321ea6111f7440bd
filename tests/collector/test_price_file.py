"""A file of one's own prices: exact, and every mistake in it is named."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from collector.price_file import PriceFileError, load
from collector.pricing import Cost, Prices

CONTRACT = """
[[price]]
provider = "OpenAI"
model = "GPT-4o"
from = 2026-01-01
until = 2027-01-01
up_to_input_tokens = 1000
usd_per_request = 0.001
[price.usd_per_million_tokens]
input = 2.1
output = 8
cache_read = 0.1

[[price]]
model = "house-model-7b"
from = 2026-01-01
[price.usd_per_million_tokens]
input = 0.3
output = 0.6
reasoning = 0.9
"""
NOON = datetime(2026, 10, 12, 12, tzinfo=UTC)


def written(directory: Path, text: str) -> Path:
    path = directory / "prices.toml"
    path.write_text(text)
    return path


def test_a_contract_is_read_to_the_digit(tmp_path: Path) -> None:
    prices = Prices(load(written(tmp_path, CONTRACT)))
    usage = {"input_tokens": 1000, "output_tokens": 10, "cache_read_tokens": 400}
    found = prices.cost("openai", "gpt-4o", NOON, usage)
    assert isinstance(found, Cost)
    assert found.usd == Decimal("0.001") + (600 * Decimal("2.1") + 400 * Decimal("0.1") + 10 * 8) / 1_000_000
    assert found.row.source == "prices.toml #1"
    above = prices.cost("openai", "gpt-4o", NOON, {**usage, "input_tokens": 1001})
    assert isinstance(above, Cost)
    assert above.row.source.startswith("genai-prices")


def test_a_price_without_a_provider_is_for_any(tmp_path: Path) -> None:
    prices = Prices(load(written(tmp_path, CONTRACT)))
    usage = {"input_tokens": 10, "output_tokens": 10, "output_reasoning_tokens": 4}
    for provider in ("", "in-house", "openai"):
        found = prices.cost(provider, "House-Model-7B", NOON, usage)
        assert isinstance(found, Cost)
        assert found.usd == (10 * Decimal("0.3") + 6 * Decimal("0.6") + 4 * Decimal("0.9")) / 1_000_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[price]]\nmodel = 'm'", "price 1, from: Field required"),
        ("[[price]]\nfrom = 2026-01-01", "price 1, model: Field required"),
        ("[[price]]\nmodel = 'm'\nfrom = 2026-01-01\nuntil = 2025-01-01", "until is not after from"),
        ("[[price]]\nmodel = 'm'\nfrom = 2026-01-01\nusd_per_million = 1", "usd_per_million: Extra inputs"),
        ("[[price]]\nmodel = 'm'\nfrom = 2026-01-01\nusd_per_request = -1", "usd_per_request: Input should be greater"),
        (
            "[[price]]\nmodel = 'm'\nfrom = 2026-01-01\nusd_per_million_tokens = {cache_read = 1}",
            "cache_read is a part of input: say what input costs too",
        ),
        (
            "[[price]]\nmodel = 'm'\nfrom = 2026-01-01\nabove_input_tokens = 10\nup_to_input_tokens = 10",
            "up_to_input_tokens is not more than above_input_tokens",
        ),
        ("[[prices]]\nmodel = 'm'", "prices: write each price under"),
        ("price = [", "can't be read as TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(PriceFileError) as raised:
        load(written(tmp_path, text))
    assert says in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceFileError, match=r"none\.toml can't be read"):
        load(tmp_path / "none.toml")
