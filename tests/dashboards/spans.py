"""Contract objects for pages and figures, without an API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from inventory import contract

EPOCH = 1_772_417_647_000_000_000
THEN = datetime(2026, 3, 2, 2, 14, 7, tzinfo=UTC)
TRACE = f"{0xABC:032x}"


def span(number: int, parent: int = 0, start: int = 0, duration: int = 1_000_000, **more: Any) -> contract.Span:
    """`start` in ns from the trace's."""
    texts = dict.fromkeys(
        (
            "status_message", "error_type", "agent_id", "agent", "agent_version", "workflow",
            "request_model", "service_tier", "environment", "provider", "model", "tool",
            "tool_call_id", "conversation_id", "requester", "release_id", "outcome", "system_instructions",
            "input_messages", "output_messages", "tool_arguments", "tool_result", "scope_name", "scope_version",
            "trace_state", "operation",
        ),
        "",
    )  # fmt: skip
    empty: dict[str, Any] = {
        name: {} for name in ("attributes", "attribute_kinds", "resource_attributes", "resource_attribute_kinds")
    }
    fields: dict[str, Any] = {
        **texts,
        **empty,
        "span_id": f"{number:016x}",
        "parent_span_id": f"{parent:016x}" if parent else "",
        "parent_missing": False,
        "duplicate": False,
        "shortened": False,
        "name": f"span {number}",
        "kind": "Internal",
        "start": THEN + timedelta(microseconds=start // 1000),
        "start_ns": str(EPOCH + start),
        "duration_ns": duration,
        "status": "Unset",
        "service": "svc",
        "input_tokens": None,
        "output_tokens": None,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "scope_attributes": {},
        "dropped_counts": [],
        "sent_times": [],
        "events": [],
        "links": [],
        "stamp": contract.Stamp(
            org="default", identity="gateway", method="token", received=THEN, request_id="r1", batch_id="b1"
        ),
    }
    return contract.Span(**{**fields, **more})


def trace(**more: Any) -> contract.Trace:
    fields: dict[str, Any] = {
        "trace_id": TRACE,
        "start": THEN,
        "start_ns": str(EPOCH),
        "duration_ns": 2_670_000_000,
        "health": "ok",
        "has_root": True,
        "root_name": "workflow",
        "root_service": "front",
        "outcome": "",
        "requester": "",
        "environment": "",
        "spans": 3,
        "duplicates": 0,
        "errors": 0,
        "services": ["front"],
        "agents": ["drafter"],
        "models": [],
        "model_calls": 0,
        "model_calls_without_tokens": 0,
        "input_tokens": None,
        "output_tokens": None,
        "tool_calls": 0,
        "approvals": 0,
        "last_received": THEN,
    }
    return contract.Trace(**{**fields, **more})


def detail(*spans: contract.Span, **more: Any) -> contract.TraceDetail:
    fields: dict[str, Any] = {
        "as_of": THEN,
        "trace": trace(),
        "stored_spans": len(spans),
        "spans": list(spans),
        "logs_total": 0,
        "logs": [],
        "approvals": [],
    }
    return contract.TraceDetail(**{**fields, **more})


def listing(*traces: contract.Trace, following: str | None = None) -> contract.TraceList:
    window = contract.Window(since=THEN - timedelta(hours=1), until=THEN)
    return contract.TraceList(as_of=THEN, window=window, order="worst", traces=list(traces), next=following)


def ingest(newest: datetime | None = THEN) -> contract.Ingest:
    window = contract.Window(since=THEN - timedelta(minutes=1), until=THEN)
    minutes = [contract.Minute(start=window.since, spans=0), contract.Minute(start=THEN, spans=5 if newest else 0)]
    return contract.Ingest(as_of=THEN, window=window, newest=newest, spans_total=5 if newest else 0, minutes=minutes)
