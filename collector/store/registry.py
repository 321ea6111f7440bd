"""Where registry and telemetry meet: who was seen, whose it is, and what was true when.

The inventory publishes; a registered agent's telemetry is found by keys, so that a claim applies to what was sealed
long ago, without sealing it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from collector.store.reads import run

FOREVER = datetime(2200, 1, 1, tzinfo=UTC)
"""Until when a version holds that no other has followed."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SETTINGS = {"async_insert": 0}


@dataclass(frozen=True, slots=True)
class Identity:
    """What telemetry says of who sent it, and how much there is of it. `key` is what sealing calls it."""

    key: int
    service: str
    agent_id: str
    agent: str
    identity: str
    first_ns: int
    last_ns: int
    received_ns: int
    spans: int
    errors: int
    model_calls: int
    tool_calls: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """Telemetry of a key is this registered agent's; empty: nobody's. The higher version counts."""

    org: str
    key: int
    agent: str
    version: int


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """What an object was in [valid_from, valid_to). `document`: JSON; `gone`: it was not there."""

    org: str
    kind: str
    id: str
    revision: int
    valid_from: datetime
    valid_to: datetime | None
    gone: bool
    document: str


@dataclass(frozen=True, slots=True)
class VersionAt:
    """An object as it was at a moment."""

    id: str
    revision: int
    valid_from: datetime
    valid_to: datetime
    gone: bool
    document: str


def identities(client: Client, org: str, limit: int = 100_000) -> list[Identity]:
    """Whoever sent spans, the last received first. Raises `ReadError`."""
    return [Identity(**row) for row in run(client, "agent_identities", org=org, limit=limit)]


def tools_of(client: Client, org: str, since_ns: int) -> dict[int, tuple[str, ...]]:
    """Tools that were called since then, by key. Raises `ReadError`."""
    return {row["key"]: tuple(row["tools"]) for row in run(client, "agent_tools", org=org, since=since_ns)}


def prompts_of(client: Client, org: str, since_ns: int) -> dict[int, tuple[str, ...]]:
    """Digests of the system instructions that calls were made with since then, by key. Raises `ReadError`."""
    rows = run(client, "agent_prompts", org=org, since=since_ns)
    return {row["key"]: tuple(row["prompts"]) for row in rows}


def resolutions(client: Client, org: str) -> dict[int, str]:
    """The registered agent of each key. Raises `ReadError`."""
    return {row["key"]: row["agent"] for row in run(client, "agent_resolutions", org=org)}


def keys_of(client: Client, org: str, agent: str) -> list[int]:
    """Keys of the telemetry that is a registered agent's. Raises `ReadError`."""
    return [row["key"] for row in run(client, "agent_resolution_keys", org=org, agent=agent)]


def publish_resolutions(client: Client, rows: Sequence[Resolution]) -> None:
    """Durable when it returns. Published again they change nothing."""
    if rows:
        values = [[row.org, row.key, row.agent, row.version] for row in rows]
        names = ["Org", "AgentKey", "Agent", "Version"]
        client.insert("agent_resolutions", values, column_names=names, settings=_SETTINGS)


def publish_versions(client: Client, rows: Sequence[PublishedVersion], now: datetime) -> None:
    """Durable when it returns. Published again they change nothing."""
    names = ["Org", "Kind", "Id", "Revision", "ValidFrom", "ValidTo", "Gone", "Document", "PublishedAt"]
    values = [
        [
            row.org,
            row.kind,
            row.id,
            row.revision,
            row.valid_from,
            row.valid_to or FOREVER,
            int(row.gone),
            row.document,
            now,
        ]
        for row in rows
    ]
    if values:
        client.insert("registry_versions", values, column_names=names, settings=_SETTINGS)


def versions_at(client: Client, org: str, kind: str, moment: datetime) -> Mapping[str, VersionAt]:
    """Objects of a kind as they were then, by id; also those that were gone. Raises `ReadError`."""
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    return {
        row["id"]: VersionAt(
            row["id"], row["revision"], _moment(row["valid_from_us"]), _moment(row["valid_to_us"]), bool(row["gone"]),
            row["document"],
        )
        for row in run(client, "registry_versions_at", org=org, kind=kind, moment=micros)
    }  # fmt: skip


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
