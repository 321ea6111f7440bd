"""Which agents were ever seen, as their spans name them: claims, beside the verified identities that sent them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from collector.store.reads import run


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """All that was received of an agent of a service; spans that name none have an empty name and id.

    First and last are the spans' own times; `received_ns` is when the last of them came in. `identities` are (identity,
    how it was verified).
    """

    service: str
    agent_id: str
    agent: str
    first_ns: int
    last_ns: int
    received_ns: int
    spans: int
    errors: int
    model_calls: int
    tool_calls: int
    environments: Sequence[str]
    identities: Sequence[tuple[str, str]]


def agents_seen(client: Client, org: str, *, active_since_ns: int = 0, limit: int = 1_000) -> list[AgentSeen]:
    """Agents with spans received since then, the last received first. Raises `ReadError`."""
    rows = run(client, "agents_seen", org=org, active_since=active_since_ns, limit=limit)
    return [AgentSeen(**row) for row in rows]
