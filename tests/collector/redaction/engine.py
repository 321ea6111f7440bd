"""The policy asked of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.redaction.policy import Policy
from collector.redaction.sql import RedactionSql
from collector.store.connection import Store


@dataclass(frozen=True, slots=True)
class Row:
    suspicious: int
    texts: list[str]
    counts: dict[str, int]


def ask(store: Store, policy: Policy, org: str, texts: Sequence[tuple[str, str]], key: str = "key") -> list[Row]:
    """One row for each (attribute, text), alone; a row that isn't suspicious says so by not being changed."""
    sql = RedactionSql(policy)
    client = store.client()
    suspicious = sql.suspicious("org", "keys", "texts")
    rows = client.query(
        f"SELECT {suspicious} AS suspicious, {sql.redacted('suspicious', 'org', 'keys', 'texts')}, "
        f"{sql.counted('suspicious', 'org', 'keys', 'texts')} FROM (SELECT arrayJoin(arrayZip({{k:Array(String)}}, "
        "{t:Array(String)})) AS pair, [pair.1] AS keys, [pair.2] AS texts, {o:String} AS org, "
        "{key:String} AS redaction_key)",
        parameters={"k": [k for k, _ in texts], "t": [t for _, t in texts], "o": org, "key": key},
    ).result_rows
    return [Row(*row) for row in rows]
