"""Facts of model calls, priced by a book, in a table as sealing fills it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from collector.costing import COLUMNS, Calls, Costing
from collector.store.connection import Store

NOW = 1_777_896_000 * 10**9
"""Noon of 4 May 2026, UTC."""

TABLE = f"""CREATE TABLE span_facts
(
    Org LowCardinality(String), TraceId String, SpanId String, Timestamp DateTime64(9), Provider LowCardinality(String),
    Model LowCardinality(String), ServiceTier LowCardinality(String), PriceId String, Cost Nullable(Decimal(38, 24)),
    Unpriced LowCardinality(String), PriceBook LowCardinality(String), Seal UInt32, Call UInt8,
    {", ".join(f"{name} Nullable(UInt64)" for name in COLUMNS)}
)
ENGINE = MergeTree ORDER BY (Org, Timestamp)"""

_CALL = {
    "SpanId": "1",
    "Timestamp": NOW,
    "Provider": "openai",
    "Model": "gpt-4o",
    "ServiceTier": "",
    "Call": 1,
    **dict.fromkeys(COLUMNS),
    "InputTokens": 100,
    "OutputTokens": 10,
}
_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("TraceId", "SpanId", "Provider", "Model", "ServiceTier")),
        pa.field("Timestamp", pa.timestamp("ns")),
        pa.field("Call", pa.uint8()),
        *(pa.field(name, pa.uint64()) for name in COLUMNS),
    ]
)


def seal(store: Store, costing: Costing, *calls: dict[str, Any], version: int = 1, org: str = "acme") -> None:
    """Store facts of calls; what a call doesn't say is that of a plain one to gpt-4o."""
    table = pa.Table.from_pylist([_CALL | call for call in calls], _SCHEMA)
    costs = costing.cost(Calls.of(table))
    columns = {
        "PriceId": costs.price_id.cast(pa.string()),
        "Unpriced": costs.unpriced.cast(pa.string()),
        "Cost": costs.usd,
        "Org": pa.array([org] * len(calls)),
        "PriceBook": pa.array([costing.book.version] * len(calls)),
        "Seal": pa.array([version] * len(calls), pa.uint32()),
    }
    for name, column in columns.items():
        table = table.append_column(name, column)
    store.client().insert_arrow("span_facts", table)
