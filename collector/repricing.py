"""Which stored calls have no price, and which have one that isn't today's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

from collector.costing import Calls, Costing
from collector.store.arrow import query_arrow
from collector.store.reads import statement

_SECOND = 10**9
_HOUR = 3_600 * _SECOND
_AT_ONCE = 100_000
"""Calls of one read, if they come evenly: some 50 MB in the engine."""


@dataclass(frozen=True, slots=True)
class UnpricedCalls:
    """Calls without a price that name the same model. `reason` is the name of an `Unpriced`; tokens: None if none of
    them reported any.
    """

    provider: str
    model: str
    reason: str
    calls: int
    calls_without_tokens: int
    input_tokens: int | None
    output_tokens: int | None
    first_ns: int
    last_ns: int


def unpriced(client: Client, org: str, since: int, until: int) -> list[UnpricedCalls]:
    """Calls from `since` on and before `until` (ns) that have no price, most calls first."""
    found: dict[tuple[str, str, str], UnpricedCalls] = {}
    for bounds in _slices(client, "unpriced_hours", {"org": org}, since, until):
        for row in client.query(statement("unpriced"), parameters={"org": org, **bounds}).named_results():
            part = UnpricedCalls(**row)
            key = (part.provider, part.model, part.reason)
            found[key] = _together(found[key], part) if key in found else part
    return sorted(found.values(), key=lambda row: (-row.calls, row.provider, row.model, row.reason))


def outdated(client: Client, org: str, since: int, until: int, costing: Costing) -> Iterator[str]:
    """Ids of traces with calls from `since` on and before `until` (ns) that would now be priced otherwise, newest
    hours first.

    Calls priced by this same book are not looked at. A long trace may come more than once, unless it was sealed anew
    meanwhile. The client is in use until the last one was taken.
    """
    wanted = {"org": org, "price_book": costing.book.version}
    for bounds in _slices(client, "priced_by_hours", wanted, since, until):
        table = query_arrow(client, statement("priced_by"), {**wanted, **bounds})
        costs = costing.cost(Calls.of(table))
        changed = pc.or_(
            pc.not_equal(table["PriceId"], costs.price_id.cast("string")),
            pc.not_equal(table["Unpriced"], costs.unpriced.cast("string")),
        )
        yield from pc.unique(table["TraceId"].filter(changed)).to_pylist()


def _slices(client: Client, hours: str, wanted: Mapping[str, str], since: int, until: int) -> Iterator[dict[str, int]]:
    """Cuts of the hours that have such calls, newest hour first, so that a read holds no more than some of them."""
    found = client.query(statement(hours), parameters={**wanted, "since": since, "until": until}).result_rows
    for hour, calls in sorted(map(tuple, found), reverse=True):
        parts = -(-calls // _AT_ONCE)
        borders = [hour * _SECOND + _HOUR * part // parts for part in range(parts + 1)]
        for start, end in pairwise(borders):
            bounds = {"since": max(since, start), "until": min(until, end)}
            if bounds["since"] < bounds["until"]:
                yield bounds


def _together(one: UnpricedCalls, other: UnpricedCalls) -> UnpricedCalls:
    return replace(
        one,
        calls=one.calls + other.calls,
        calls_without_tokens=one.calls_without_tokens + other.calls_without_tokens,
        input_tokens=_sum(one.input_tokens, other.input_tokens),
        output_tokens=_sum(one.output_tokens, other.output_tokens),
        first_ns=min(one.first_ns, other.first_ns),
        last_ns=max(one.last_ns, other.last_ns),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else one + other
