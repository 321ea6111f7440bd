"""The pages' only source: the inventory's API, named by MUSTER_API_URL.

Answers are kept for seconds, so that a click redraws without asking again. Errors are shown in words where the
figure would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import streamlit as st

from inventory import contract
from inventory.client import ClientError, InventoryClient

_FRESH = timedelta(seconds=5)
_KEPT = timedelta(seconds=60)

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class TraceSearch:
    """What a reader looks for, in the window that ends now."""

    minutes: int
    order: contract.Order
    service: str
    agent: str
    text: str
    failed: bool
    min_duration_ms: float
    limit: int


@st.cache_resource
def client() -> InventoryClient:
    return InventoryClient.of_environment()


@st.cache_data(ttl=_FRESH, max_entries=64, show_spinner=False)
def traces(search: TraceSearch) -> contract.TraceList:
    until = datetime.now(UTC)
    return client().list_traces(
        since=until - timedelta(minutes=search.minutes),
        until=until,
        service=search.service,
        agent=search.agent,
        text=search.text,
        failed=search.failed,
        min_duration_ms=search.min_duration_ms,
        order=search.order,
        limit=search.limit,
    )


@st.cache_data(ttl=_KEPT, max_entries=8, show_spinner=False)
def trace(trace_id: str) -> contract.TraceDetail:
    return client().get_trace(trace_id, limit=contract.MAX_SPANS)


@st.cache_data(ttl=_KEPT, max_entries=8, show_spinner=False)
def span(trace_id: str, span_id: str) -> contract.Span:
    return client().get_span(trace_id, span_id)


@st.cache_data(ttl=_FRESH, max_entries=4, show_spinner=False)
def ingest() -> contract.Ingest:
    return client().ingest(minutes=60)


def shown(what: str, read: Callable[[], _Answer]) -> _Answer | None:
    """The answer; or None, with the error in words where the answer would have been drawn."""
    try:
        return read()
    except ClientError as error:
        st.error(f"**{what} can't be shown.** {error}", icon=":material/error:")
        return None
