"""Approvals and guardrail verdicts, in whoever's words they come, are rows of one table; nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector.signals import Signal
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.collector.store.batches import Batch

Texts = Mapping[str, str]

SPANS: dict[str, Texts] = {
    "pydantic": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "pay",
        "gen_ai.tool.call.id": "call_1",
        "pydantic_ai.tool.deferral.name": "ApprovalRequired",
        "pydantic_ai.tool.deferral.metadata": '{"reason":"over 500"}',
    },
    "deferred": {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "report",
        "pydantic_ai.tool.deferral.name": "CallDeferred",
    },
    "microsoft": {
        "gen_ai.operation.name": "apply_guardrail",
        "microsoft.guardian.name": "Content Safety",
        "microsoft.security.decision.type": "deny",
        "microsoft.security.decision.reason": "card number",
        "microsoft.security.policy.id": "pii",
        "microsoft.security.policy.version": "4",
    },
    "warned": {"gen_ai.operation.name": "apply_guardrail", "microsoft.security.decision.type": "warn"},
    "toxicity check": {"openinference.span.kind": "GUARDRAIL", "output.value": "pass"},
    "route": {"openinference.span.kind": "DECISION", "output.value": "supervisor"},
    "plain tool": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay"},
    "plain call": {"gen_ai.operation.name": "chat", "output.value": "no decision"},
}
CLAUDE = {"event.name": "tool_decision", "tool_name": "Bash", "tool_use_id": "toolu_1", "user.id": "u-hash"}
LOGS: list[tuple[str, Texts]] = [
    (
        "claude_code.tool_decision",
        {**CLAUDE, "decision": "reject", "source": "user_reject", "user.email": "kim@example.org"},
    ),
    ("", {**CLAUDE, "decision": "accept", "source": "config"}),
    ("", {"event.name": "muster.approval", "muster.approval.id": "apr-1", "muster.approval.decision": "approved"}),
    ("claude_code.tool_result", {"event.name": "tool_result", "tool_name": "Bash", "decision": "accept"}),
    ("", {"event.name": "tool_decision"}),
]
COLUMNS = "Source, Kind, Convention, ToolName, ToolCallId, Decision, Approver, PolicyId, PolicyVersion, Verdict, Reason"


@pytest.fixture(scope="module")
def reported(store: Store, writer: Writer) -> list[tuple[Any, ...]]:
    traces, logs = ExportTraceServiceRequest(), ExportLogsServiceRequest()
    spans = traces.resource_spans.add().scope_spans.add().spans
    for number, (name, attributes) in enumerate(SPANS.items(), 1):
        span = spans.add(trace_id=bytes(15) + b"\1", span_id=number.to_bytes(8, "big"), name=name)
        for key, text in attributes.items():
            span.attributes.add(key=key).value.string_value = text
    records = logs.resource_logs.add().scope_logs.add().log_records
    for body, attributes in LOGS:
        record = records.add()
        record.body.string_value = body
        for key, text in attributes.items():
            record.attributes.add(key=key).value.string_value = text
    batches = [Batch(writer, Signal.TRACES, traces), Batch(writer, Signal.LOGS, logs)]
    for batch in batches:
        batch.insert()
    sql = f"SELECT {COLUMNS} FROM approvals WHERE Org IN {{orgs:Array(String)}}"
    parameters = {"orgs": [batch.org for batch in batches]}
    return [tuple(row) for row in store.client().query(sql, parameters=parameters).result_rows]


def test_decisions_in_every_vendors_words_are_kept_in_one(reported: list[tuple[Any, ...]]) -> None:
    assert sorted(reported) == sorted(
        [
            ("span", "approval", "pydantic_ai", "pay", "call_1", "requested", "", "", "", "", '{"reason":"over 500"}'),
            ("span", "approval", "pydantic_ai", "report", "", "deferred", "", "", "", "", ""),
            ("span", "guardrail", "microsoft", "", "", "denied", "Content Safety", "pii", "4", "deny", "card number"),
            ("span", "guardrail", "microsoft", "", "", "", "", "", "", "warn", ""),
            ("span", "guardrail", "openinference", "", "", "", "toxicity check", "", "", "pass", ""),
            ("span", "guardrail", "openinference", "", "", "", "route", "", "", "supervisor", ""),
            (
                "log",
                "approval",
                "claude_code",
                "Bash",
                "toolu_1",
                "denied",
                "kim@example.org",
                "",
                "",
                "",
                "user_reject",
            ),
            ("log", "approval", "claude_code", "Bash", "toolu_1", "approved", "config", "", "", "", "config"),
            ("log", "approval", "muster", "", "", "approved", "", "", "", "", ""),
        ]
    )
