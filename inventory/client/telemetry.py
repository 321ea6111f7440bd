"""The client's telemetry: traces, search, figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypedDict, Unpack

from inventory import contract
from inventory.client.asker import Asker, quoted
from inventory.contract import figures, incidents


class In(TypedDict, total=False):
    """A window of time."""

    since: datetime | None
    until: datetime | None


class SearchIn(In, total=False):
    service: str


class TraceFilters(In, total=False):
    """As `GET /v1/traces` takes them; `attributes` are keys and their values."""

    service: str
    agent: str
    registered: str
    model: str
    tool: str
    failed: bool
    requester: str
    release: str
    conversation: str
    environment: str
    text: str
    attributes: Mapping[str, str]
    min_duration_ms: float
    max_duration_ms: float | None
    min_cost: Decimal | None
    max_cost: Decimal | None
    order: contract.Order


class Telemetry(Asker):
    """Reads of what agents did."""

    def list_traces(
        self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[TraceFilters]
    ) -> contract.TraceList:
        """One page of traces that start in [since, until); the last hour if neither is given."""
        given = {**filters, "limit": limit, "cursor": cursor}
        given["status"] = "error" if given.pop("failed", False) else None
        given["attribute"] = [f"{key}={value}" for key, value in (filters.get("attributes") or {}).items()]
        given.pop("attributes", None)
        return self._get("/v1/traces", contract.TraceList, given)

    def iterate_traces(self, *, page_size: int = 200, **filters: Unpack[TraceFilters]) -> Iterator[contract.Trace]:
        """Every trace of the window, page after page. The window is fixed by the first page."""
        cursor: str | None = None
        while True:
            page = self.list_traces(limit=page_size, cursor=cursor, **filters)
            yield from page.traces
            filters["since"], filters["until"], cursor = page.window.since, page.window.until, page.next
            if cursor is None:
                return

    def get_trace(self, trace_id: str, *, limit: int = contract.DEFAULT_SPANS) -> contract.TraceDetail:
        """Raises `NotFound` if no span of it is stored."""
        return self._get(f"/v1/traces/{quoted(trace_id)}", contract.TraceDetail, {"limit": limit})

    def get_span(self, trace_id: str, span_id: str) -> contract.Span:
        """One span with its texts whole."""
        return self._get(f"/v1/traces/{quoted(trace_id)}/spans/{quoted(span_id)}", contract.Span, {})

    def search(
        self, *, words: str = "", phrase: str = "", limit: int = 50, cursor: str | None = None, **more: Unpack[SearchIn]
    ) -> figures.Hits:
        """Traces that said all these words, and this phrase as it stands; of the last seven days if nothing else is
        said.
        """
        given = {"words": words, "phrase": phrase, "limit": limit, "cursor": cursor, **more}
        return self._get("/v1/search", figures.Hits, given)

    def conversation(self, conversation_id: str, *, limit: int = 500, **window: Unpack[In]) -> figures.Conversation:
        """Raises `NotFound` if none of it is stored in the window: the last 30 days if nothing else is said."""
        path = f"/v1/conversations/{quoted(conversation_id)}"
        return self._get(path, figures.Conversation, {"limit": limit, **window})

    def incident(self, **window: Unpack[In]) -> incidents.Incident:
        """What is out of the ordinary in a window: the last hour if nothing else is said."""
        return self._get("/v1/incident", incidents.Incident, {**window})

    def agent_figures(self, name: str, *, steps: int = 84, **window: Unpack[In]) -> incidents.AgentFigures:
        """How an agent does: the last seven days if nothing else is said."""
        path = f"/v1/agents/{quoted(name)}/figures"
        return self._get(path, incidents.AgentFigures, {"steps": steps, **window})

    def workflows(self, **window: Unpack[In]) -> incidents.Workflows:
        """What they do and cost: the last day if nothing else is said."""
        return self._get("/v1/workflows", incidents.Workflows, {**window})

    def spend(
        self,
        *,
        by: Sequence[str] = ("model",),
        bucket: Literal["hour", "day", "all"] = "day",
        only: Mapping[str, str] | None = None,
        **window: Unpack[In],
    ) -> figures.SpendTable:
        """`only` has exact names, by any of the words that `by` takes."""
        given = {"by": list(by), "bucket": bucket, **(only or {}), **window}
        return self._get("/v1/spend", figures.SpendTable, given)

    def latency(
        self,
        *,
        of: Sequence[str] = ("agent",),
        step_minutes: int = 1,
        only: Mapping[str, str] | None = None,
        **window: Unpack[In],
    ) -> figures.LatencyTable:
        """Quantiles of each step of the window: the last six hours if nothing else is said."""
        given = {"of": list(of), "step_minutes": step_minutes, **(only or {}), **window}
        return self._get("/v1/latency", figures.LatencyTable, given)

    def tools(self, *, tool: str = "", by_agent: bool = False, **window: Unpack[In]) -> figures.Tools:
        return self._get("/v1/tools", figures.Tools, {"tool": tool, "by_agent": by_agent, **window})

    def approvals(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        only: Mapping[str, str] | None = None,
        **window: Unpack[In],
    ) -> figures.Decisions:
        """One page of decisions, newest first. `only` has exact texts: kind, decision, approver, policy_id, tool, …"""
        given = {"limit": limit, "cursor": cursor, **(only or {}), **window}
        return self._get("/v1/approvals", figures.Decisions, given)

    def agents_seen(self, *, active_since: datetime | None = None) -> figures.AgentsSeen:
        return self._get("/v1/agents/seen", figures.AgentsSeen, {"active_since": active_since})

    def ingest(self, *, minutes: int = 60) -> contract.Ingest:
        """What came in during the last minutes."""
        return self._get("/v1/ingest", contract.Ingest, {"minutes": minutes})
