"""What a model call costs, exactly: price rows, each with an id, and the arithmetic over them.

A row says when it holds, in which hours (UTC), for which service tier and for how many input tokens, and what a token
of each kind costs. Tokens are counted as telemetry reports them: input tokens hold the cached ones, output tokens the
reasoning. What is charged at a rate of its own is therefore taken out of its whole first (`Charge`).

Prices come from `genai-prices` (dated, tiered, by time of day and service tier) and from rows of one's own, which go
first: what a contract says counts, not the list. Money is `Decimal`, in US dollars; what can't be known is a reason,
never 0.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from enum import StrEnum
from itertools import combinations, pairwise
from typing import Final, TypeVar

from genai_prices import data_snapshot, data_units
from genai_prices import types as listed
from genai_prices.decompose import is_descendant_or_self
from genai_prices.units import UnitDef, UnitRegistry

UNITS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
)
"""What telemetry reports of a call, in genai-prices' names."""

MOST_TOKENS: Final = 10**12
"""No call has more: counts above it are mistakes or lies, and would drown every sum that they are in."""

WHOLES: Final = ("input_tokens", "output_tokens")
STANDARD_TIERS: Final = ("", "default", "standard", "auto")
"""Service tiers whose price is the standard one."""

_BEFORE_ALL = date(1970, 1, 1)
_KEPT_MODELS = 20_000
_EXACT = 60  # digits, more than any sum has: the usual 28 would round what large counts cost at the longest rates
_SERVICE_TIER = "service_tier"

_LISTED_AS = {"x_ai": "x-ai", "gcp.gen_ai": "google", "azure.ai.inference": "azure"}
"""OpenTelemetry's names of providers, and the list's for those that it wouldn't know."""

Moment = TypeVar("Moment", date, time)
Usage = Mapping[str, int | None]
"""Tokens by unit; None or absent: not reported."""


class Unpriced(StrEnum):
    """Why a call has no price."""

    MODEL = "no price is known for this model"
    TOKENS = "the call reported no tokens of a kind that is charged"
    IMPLAUSIBLE = "the reported tokens can't be: the parts are more than their whole, or they are above a trillion"
    AMBIGUOUS = "two kinds of tokens that overlap are charged together, and what they share was not reported"
    UNITS = "the model is charged by something that calls don't report"


@dataclass(frozen=True, slots=True)
class Charge:
    """Tokens at a rate (US dollars each): those of `unit` without those of `less`, which are charged by themselves."""

    unit: str
    less: tuple[str, ...]
    rate: Decimal


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price, with everything that decides whether it applies.

    `end` and `until` are the first date and time it no longer holds at, `above` is what input tokens must exceed,
    `up_to` what they must not; None: no bound. `request` is US dollars a call. `overlaps` are pairs of units of which a
    call may not have both, `others` what is charged besides and not reported.
    """

    source: str
    provider: str
    model: str
    start: date
    end: date | None
    since: time
    until: time | None
    service_tier: str
    above: int | None
    up_to: int | None
    request: Decimal
    charges: tuple[Charge, ...]
    overlaps: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """16 hex digits that tell this price from every other; the same in every version of a list that has it."""
        when = (self.start, self.end, self.since, self.until, self.service_tier, self.above, self.up_to)
        rates = [(charge.unit, charge.less, digits(charge.rate)) for charge in self.charges]
        content = [self.provider, self.model, *map(str, when), digits(self.request), rates]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def applies(self, at: datetime, input_tokens: int) -> bool:
        """Whether this is a price at that moment, for a call of so many input tokens."""
        moment = at.astimezone(UTC)
        return (
            self.start <= moment.date()
            and (self.end is None or moment.date() < self.end)
            and self.since <= moment.time()
            and (self.until is None or moment.time() < self.until)
            and (self.above is None or input_tokens > self.above)
            and (self.up_to is None or input_tokens <= self.up_to)
        )

    def cost(self, usage: Usage) -> Decimal | Unpriced:
        """US dollars, to the last digit."""
        if not self.charges and not self.request:
            return Unpriced.UNITS if self.others else Unpriced.MODEL
        if any(charge.unit in WHOLES and usage.get(charge.unit) is None for charge in self.charges):
            return Unpriced.TOKENS
        if any((usage.get(one) or 0) > 0 and (usage.get(other) or 0) > 0 for one, other in self.overlaps):
            return Unpriced.AMBIGUOUS
        total = self.request
        with localcontext(prec=_EXACT):
            for charge in self.charges:
                tokens = (usage.get(charge.unit) or 0) - sum(usage.get(unit) or 0 for unit in charge.less)
                if tokens < 0:
                    return Unpriced.IMPLAUSIBLE
                total += tokens * charge.rate
        return total


@dataclass(frozen=True, slots=True)
class Cost:
    """A call's price. `tier_unknown`: its service tier has no price of its own, and this is the standard one."""

    usd: Decimal
    row: PriceRow
    tier_unknown: bool = False


