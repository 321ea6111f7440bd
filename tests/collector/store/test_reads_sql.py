"""The statements as they are run, and that each reads no more than it must.

MUSTER_SNAPSHOTS=renew in the environment takes the statements as they are now.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from collector.store.connection import Store
from collector.store.decisions import NAMED as DECISION_CONDITIONS
from collector.store.reads import statement
from collector.store.spend import By
from tests.inventory.telemetry import HOUR, trace_id

SNAPSHOTS = Path(__file__).parents[2] / "snapshots" / "reads"
OF_SPANS = (
    "service", "agent", "registered", "model", "tool", "failed", "requester", "release", "conversation",
    "environment", "text", "attribute_0", "attribute_1",
)  # fmt: skip
SEALED = (*OF_SPANS, "min_duration", "max_duration", "min_cost", "max_cost", "settled_or_before")
CONDITIONS: dict[str, tuple[str, ...]] = {
    "sealed_newest": SEALED,
    "sealed_worst": SEALED,
    "sealed_dearest": SEALED,
    "sealed_traces": ("settled",),
    "waiting_newest": OF_SPANS,
    "waiting_worst": OF_SPANS,
    "spend": tuple(f"only_{by}" for by in By),
    "latency": ("of_agent", "of_service", "of_operation", "of_model"),
    "decisions": DECISION_CONDITIONS,
    "search_rare": ("service",),
    "search_common": ("service",),
}
PLAIN = (
    "agents_seen", "contents_pieces", "conversation_calls", "conversation_traces", "ingest_minutes", "ingest_newest",
    "sealed_superseded", "came", "search_texts", "search_snippets", "tools", "trace_approvals",
    "trace_bounds", "trace_extent", "trace_facts", "trace_logs", "trace_spans", "trace_tree", "traces_approvals",
    "trace_spans_cut", "trace_span_ids", "traces_figures", "window_spans", "window_volume", "sealed_tree",
    "agent_identities", "agent_tools", "agent_prompts", "agent_resolutions", "agent_resolution_keys",
    "registry_versions_at", "health_slots", "failed_traces",
)  # fmt: skip


@pytest.mark.parametrize("name", [*CONDITIONS, *PLAIN])
def test_a_statement_is_the_one_that_was_looked_at(name: str) -> None:
    kept = SNAPSHOTS / f"{name}.sql"
    sql = statement(name, CONDITIONS.get(name, ()))
    if os.environ.get("MUSTER_SNAPSHOTS") == "renew":
        kept.write_text(sql)
    assert kept.read_text() == sql


def test_every_placeholder_is_filled_in() -> None:
    for name in (*CONDITIONS, *PLAIN):
        assert "{{" not in statement(name, CONDITIONS.get(name, ()))


DATABASE = "reads_of_many"
DAY = 24 * HOUR
START = time.time_ns() // DAY * DAY - 4 * DAY
TABLES = (
    "otel_traces", "otel_traces_trace_id_ts", "otel_logs", "contents", "trace_summaries", "span_facts", "spend_hour",
    "operation_minute", "agent_activity", "approvals", "arrivals", "sealing_progress",
)  # fmt: skip
SPANS = """(
    SELECT
        number, intDiv(number, 4) AS trace,
        fromUnixTimestamp64Nano({start:Int64} + toInt64(trace) * 250000000000) AS Timestamp,
        leftPad(lower(hex(trace)), 32, '0') AS TraceId, leftPad(lower(hex(number)), 16, '0') AS SpanId,
        concat('service-', toString(number % 4)) AS ServiceName, concat('agent-', toString(trace % 50)) AS Agent,
        concat('c-', toString(trace)) AS Conversation,
        CAST(substring(SHA256(toString(number)), 1, 16), 'FixedString(16)') AS Id
    FROM numbers(4000)
)"""
FILL = {
    "otel_traces": "SELECT Timestamp, TraceId, SpanId, ServiceName, Agent AS AgentName, "
    "Conversation AS ConversationId, "
    "'org' AS Org, if(trace = 7, 'Error', 'Ok') AS StatusCode, map('input.value', [Id]) AS Texts, number AS TextBytes, "
    "Timestamp AS ReceivedAt, 'b' AS BatchId",
    "otel_traces_trace_id_ts": "SELECT TraceId, Timestamp AS Start, Timestamp AS End",
    "otel_logs": "SELECT Timestamp, TraceId, SpanId, 'org' AS Org, ServiceName",
    "contents": "SELECT toDate(Timestamp) AS Day, 'org' AS Org, ServiceName, Id, "
    "concat('word', toString(number)) AS Content",
    "trace_summaries": "SELECT DISTINCT ON (TraceId) 'org' AS Org, TraceId, 1 AS Seal, 1 AS Sign, Timestamp AS Start, "
    "Timestamp AS SealedAt, [Agent] AS Agents, Agent AS Requester, [Conversation] AS Conversations, 4 AS Spans",
    "span_facts": "SELECT 'org' AS Org, TraceId, SpanId, 1 AS Seal, Timestamp, ServiceName",
    "spend_hour": "SELECT toStartOfHour(Timestamp) AS Hour, 'org' AS Org, Agent, 1 AS Calls",
    "approvals": "SELECT Timestamp, 'org' AS Org, TraceId, SpanId, ServiceName",
    "arrivals": "SELECT toDateTime64(Timestamp, 3) AS LandedAt, 'org' AS Org, TraceId, 1 AS Spans",
}  # fmt: skip


@pytest.fixture(scope="module")
def many(store: Store) -> Iterator[Client]:
    """4,000 spans of three days in tables with tiny granules, apart from everybody's."""
    client = store.client()
    client.command(f"CREATE DATABASE {DATABASE} ENGINE = Atomic")
    for table in TABLES:
        made = str(client.command(f"SHOW CREATE TABLE {table}")).replace("\\n", "\n").replace("\\'", "'")
        made = re.sub(r"CREATE TABLE \S+", f"CREATE TABLE {DATABASE}.{table}", made, count=1)
        made = re.sub(r"index_granularity = \d+", "index_granularity = 16", made)
        client.command(made)
    for table, rows in FILL.items():
        select, asked = f"{rows} FROM {SPANS}", {"start": START}
        names = ", ".join(client.query(f"{select} LIMIT 0", parameters=asked).column_names)
        client.command(f"INSERT INTO {DATABASE}.{table} ({names}) {select}", parameters=asked)
    yield client
    client.command(f"DROP DATABASE {DATABASE}")


