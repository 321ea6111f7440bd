"""Settings of the collector, from the environment (`MUSTER_COLLECTOR_…`), checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MiB = 1024 * 1024

Bytes = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class CollectorSettings(BaseSettings):
    """How telemetry comes in: addresses, limits, and when a batch is full."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_COLLECTOR_", extra="forbid")

    host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 4318
    grpc_port: Annotated[int, Field(ge=0, le=65535)] = 4317
    tokens_file: Path | None = None
    """Bearer tokens (see `receivers/auth.py`). Needed for any bind that is not loopback."""
    redaction_file: Path | None = None
    """What is redacted before it is stored (see `redaction/policy.py`); without it the shipped policy."""
    keys_path: Path = Path(".data/keys")
    """Directory of the key that makes tokens and digests: back it up, or old ones can't be compared with new ones."""
    prices_file: Path | None = None
    """Prices of your own (see `price_file.py`), which go before the list's. Read at start."""
    retention_file: Path | None = None
    """How long what is kept (see `retention/policy.py`). Without it nothing is ever removed."""
    retention_every: Seconds = 86_400.0
    """How long after a run of retention the next one is due; of no effect without `retention_file`."""

    max_body_bytes: Bytes = 16 * MiB
    """Largest request as sent."""
    max_decompressed_bytes: Bytes = 16 * MiB
    """Largest request after decompression. Parsing takes many times a request's size where it is made of empty
    messages, so this bounds the memory that one request can cost."""
    max_in_flight_bytes: Bytes = 256 * MiB
    """Decompressed bytes of the requests not yet on disk; above it senders are told to slow down."""

    spool_path: Path = Path(".data/spool")
    spool_max_bytes: Bytes = 8 * 1024 * MiB
    """Waiting bytes above which senders are told to slow down."""
    spool_max_age: Seconds = 900.0
    """Age of the oldest waiting request above which senders are told to come back."""
    spool_min_free_bytes: Bytes = 512 * MiB
    """Free disk space below which nothing more is taken in, so that the engine can still write."""
    dedup_window: Seconds = 600.0
    """How long a repeated identical request is absorbed."""

    batch_items: Annotated[int, Field(gt=0)] = 100_000
    batch_bytes: Bytes = 40 * MiB
    batch_linger: Seconds = 0.5
    """Age at which a batch is loaded even if it isn't full."""
    batch_rush_items: Annotated[int, Field(gt=0)] = 5_000
    """Items at that age which mean a rush: the batch may then grow until `batch_patience`, since an insert costs
    nearly as much for few rows as for many, and under load that cost is taken from the receivers."""
    batch_patience: Seconds = 2.0
    reconcile_every: Seconds = 60.0
    """How often the accounts of the current hours are checked against the tables."""
    ledger_keep: Seconds = 7 * 86_400.0
    """How long the accounts of stored batches are kept."""
    loaders: Annotated[int, Field(ge=1, le=8)] = 2
    """Threads that insert batches; two keep the engine busy while one prepares."""

    seal: bool = True
    """Whether this collector seals traces. Of several on one store exactly one does: two would count twice."""
    seal_every: Seconds = 2.0
    """How often traces that are due are looked for."""
    seal_quiet: Seconds = 10.0
    """A trace is sealed when nothing came in for it for so long. What comes later is sealed anew."""
    seal_open_at_most: Seconds = 60.0
    """A trace that never becomes quiet is sealed as it is, each time so much has passed."""
    seal_rows: Annotated[int, Field(gt=0, le=500_000)] = 100_000
    """Spans that are sealed at once, whole traces: some 100 MB of memory."""
    seal_trace_rows: Annotated[int, Field(gt=0, le=500_000)] = 500_000
    """Spans of one trace, above which only those received first count, and the trace as incomplete."""


class StoreSettings(BaseSettings):
    """Where the tables live: in this process (the default), or on a ClickHouse server."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_STORE_", extra="forbid")

    dsn: str | None = Field(default=None, repr=False)
    """`clickhouse://user:password@host:8123/database`; without it the engine is embedded."""
    path: Path = Path(".data/engine")
    database: str = Field(default="muster", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    memory_bytes: Bytes = 1500 * MiB
    """Cap on the embedded engine's memory, inserts, merges and queries together."""
    query_memory_bytes: Bytes = 300 * MiB
    """Cap on one read."""
    query_seconds: Seconds = 30.0
    readers: Annotated[int, Field(ge=1, le=64)] = 2
    """Reads that may run at once; more wait. readers × query_memory_bytes must leave room for inserts."""
