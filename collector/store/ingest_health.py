"""Whether telemetry comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from collector.store.reads import run


@dataclass(frozen=True, slots=True)
class IngestHealth:
    """`newest_ns` is None in an empty store. `minutes` are (start of minute in s, rows received), gaps left out."""

    newest_ns: int | None
    spans: int
    minutes: Sequence[tuple[int, int]] = field(default=())


def ingest_health(client: Client, org: str, since_ns: int) -> IngestHealth:
    """When a span last came, and how many came in each minute from `since_ns` on."""
    newest = run(client, "ingest_newest", org=org)
    minutes = [(row["minute"], row["spans"]) for row in run(client, "ingest_minutes", org=org, since=since_ns)]
    return IngestHealth(newest[0]["received_ns"], newest[0]["spans"], minutes) if newest else IngestHealth(None, 0)