@dataclass(frozen=True)
class Uses:
    """What a statement asks, and by which index a table is narrowed."""

    name: str
    table: str
    index: str
    parameters: dict[str, Any] = field(default_factory=dict)
    conditions: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.name}-{self.table}-{self.index}"


NUMBER = 500
ONE = {"trace_id": trace_id(NUMBER), "since": START + NUMBER * 250 * 10**9, "until": START + (NUMBER + 1) * 250 * 10**9}
SOME = {**ONE, "trace_ids": [trace_id(NUMBER)]}
WIDE = {"since": START, "until": START + 3 * DAY}
LISTED = {**WIDE, "before": START + 3 * DAY, "before_id": "", "limit": 10, "landed": 0, "came": 0}
WORDS = dict.fromkeys(("words", "words_escaped"), "word2003") | dict.fromkeys(
    ("phrase", "phrase_quoted", "phrase_escaped"), ""
)
THE_DAY = START // DAY + 1
USED = [
    Uses("trace_bounds", "otel_traces_trace_id_ts", "PrimaryKey", SOME),
    Uses("trace_tree", "otel_traces", "Min-Max", {**ONE, "limit": 10}),
    Uses("trace_tree", "otel_traces", "PrimaryKey", {**ONE, "limit": 10}),
    Uses("trace_tree", "otel_traces", "idx_trace_id", {**ONE, **WIDE, "limit": 10}),
    Uses("trace_extent", "otel_traces", "PrimaryKey", ONE),
    Uses("trace_spans", "otel_traces", "PrimaryKey", {**ONE, "text": 10, "limit": 10, "span_id": ""}),
    Uses("trace_facts", "span_facts", "PrimaryKey", ONE),
    Uses("sealed_tree", "span_facts", "PrimaryKey", ONE),
    Uses(
        "trace_logs",
        "otel_logs",
        "Min-Max",
        {"trace_id": trace_id(1), "start": START, "end": START, "text": 9, "limit": 9},
    ),
    Uses(
        "trace_logs",
        "otel_logs",
        "idx_trace_id",
        {"trace_id": trace_id(1), "start": START, "end": START + DAY, "text": 9, "limit": 9},
    ),
    Uses("trace_approvals", "approvals", "idx_trace_id", {**ONE, "limit": 10}),
    Uses("traces_approvals", "approvals", "idx_trace_id", SOME),
    Uses("traces_figures", "otel_traces", "PrimaryKey", SOME),
    Uses("sealed_traces", "trace_summaries", "PrimaryKey", SOME),
    Uses(
        "sealed_newest", "trace_summaries", "PrimaryKey", {**LISTED, "since": START + HOUR, "until": START + 2 * HOUR}
    ),
    Uses("sealed_newest", "trace_summaries", "idx_agents", {**LISTED, "agent": "agent-7"}, ["agent"]),
    Uses("sealed_newest", "trace_summaries", "idx_requester", {**LISTED, "requester": "agent-7"}, ["requester"]),
    Uses("sealed_newest", "trace_summaries", "idx_conversations", {**LISTED, "conversation": "c-7"}, ["conversation"]),
    Uses("sealed_superseded", "trace_summaries", "PrimaryKey", {**SOME, "since": START, "until": START + HOUR}),
    Uses("waiting", "arrivals", "PrimaryKey", {"landed": (START + 2 * DAY + 16 * HOUR) // 10**6}),
    Uses(
        "contents_pieces",
        "contents",
        "PrimaryKey",
        {
            "days": [str(datetime.fromtimestamp(THE_DAY * 86_400, UTC).date())],
            "services": ["service-3"],
            "ids": "ab" * 16,
            "limit": 9,
        },
    ),
    Uses("search_texts", "contents", "idx_content", {"low": THE_DAY - 1, "high": THE_DAY + 1, "most": 9, **WORDS}),
    Uses("search_rare", "otel_traces", "idx_texts", {**LISTED, "ids": "ab" * 16}),
    Uses(
        "conversation_traces",
        "trace_summaries",
        "idx_conversations",
        {**LISTED, "conversation": "c-7", "waiting_since": START + 3 * DAY},
    ),
    Uses("conversation_calls", "otel_traces", "PrimaryKey", {**SOME, "conversation": "c", "limit": 10}),
    Uses(
        "spend",
        "spend_hour",
        "PrimaryKey",
        {
            "since": START // 10**9,
            "until": (START + HOUR) // 10**9,
            "bucket": "day",
            **{f"by_{by}": False for by in By},
        },
    ),
    Uses(
        "decisions",
        "approvals",
        "PrimaryKey",
        {
            **LISTED,
            "until": START + HOUR,
            "before_trace": "",
            "before_span": "",
            "before_approval": "",
            "service": "service-1",
        },
        ["service"],
    ),
    Uses("ingest_minutes", "otel_traces", "idx_received", {"since": START + 2 * DAY + 12 * HOUR}),
]


@pytest.mark.parametrize("used", USED, ids=str)
def test_a_statement_reads_by_its_index(many: Client, used: Uses) -> None:
    sql = statement(used.name, tuple(used.conditions))
    sql = re.sub(r"\b(FROM|JOIN) (\w+)\b", lambda m: f"{m[1]} {DATABASE}.{m[2]}" if m[2] in TABLES else m[0], sql)
    explained = many.query(f"EXPLAIN indexes = 1 {sql}", parameters={"org": "org", **used.parameters}).result_rows
    found = list(_narrowed("\n".join(line for (line,) in explained), used.table, used.index))
    assert found, f"{used.table} is not narrowed by {used.index}"
    assert min(read / of for read, of in found) <= 0.5, found


def _narrowed(plan: str, table: str, index: str) -> Iterator[tuple[int, int]]:
    """(granules read, granules before) by an index, wherever the plan reads the table."""
    for reading in re.split(r"ReadFromMergeTree", plan)[1:]:
        if not reading.startswith(f" ({DATABASE}.{table})"):
            continue
        for part in re.split(r"\n[│\s]+(?=Min-Max|Partition|PrimaryKey|Skip)", reading):
            granules = re.search(r"Granules: (\d+)/(\d+)", part)
            if granules and (part.startswith(index) or f"Name: {index}\n" in part):
                yield int(granules[1]), int(granules[2])
