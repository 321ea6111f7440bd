"""Routes of traces, and of what came in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from clickhouse_connect.driver.client import Client
from fastapi import APIRouter, Path, Query

from collector.store import one_trace, trace_list
from collector.store.ingest_health import ingest_health
from collector.store.registry import keys_of
from inventory import contract, masking, problems, wire
from inventory.auth.policy import Scope, reach
from inventory.queries import TraceQuery
from inventory.readers import Readers
from inventory.routes.door import TheCaller
from inventory.sight import Sight

TraceIdPath = Annotated[
    str,
    Path(pattern="^[0-9a-fA-F]{32}$", description="32 hex digits", examples=["4bf92f3577b34da6a3ce929d0e0e4736"]),
]
SpanIdPath = Annotated[
    str, Path(pattern="^[0-9a-fA-F]{16}$", description="16 hex digits", examples=["00f067aa0ba902b7"])
]


def trace_routes(store: Readers, sight: Sight, now: Callable[[], datetime]) -> APIRouter:
    """Endpoints are synchronous, as `api_app`'s."""
    routes = APIRouter()

    @routes.get(
        "/v1/traces", tags=["traces"], summary="List traces", responses=problems.responses(401, 403, 422, 429, 503)
    )
    def list_traces(caller: TheCaller, query: Annotated[TraceQuery, Query()]) -> contract.TraceList:
        """Traces that start in a window, newest first or worst first; follow `next` for more."""
        as_of = now()
        window = query.window(as_of)
        with store.reader() as client:
            keys = None if query.registered is None else keys_of(client, caller.org, query.registered)
            found = query.filters(window, keys)
            page = trace_list.list_traces(client, caller.org, found)
        return contract.TraceList(
            as_of=as_of,
            window=window,
            order=found.order.value,
            traces=[wire.trace(row) for row in page.traces],
            next=wire.cursor(found.order, page.after) if page.after else None,
        )

    @routes.get(
        "/v1/traces/{trace_id}",
        tags=["traces"],
        summary="One trace",
        responses=problems.responses(*problems.READS),
    )
    def get_trace(
        caller: TheCaller,
        trace_id: TraceIdPath,
        limit: Annotated[
            int, Query(ge=1, le=contract.MAX_SPANS, description="Spans at most, by start")
        ] = contract.DEFAULT_SPANS,
    ) -> contract.TraceDetail:
        """A trace with its spans, approvals and logs. What a cap leaves out is counted."""
        as_of = now()
        with store.reader() as client, store.spare_reader() as beside:
            row = one_trace.get_trace(client, caller.org, trace_id.lower(), limit, beside)
        if row is None:
            raise no_trace(trace_id)
        detail = wire.detail(row, as_of)
        return masking.trace(detail, sight.of(caller, detail.spans, f"trace {detail.trace.trace_id}"))

    @routes.get(
        "/v1/traces/{trace_id}/spans/{span_id}",
        tags=["traces"],
        summary="One span, with its texts whole",
        responses=problems.responses(*problems.READS),
    )
    def get_span(caller: TheCaller, trace_id: TraceIdPath, span_id: SpanIdPath) -> contract.Span:
        """The first received copy of a span."""
        with store.reader() as client:
            row = one_trace.get_span(client, caller.org, trace_id.lower(), span_id.lower())
            others = (
                [] if reach(caller, Scope.CONTENT_READ).everything else _spans(client, caller.org, trace_id.lower())
            )
        if row is None:
            raise problems.not_found(
                "No such span",
                f"Trace {trace_id} holds no span {span_id}.",
                "look at the trace's list",
                "span-not-found",
            )
        span = wire.span(row)
        seen = sight.of(caller, [*others, span], f"span {trace_id.lower()}/{span_id.lower()}")
        return span if seen(span) else masking.masked(span)

    @routes.get(
        "/v1/ingest", tags=["health"], summary="What came in", responses=problems.responses(401, 403, 422, 429, 503)
    )
    def ingest(caller: TheCaller, minutes: Annotated[int, Query(ge=1, le=1440)] = 60) -> contract.Ingest:
        """Spans received in each of the last `minutes`, and when the newest came."""
        until = now()
        since = until.replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
        with store.reader() as client:
            row = ingest_health(client, caller.org, wire.nanoseconds(since))
        return wire.ingest(row, contract.Window(since=since, until=until))

    return routes


def _spans(client: Client, org: str, trace_id: str) -> list[contract.Span]:
    """Of a trace, to find whose each is."""
    found = one_trace.get_trace(client, org, trace_id, contract.MAX_SPANS)
    return [] if found is None else [wire.span(row) for row in found.spans]


def no_trace(trace_id: str) -> problems.ProblemError:
    """For an id of which nothing is stored."""
    return problems.not_found(
        "No such trace",
        f"No span of trace {trace_id} is stored.",
        "a trace can be read about two seconds after its spans were accepted: try again then; if it stays away, "
        "check that the exporter sends to the collector (OTEL_EXPORTER_OTLP_ENDPOINT) and GET /v1/ingest",
        "trace-not-found",
    )
