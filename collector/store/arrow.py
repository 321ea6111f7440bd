"""Reads as Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError


def query_arrow(client: Client, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
    """The result, texts as strings. Raises ClickHouseError, after which the client can be used as before."""
    try:
        return client.query_arrow(sql, parameters=dict(parameters), use_strings=True)
    except ClickHouseError:
        # The embedded engine answers the next query in the failed one's format (chdb 4.4): let it be this one.
        with suppress(ClickHouseError, UnicodeDecodeError):
            client.query("SELECT 1")
        raise
