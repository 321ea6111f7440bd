"""A file of one's own prices: what a contract says goes before the list.

    [[price]]
    provider = "openai"              # as calls name it; left out: any
    model = "gpt-4o-2024-08-06"      # as calls name it
    from = 2026-01-01
    until = 2027-01-01               # the first day it no longer holds; left out: for good
    service_tier = "flex"            # left out: standard
    above_input_tokens = 200000      # left out: from none
    up_to_input_tokens = 1000000     # left out: for any number
    usd_per_request = 0.001
    [price.usd_per_million_tokens]   # what has no rate of its own costs what its whole costs
    input = 2.00
    output = 8.00
    cache_read = 0.50
    cache_write = 2.50
    reasoning = 8.00
    input_audio = 40.00
    output_audio = 80.00

Numbers are read as they are written: 0.1 is a tenth.
"""

from __future__ import annotations

import tomllib
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from collector.pricing import Charge, PriceRow

_MILLION = 1_000_000
_Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
_PARTS = {"input": ("cache_read", "cache_write", "input_audio"), "output": ("reasoning", "output_audio")}
_UNITS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "output_reasoning_tokens",
    "input_audio": "input_audio_tokens",
    "output_audio": "output_audio_tokens",
}


class PriceFileError(Exception):
    """A price file that can't be used; the message names the entry, the field and what to write."""


class _Rates(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: _Usd | None = None
    output: _Usd | None = None
    cache_read: _Usd | None = None
    cache_write: _Usd | None = None
    reasoning: _Usd | None = None
    input_audio: _Usd | None = None
    output_audio: _Usd | None = None

    @model_validator(mode="after")
    def _wholes(self) -> _Rates:
        for whole, parts in _PARTS.items():
            named = [part for part in parts if getattr(self, part) is not None]
            if named and getattr(self, whole) is None:
                raise ValueError(f"{named[0]} is a part of {whole}: say what {whole} costs too")
        return self


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: str = ""
    model: Annotated[str, Field(min_length=1)]
    start: Annotated[date, Field(alias="from")]
    until: date | None = None
    service_tier: str = ""
    above_input_tokens: Annotated[int, Field(ge=0)] | None = None
    up_to_input_tokens: Annotated[int, Field(ge=1)] | None = None
    usd_per_request: _Usd = Decimal(0)
    usd_per_million_tokens: _Rates = _Rates()

    @model_validator(mode="after")
    def _ordered(self) -> _Price:
        if self.until is not None and self.until <= self.start:
            raise ValueError("until is not after from: this price would never hold")
        above, up_to = self.above_input_tokens, self.up_to_input_tokens
        if above is not None and up_to is not None and up_to <= above:
            raise ValueError("up_to_input_tokens is not more than above_input_tokens: this price would never hold")
        return self


def load(path: Path) -> list[PriceRow]:
    """The rows of a price file. Raises `PriceFileError`."""
    try:
        table = tomllib.loads(path.read_text(), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PriceFileError(f"{path} can't be read as TOML: {error}") from None
    if unknown := table.keys() - {"price"}:
        raise PriceFileError(f"{path}: {', '.join(sorted(unknown))}: write each price under [[price]]")
    return [_row(path, number, entry) for number, entry in enumerate(table.get("price", []), 1)]


def _row(path: Path, number: int, entry: dict[str, Any]) -> PriceRow:
    try:
        price = _Price.model_validate(entry)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, wrong["loc"])) or entry.get("model", "")
        raise PriceFileError(f"{path}, price {number}, {where}: {wrong['msg']}") from None
    rates = {name: rate for name in _UNITS if (rate := getattr(price.usd_per_million_tokens, name)) is not None}
    return PriceRow(
        source=f"{path.name} #{number}",
        provider=price.provider.lower(),
        model=price.model.lower(),
        start=price.start,
        end=price.until,
        since=time(0),
        until=None,
        service_tier=price.service_tier,
        above=price.above_input_tokens,
        up_to=price.up_to_input_tokens,
        request=price.usd_per_request,
        charges=tuple(
            Charge(
                _UNITS[name],
                tuple(_UNITS[part] for part in _PARTS.get(name, ()) if part in rates),
                rate / _MILLION,
            )
            for name, rate in rates.items()
        ),
    )
