"""Where pages are, and what their URLs carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from streamlit.navigation.page import Page

INCIDENT = ""
TRACES = "traces"
TRACE = "trace"
SPEND = "spend"
APPROVALS = "approvals"
FINDINGS = "findings"
AGENTS = "agents"
AGENT = "agent"
REVIEWS = "reviews"
RECORDS = "records"
PACKAGE = "package"
AUDIT = "audit"

OTLP_ENDPOINT = "http://localhost:4318"

Pages = Mapping[str, Page]
"""Pages by where they are."""


def trace(trace_id: str, span_id: str = "") -> dict[str, str]:
    """Query parameters of the trace page."""
    return {"trace_id": trace_id, "span": span_id} if span_id else {"trace_id": trace_id}


def agent(name: str) -> dict[str, str]:
    return {"agent": name}


def review(case: str) -> dict[str, str]:
    return {"case": case}


def package(name: str) -> dict[str, str]:
    return {"package": name}


def audit(kind: str = "", object_: str = "") -> dict[str, str]:
    """What happened to an object."""
    return {name: value for name, value in (("kind", kind), ("object", object_)) if value}


def href(page: str, parameters: Mapping[str, str] | None = None) -> str:
    """An address within the pages, for a link that is part of a table."""
    return f"/{page}?{urlencode(parameters)}" if parameters else f"/{page}"


KNOWN: Final = frozenset(
    {INCIDENT, TRACES, TRACE, SPEND, APPROVALS, FINDINGS, AGENTS, AGENT, REVIEWS, RECORDS, PACKAGE, AUDIT}
)
