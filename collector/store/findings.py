"""What findings found, and what envelopes' checks gave, as they stand in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clickhouse_connect.driver.client import Client

from collector.store.reads import run
from collector.store.texts import Refers, said

MAX_GROUPS = 20_000
_LONGEST = 100_000
"""Bytes of an envelope that are read."""


@dataclass(frozen=True, slots=True)
class Group:
    """All that stands under a finding's key; `traces` are the newest."""

    finding: str
    key: str
    agent: str
    hits: int
    first_ns: int
    last_ns: int
    details: Mapping[str, str]
    traces: Sequence[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was done, or an agent as a whole (no trace)."""

    trace_id: str
    span_id: str
    at_ns: int
    agent: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CarriedEnvelope:
    trace_id: str
    span_id: str
    at_ns: int
    attributes: Mapping[str, str]
    redacted: bool


@dataclass(frozen=True, slots=True)
class EnvelopeCheck:
    """`result`: one of `inventory.envelope.RESULTS`."""

    org: str
    trace_id: str
    span_id: str
    at: datetime
    issuer: str
    key_id: str
    result: str
    detail: str


def groups(client: Client, org: str, since_ns: int) -> list[Group]:
    """Raises `ReadError`."""
    found = run(client, "finding_groups", org=org, since=since_ns, limit=MAX_GROUPS)
    return [Group(**{**row, "traces": [one for one in row["traces"] if one]}) for row in found]


def hits(client: Client, org: str, finding: str, key: str, limit: int) -> list[Hit]:
    """Newest first. Raises `ReadError`."""
    return [Hit(**row) for row in run(client, "finding_hits", org=org, finding=finding, key=key, limit=limit)]


def envelopes(
    client: Client, org: str, bounds_ns: tuple[int, int], sealed_ms: tuple[int, int], limit: int
) -> list[CarriedEnvelope]:
    """Of traces that were sealed then and lie between these moments. Raises `ReadError`."""
    rows = run(
        client, "envelopes", org=org, since=bounds_ns[0], until=bounds_ns[1], sealed_from=sealed_ms[0],
        sealed_until=sealed_ms[1], limit=limit,
    )  # fmt: skip
    texts = said(client, org, [Refers(row.pop("day"), row.pop("service"), row.pop("pieces")) for row in rows], _LONGEST)
    return [
        CarriedEnvelope(**{**row, "attributes": {**row["attributes"], **text.texts}, "redacted": bool(row["redacted"])})
        for row, text in zip(rows, texts, strict=True)
    ]


def keep_checks(client: Client, checks: Sequence[EnvelopeCheck], now: datetime) -> None:
    """Durable when it returns. Kept again they change nothing."""
    names = ["Org", "TraceId", "SpanId", "At", "Issuer", "KeyId", "Result", "Detail", "CheckedAt"]
    values = [
        [one.org, one.trace_id, one.span_id, one.at, one.issuer, one.key_id, one.result, one.detail, now]
        for one in checks
    ]
    if values:
        client.insert("envelope_checks", values, column_names=names, settings={"async_insert": 0})
