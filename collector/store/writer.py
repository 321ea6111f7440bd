"""Batches into the store: the one place that inserts telemetry.

The engine parses the batch (`FORMAT ProtobufSingle`) into a Null table and materialized views make the rows. That is
not atomic across views, but the same bytes under the same token and settings complete exactly what is missing,
so a batch carries both from before its first attempt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.receivers.payload import keys_tail
from collector.redaction.keys import RedactionKeys
from collector.redaction.policy import Policy
from collector.signals import Signal
from collector.store import otlp
from collector.store.connection import Store, StoreError
from collector.store.migrate import RawView, raw_views

Settings = Mapping[str, str | int]

BLOCK_SETTINGS: Settings = {
    # Whatever decides how rows are cut into blocks is fixed: on a retry other blocks would be other rows.
    "max_block_size": 1_048_576,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1_073_741_824,
    "max_insert_threads": 1,
    "max_threads": 1,
    "parallel_view_processing": 0,
    "async_insert": 0,
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # Back-dated loads span months; the default of 100 days would fail them.
    "max_partitions_per_insert_block": 0,
    "input_format_protobuf_oneof_presence": 1,
    # The views are written in layers; folding them into one expression costs more than it saves.
    "query_plan_merge_expressions": 0,
    "optimize_functions_to_subcolumns": 0,
    "optimize_and_compare_chain": 0,
}

_PERMANENT_CODES = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        36,  # BAD_ARGUMENTS
        43,  # ILLEGAL_TYPE_OF_ARGUMENT
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        153,  # ILLEGAL_DIVISION
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        407,  # DECIMAL_OVERFLOW
        444,  # UNKNOWN_PROTOBUF_FORMAT
        445,  # PROTOBUF_BAD_CAST
        446,  # PROTOBUF_FIELD_NOT_REPEATED
        447,  # DATA_TYPE_CANNOT_BE_PROMOTED
        448,  # PROTOBUF_NOT_PACKED
    }
)


_MEMORY_LIMIT_EXCEEDED = 241


class InsertError(Exception):
    """An insert that failed. `data` is true where the data is to blame and a retry can't help.

    `memory` is true where the engine ran into its memory cap: alone, or later, the insert may fit.

    The message names the engine's error, never the data: the engine's own text may quote it.
    """

    def __init__(self, error: ClickHouseError | StoreError) -> None:
        self.code = getattr(error, "code", None) or 0
        self.name = str(getattr(error, "name", None) or type(error).__name__)
        self.data = self.code in _PERMANENT_CODES
        self.memory = self.code == _MEMORY_LIMIT_EXCEEDED
        super().__init__(str(error) if isinstance(error, StoreError) else f"{self.name} (code {self.code})")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a batch is inserted, decided once: every attempt repeats it to the letter."""

    batch_id: str
    revision: int
    settings: Settings
    schema_digest: str
    engine_version: str

    @property
    def token(self) -> str:
        """The deduplication token; a batch without its poison is another batch, hence the revision."""
        return f"{self.batch_id}:{self.revision}"


class Writer:
    """Inserts batches, counts what landed, tries single requests."""

    def __init__(self, store: Store, policy: Policy | None = None, keys: RedactionKeys | None = None) -> None:
        """`policy` is the one that the store's views were made with, `keys` its tokens' and digests'; without keys
        there are masks instead of tokens.
        """
        self._store = store
        self.schema_digest = hashlib.sha256(otlp.SCHEMA.encode()).hexdigest()[:16]
        self.tables: dict[Signal, list[str]] = {signal: [] for signal in Signal}
        self._tail = keys_tail(keys.token, keys.arguments) if keys else b""
        self._probes: dict[Signal, list[RawView]] = {signal: [] for signal in Signal}
        for view in raw_views(policy):
            self.tables[Signal(view.signal)].append(view.table)
            self._probes[Signal(view.signal)].append(view)

    def plan(self, batch_id: str, revision: int = 0) -> Plan:
        """The plan for a batch that was never tried."""
        return Plan(batch_id, revision, BLOCK_SETTINGS, self.schema_digest, self._store.engine_version)

    def is_current(self, plan: Plan) -> bool:
        """Whether this engine and schema would cut the batch into the blocks that the plan's did."""
        return plan.schema_digest == self.schema_digest and plan.engine_version == self._store.engine_version

    def insert(self, signal: Signal, plan: Plan, body: Iterable[bytes]) -> None:
        """Insert a batch; it is in the tables, fsynced, when this returns. Raises `InsertError`."""
        self._insert(f"raw_{signal}", signal, body, {**plan.settings, "insert_deduplication_token": plan.token})

    def try_alone(self, signal: Signal, body: bytes) -> None:
        """Run one request through the parser and the views' expressions; nothing is kept. Raises `InsertError`."""
        raw = f"probe_raw_{signal}"
        try:
            client = self._store.client()
            client.command(f"CREATE TABLE IF NOT EXISTS {raw} ({otlp.RAW_COLUMNS[signal]}) ENGINE = Null")
            for view in self._probes[signal]:
                target = view.target
                client.command(f"CREATE TABLE IF NOT EXISTS probe_{target} AS {target} ENGINE = Null")
                made = view.sql.replace(f"{target}_mv TO {target} ", f"probe_{target}_mv TO probe_{target} ")
                client.command(made.replace(f"FROM raw_{signal}", f"FROM {raw}"))
        except (ClickHouseError, StoreError) as error:
            raise InsertError(error) from None
        self._insert(raw, signal, (body,), BLOCK_SETTINGS)

    def count(self, signal: Signal, batch_id: str) -> int:
        """Rows of a batch in the tables that its items become. Raises `InsertError`."""
        total = 0
        try:
            client = self._store.client()
            for table in self.tables[signal]:
                rows = client.command(
                    f"SELECT count() FROM {table} WHERE BatchId = {{batch:String}}",
                    parameters={"batch": batch_id},
                )
                total += int(str(rows))
        except (ClickHouseError, StoreError) as error:
            raise InsertError(error) from None
        return total

    def _insert(self, table: str, signal: Signal, body: Iterable[bytes], settings: Settings) -> None:
        whole = (chunk for chunk in chain(body, (self._tail,)))
        try:
            self._store.client().raw_insert(
                table,
                insert_block=whole if self._store.embedded else b"".join(whole),
                fmt="ProtobufSingle",
                settings={
                    **settings,
                    "format_schema_source": "string",
                    "format_schema": otlp.SCHEMA,
                    "format_schema_message_name": otlp.MESSAGE[signal],
                },
            )
        except (ClickHouseError, StoreError) as error:
            raise InsertError(error) from None