class Prices:
    """Price rows, and which of them is a call's. Rows given first go before the list's."""

    def __init__(self, own: Iterable[PriceRow] = (), snapshot: data_snapshot.DataSnapshot | None = None) -> None:
        self._own: dict[tuple[str, str], list[PriceRow]] = {}
        for row in own:
            self._own.setdefault((row.provider, row.model), []).append(row)
        self._snapshot = _without_memory(snapshot or data_snapshot.get_snapshot())
        self._registry = UnitRegistry(data_units.unit_data)
        self._listed: dict[tuple[str, str], list[PriceRow]] = {}

    def rows(self, provider: str, model: str) -> list[PriceRow]:
        """Every price of a model, named as calls name it; own ones first, then the list's. `provider` may be empty."""
        key = (provider.lower(), model.lower())
        if key not in self._listed:
            if len(self._listed) >= _KEPT_MODELS:  # senders make names up, and the list remembers them, too
                self._listed.clear()
                self._snapshot = _without_memory(self._snapshot)
            self._listed[key] = self._find(*key)
        return [*self._own.get(key, ()), *self._own.get(("", key[1]), ()), *self._listed[key]]

    def cost(self, provider: str, model: str, at: datetime, usage: Usage, service_tier: str = "") -> Cost | Unpriced:
        """What a call cost, or why nobody can say."""
        if any((usage.get(unit) or 0) > MOST_TOKENS for unit in UNITS):
            return Unpriced.IMPLAUSIBLE
        found = [row for row in self.rows(provider, model) if row.applies(at, usage.get("input_tokens") or 0)]
        if not found:
            return Unpriced.MODEL
        row = next((row for row in found if row.service_tier == service_tier), None)
        chosen = row or next((row for row in found if not row.service_tier), None)
        if chosen is None:
            return Unpriced.MODEL
        usd = chosen.cost(usage)
        unknown = row is None and service_tier not in STANDARD_TIERS
        return usd if isinstance(usd, Unpriced) else Cost(usd, chosen, unknown)

    def _find(self, provider: str, model: str) -> list[PriceRow]:
        provider = _LISTED_AS.get(provider, provider)
        try:
            owner, found = self._snapshot.find_provider_model(model, None, provider or None, None)
        except LookupError:
            return []
        return list(self._listed_rows(owner, found))

    def _listed_rows(self, provider: listed.Provider, model: listed.ModelInfo) -> Iterator[PriceRow]:
        conditions = model.prices if isinstance(model.prices, list) else []
        constraints = [condition.constraint for condition in conditions]
        tiers = {""}
        if any(model is own for own in provider.models):  # or its variants are another provider's
            for variant in model.price_variants or ():
                constraints.append(variant.constraint)
                tiers |= {
                    value for key, value in variant.when.items() if len(variant.when) == 1 and key == _SERVICE_TIER
                }
        dates = {c.start_date for c in constraints if isinstance(c, listed.StartDateConstraint)}
        clocks = {
            clock
            for c in constraints
            if isinstance(c, listed.TimeOfDateConstraint)
            for clock in (_utc(c.start_time), _utc(c.end_time))
        }
        for start, end in _spans({_BEFORE_ALL} | dates):
            for since, until in _spans({time(0)} | clocks):
                for tier in sorted(tiers):
                    at = datetime.combine(start, since, UTC)
                    prices = model.get_prices(at, {_SERVICE_TIER: tier} if tier else None)
                    for above, up_to in _ranges(prices):
                        yield self._row(provider.id, model.id, (start, end, since, until, tier, above, up_to), prices)

    def _row(
        self,
        provider: str,
        model: str,
        when: tuple[date, date | None, time, time | None, str, int | None, int | None],
        prices: listed.ModelPrice,
    ) -> PriceRow:
        *_, above, _ = when
        rates = {
            unit.usage_key: _at(price, above) / unit.per
            for unit in self._registry.units.values()
            if (price := prices.__dict__.get(unit.price_key)) is not None
        }
        request = rates.pop("requests", Decimal(0))
        reported = [self._registry.units[unit] for unit in UNITS]
        charged = [unit for unit in reported if unit.usage_key in rates]
        unreported = [self._registry.units[key] for key in rates if key not in UNITS]
        return PriceRow(
            f"genai-prices {provider}/{model}",
            provider,
            model,
            *when,
            request,
            tuple(Charge(unit.usage_key, _parts(unit, charged), rates[unit.usage_key]) for unit in charged),
            tuple(
                (one.usage_key, other.usage_key)
                for one, other in combinations(reported, 2)
                for unit in unreported
                if unit.dimensions == {**one.dimensions, **other.dimensions} and one.is_compatible_with(other)
            ),
            tuple(sorted(unit.usage_key for unit in unreported)),
        )


def _without_memory(snapshot: data_snapshot.DataSnapshot) -> data_snapshot.DataSnapshot:
    return data_snapshot.DataSnapshot(snapshot.providers, snapshot.from_auto_update, timestamp=snapshot.timestamp)


def digits(amount: Decimal) -> str:
    """The amount written out, without zeros at its end: one text for one amount."""
    return f"{amount.normalize():f}"


def _parts(unit: UnitDef, charged: list[UnitDef]) -> tuple[str, ...]:
    return tuple(other.usage_key for other in charged if other is not unit and is_descendant_or_self(unit, other))


def _at(price: Decimal | listed.TieredPrices, above: int | None) -> Decimal:
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if above is not None and tier.start <= above]
    return reached[-1] if reached else price.base


def _ranges(prices: listed.ModelPrice) -> list[tuple[int | None, int | None]]:
    """The ranges of input tokens, (above, up to), in which prices are the same."""
    tiered = [price for price in prices.__dict__.values() if isinstance(price, listed.TieredPrices)]
    bounds: list[int | None] = [*sorted({tier.start for price in tiered for tier in price.tiers})]
    return list(pairwise([None, *bounds, None]))


def _spans(starts: set[Moment]) -> list[tuple[Moment, Moment | None]]:
    ordered: list[Moment] = sorted(starts)
    spans: list[tuple[Moment, Moment | None]] = [(start, end) for start, end in pairwise(ordered)]
    spans.append((ordered[-1], None))
    return spans


def _utc(clock: time) -> time:
    if clock.tzinfo is None:
        return clock
    return datetime.combine(_BEFORE_ALL, clock).astimezone(UTC).time()
