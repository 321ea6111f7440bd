"""The words every part of the collector shares: signals, principals, exports and answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Signal(StrEnum):
    """An OTLP signal. One *item* is a span, a log record or a metric data point."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


class Encoding(StrEnum):
    """How the body of an export request is written."""

    PROTOBUF = "protobuf"
    JSON = "json"


class Method(StrEnum):
    """How an identity was verified. `ASSERTED` means a gateway vouched for it; `NONE` that nobody did."""

    TOKEN = "token"  # noqa: S105 (a kind of credential, not one)
    MTLS = "mtls"
    OIDC = "oidc"
    ASSERTED = "asserted"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a request, as verified by the collector; stamped on every row it causes."""

    org: str
    identity: str
    method: Method


@dataclass(frozen=True, slots=True)
class Export:
    """One OTLP export request as it arrived: decompressed, not yet parsed."""

    signal: Signal
    encoding: Encoding
    body: bytes
    principal: Principal


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an export. It is on disk (fsynced) when this exists.

    `accepted` and `rejected` count items. `absorbed` is true for a repeated identical request: its items
    were stored the first time and are not counted again. `message` says what was rejected and why.
    """

    accepted: int
    rejected: int = 0
    absorbed: bool = False
    message: str = ""


class Consumer(Protocol):
    """Where receivers hand exports on. Raises `errors.CollectorError` and nothing else."""

    async def consume(self, export: Export) -> Answer: ...
