"""Small spools and what is put into them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.errors import CollectorError
from collector.ledger import Ledger
from collector.receivers import payload
from collector.segment import Record
from collector.settings import CollectorSettings
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.spool import Append, Spool

SENDER = Principal("acme", "agent-7", Method.TOKEN)


def request(spans: int, name: str = "step") -> bytes:
    """An export request with ids of its own."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "tests"
    scope = resource.scope_spans.add()
    now = time.time_ns()
    for _ in range(spans):
        scope.spans.add(
            trace_id=secrets.token_bytes(16),
            span_id=secrets.token_bytes(8),
            name=name,
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1_000_000,
        )
    return message.SerializeToString()


def export(body: bytes, principal: Principal = SENDER, signal: Signal = Signal.TRACES) -> Export:
    return Export(signal, Encoding.PROTOBUF, body, principal)


def record(items: int = 1, content: bytes = b"payload", *, received_at: int | None = None) -> Record:
    """A record whose payload nobody parses."""
    at = time.time_ns() if received_at is None else received_at
    return Record(at, items, items, 0, 0, secrets.token_bytes(16), SENDER.org, SENDER.identity, content)


def spans_record(spans: int, name: str = "step") -> Record:
    """A record that the engine can read."""
    at = time.time_ns()
    decoded = payload.decode(export(request(spans, name)), at, secrets.token_hex(8))
    return Record(
        at, decoded.items, decoded.items, 0, 0, secrets.token_bytes(16), SENDER.org, SENDER.identity, decoded.payload
    )


def settings(directory: Path, **changes: object) -> CollectorSettings:
    """Settings of a spool under `directory`, whatever the disk's free space."""
    given: dict[str, object] = {"spool_path": directory, "spool_min_free_bytes": 1, "batch_linger": 0.02, **changes}
    return CollectorSettings.model_validate(given)


@dataclass(eq=False)
class Told:
    """What the spool told about a group of appends."""

    expected: int
    errors: list[CollectorError | None] = field(default_factory=list)
    everything: threading.Event = field(default_factory=threading.Event)

    def __call__(self, appends: list[Append], error: CollectorError | None) -> None:
        self.errors += [error] * len(appends)
        if len(self.errors) >= self.expected:
            self.everything.set()


def put(spool: Spool, records: Sequence[Record], signal: Signal = Signal.TRACES) -> list[CollectorError | None]:
    """Append records and wait for the word on each."""
    told = Told(len(records))
    for entry in records:
        spool.append(Append(signal, entry, told))
    assert told.everything.wait(20), "the spool's writer doesn't answer"
    return told.errors


@dataclass
class Opened:
    """A spool and its ledger, opened as after a start; `reopen` is a crash and a start."""

    settings: CollectorSettings
    ledger: Ledger = field(init=False)
    spool: Spool = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.settings.spool_path / "ledger.sqlite")
        self.spool = Spool(self.settings, self.ledger)
        self.spool.start()

    def close(self) -> None:
        self.spool.close()
        self.ledger.close()

    def reopen(self) -> None:
        self.close()
        self.__post_init__()
