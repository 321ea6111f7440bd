"""The one insert on its way: on disk before it is tried, and tried again to the letter until it is in.

An insert across views isn't atomic. The same bytes under the same token and settings complete exactly what is missing
of it, so nothing else may be sealed before.
"""

from __future__ import annotations

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.store.connection import Store, StoreError
from collector.store.writer import BLOCK_SETTINGS, InsertError

_SETTINGS = {name: value for name, value in BLOCK_SETTINGS.items() if not name.startswith("input_format")}
MOST_ROWS = int(BLOCK_SETTINGS["max_insert_block_size"])
"""Rows of an insert, which must be one block: a trace's rows mean something together."""


class Pending:
    """A file of `directory`: a line of JSON (token and settings), then an Arrow stream."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path = directory / "seal.pending"

    def insert(self, store: Store, rows: pa.Table) -> None:
        """Insert rows of `sealed`. Raises OSError; InsertError, after which it must be finished first."""
        assert not self._path.exists(), "an insert waits: finish it first"
        assert len(rows) <= MOST_ROWS
        head = {"settings": {**_SETTINGS, "insert_deduplication_token": f"seal-{uuid.uuid4().hex}"}}
        self._keep(json.dumps(head).encode() + b"\n", _stream(rows))
        self.finish(store)

    def finish(self, store: Store) -> bool:
        """Complete the insert that waits, if one does. Raises InsertError."""
        try:
            head, _, body = self._path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return False
        settings: dict[str, Any] = json.loads(head)["settings"]
        try:
            store.client().raw_insert(
                "sealed",
                insert_block=(part for part in (body,)) if store.embedded else body,
                fmt="ArrowStream",
                settings=settings,
            )
        except (ClickHouseError, StoreError) as error:
            raise InsertError(error) from None
        self._path.unlink()
        return True

    def _keep(self, head: bytes, body: pa.Buffer) -> None:
        unfinished = self._path.with_suffix(".new")
        try:
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123
                file.write(head)
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()
            raise
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _stream(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    return sink.getvalue()
