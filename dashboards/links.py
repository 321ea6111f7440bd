"""Where pages are, and what their URLs carry."""

from __future__ import annotations

TRACES = "traces"
TRACE = "trace"

OTLP_ENDPOINT = "http://localhost:4318"


def trace(trace_id: str, span_id: str = "") -> dict[str, str]:
    """Query parameters of the trace page."""
    return {"trace_id": trace_id, "span": span_id} if span_id else {"trace_id": trace_id}
