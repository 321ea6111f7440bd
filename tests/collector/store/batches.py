"""Batches of the tests' own, put into the tables as the loader puts them there."""

from __future__ import annotations

import itertools
from typing import Any

from collector.receivers.payload import batch_tail, decode
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.writer import Writer

NOW = 1_800_000_000_000_000_000
"""When they were received, ns since the epoch."""
_NUMBER = itertools.count()


class Batch:
    """A batch of one organisation, whose name tells its rows from everybody else's; `org`: of a known one."""

    def __init__(self, writer: Writer, signal: Signal, *messages: Any, org: str = "") -> None:
        self.name = f"{signal}-writer-{next(_NUMBER)}"
        self.signal = signal
        self.org = org or f"org-{self.name}"
        self.plan = writer.plan(self.name)
        self._writer = writer
        self._payloads = [self._payload(message.SerializeToString()) for message in messages]

    def _payload(self, body: bytes) -> bytes:
        sender = Principal(self.org, "sender", Method.TOKEN)
        return decode(Export(self.signal, Encoding.PROTOBUF, body, sender), NOW, "request").payload

    def insert(self) -> None:
        self._writer.insert(self.signal, self.plan, [*self._payloads, batch_tail(self.name)])

    def count(self) -> int:
        return self._writer.count(self.signal, self.name)
