"""What the inventory needs of a store."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from clickhouse_connect.driver.client import Client


class Readers(Protocol):
    """As `collector.store.connection.Store` has it."""

    def reader(self) -> AbstractContextManager[Client]: ...

    def spare_reader(self) -> AbstractContextManager[Client | None]: ...


class Writers(Protocol):
    """The same, for what is published."""

    def client(self) -> Client:
        """The calling thread's own."""
