"""One store, two homes: ClickHouse embedded in this process, or a server named by a DSN."""

from __future__ import annotations

import hashlib
import os
import queue
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.settings import StoreSettings

_RAM_DISK = Path("/dev/shm")  # noqa: S108 (only ever used through a private directory in it)


class StoreError(Exception):
    """The store can't be opened or used as configured; the message says what to change."""


class Store:
    """Connections to one ClickHouse. Clients are not shared between threads: the engine runs them in parallel.

    The embedded engine allows one path and one process. Its memory is capped by a configuration file, so that
    a query that wants more fails alone and ingest goes on.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        self.embedded = settings.dsn is None
        self._local = threading.local()
        self._clients: list[Client] = []
        self._lock = threading.Lock()
        self._tmp: Path | None = None
        self._readers: queue.Queue[Client | None] = queue.Queue()
        for _ in range(settings.readers):
            self._readers.put(None)
        if self.embedded:
            self._arguments = self._embedded_arguments()
        else:
            self._arguments = {"dsn": settings.dsn, "autogenerate_session_id": False}
        self.database = self._database_name()
        first = self._connect(None)
        try:
            self.engine_version = str(first.command("SELECT version()"))
            first.command(f"CREATE DATABASE IF NOT EXISTS {self.database}" + " ENGINE = Atomic" * self.embedded)
        finally:
            first.close()
        if self.embedded:
            self._private_tmp()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.where})"

    @property
    def where(self) -> str:
        """The store's place, fit for people: no credentials."""
        if self.embedded:
            return f"embedded engine at {self.settings.path}"
        parts = urlsplit(self.settings.dsn or "")
        return f"ClickHouse at {parts.hostname}:{parts.port or 8123}/{self.database}"

    def within(self, database: str) -> Store:
        """The same engine or server, and another database of it, made if there is none. Close it before this one."""
        self.client().command(f"CREATE DATABASE IF NOT EXISTS {database}" + " ENGINE = Atomic" * self.embedded)
        other = copy(self)
        other.database = database
        other._local, other._lock, other._clients, other._tmp = threading.local(), threading.Lock(), [], None
        other._readers = queue.Queue()
        for _ in range(self.settings.readers):
            other._readers.put(None)
        return other

    def client(self) -> Client:
        """This thread's own client, without read limits: for inserts and migrations."""
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            client = self._connect(self.database)
            self._local.client = client
        return client

    @contextmanager
    def reader(self) -> Iterator[Client]:
        """A client for reads: limited in memory, time and number, and unable to write."""
        with self._lent(self._readers.get()) as client:
            yield client

    @contextmanager
    def spare_reader(self) -> Iterator[Client | None]:
        """One more, if one is free now: a read of many statements may ask some of them beside the others."""
        try:
            free = self._readers.get_nowait()
        except queue.Empty:
            yield None
        else:
            with self._lent(free) as client:
                yield client

    @contextmanager
    def _lent(self, client: Client | None) -> Iterator[Client]:
        try:
            if client is None:
                client = self._limited()
            yield client
        finally:
            self._readers.put(client)

    def _limited(self) -> Client:
        client = self._connect(self.database)
        limits = {
            "max_memory_usage": self.settings.query_memory_bytes,
            "max_execution_time": self.settings.query_seconds,
            "max_threads": 2,
        }
        for name, value in limits.items():
            client.set_client_setting(name, value)
        if self.embedded:
            # A session setting of the engine's; last, since nothing can be set after it. It keeps a mistaken read from
            # writing; it is no sandbox for SQL of strangers.
            client.command("SET readonly = 2")
        return client

    def ping(self) -> bool:
        """Whether the store answers."""
        try:
            return bool(self.client().command("SELECT 1") == 1)
        except ClickHouseError:
            return False

    def close(self) -> None:
        """Close every client. No thread may be using one."""
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.close()
        self._local = threading.local()
        if self._tmp is not None:
            tempfile.tempdir = None
            with suppress(OSError):
                self._tmp.rmdir()

    def _connect(self, database: str | None) -> Client:
        try:
            client = clickhouse_connect.get_client(**self._arguments, database=database)
        except ClickHouseError as error:
            raise StoreError(self._hint(str(error))) from error
        # Looking for chains of comparisons to shorten takes longer than all the rest of a large statement's analysis.
        client.set_client_setting("optimize_and_compare_chain", 0)
        with self._lock:
            self._clients.append(client)
        return client

    def _hint(self, error: str) -> str:
        if not self.embedded:
            return f"can't reach {self.where}: check MUSTER_STORE_DSN and that the server runs"
        if "EmbeddedServer" in error:
            # The engine says why on stderr only: nearly always that its directory is locked.
            return f"{self.settings.path} is in use by another process: stop it, or set MUSTER_DATA to another"
        return f"can't open the {self.where}: {error}"

    def _database_name(self) -> str:
        if self.embedded:
            return self.settings.database
        path = urlsplit(self.settings.dsn or "").path.strip("/")
        return path or self.settings.database

    def _embedded_arguments(self) -> dict[str, Any]:
        path = self.settings.path.resolve()
        path.mkdir(parents=True, exist_ok=True)
        config = path.parent / f"{path.name}.xml"
        config.write_text(_CONFIG.format(memory=self.settings.memory_bytes))
        return {
            "interface": "chdb",
            "path": str(path),
            "chdb_options": {"config-file": str(config)},
        }

    def _private_tmp(self) -> None:
        """Inserts pass through a temporary file: put it where it never touches a disk, and clear what a crash left.

        Called with the engine open, when no other process can be using the directory.
        """
        parent = _RAM_DISK if os.access(_RAM_DISK, os.W_OK) else self.settings.path.resolve().parent
        key = hashlib.sha256(str(self.settings.path.resolve()).encode()).hexdigest()[:12]
        mine = parent / f"muster-insert-{os.getuid()}-{key}"
        mine.mkdir(mode=0o700, exist_ok=True)
        for left in mine.iterdir():
            with suppress(OSError):
                left.unlink()
        tempfile.tempdir = str(mine)
        self._tmp = mine


_CONFIG = """<clickhouse>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>134217728</mark_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <logger><level>none</level></logger>
</clickhouse>
"""
