"""The inventory's HTTP API: the only door for people and tools."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query

from collector.store import one_trace, trace_list
from collector.store.ingest_health import ingest_health
from inventory import contract, problems, wire
from inventory.figures_routes import figures_routes
from inventory.queries import TraceQuery
from inventory.readers import Readers

_DESCRIPTION = """Traces of AI agents: what each did, with tokens, tool arguments and approvals.

Errors are `application/problem+json` (RFC 9457) and say what to do. Times are UTC."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


TraceIdPath = Annotated[
    str,
    Path(pattern="^[0-9a-fA-F]{32}$", description="32 hex digits", examples=["4bf92f3577b34da6a3ce929d0e0e4736"]),
]
SpanIdPath = Annotated[
    str, Path(pattern="^[0-9a-fA-F]{16}$", description="16 hex digits", examples=["00f067aa0ba902b7"])
]


def api_app(
    store: Readers, *, org: str = "default", now: Callable[[], datetime] = _utc_now, version: str = "0.1.0"
) -> FastAPI:
    """The application. Endpoints are synchronous: reads block, and run in the server's thread pool."""
    app = FastAPI(title="Muster", version=version, description=_DESCRIPTION)
    problems.install(app)

    @app.get("/v1/traces", tags=["traces"], summary="List traces", responses=problems.responses(422, 503))
    def list_traces(query: Annotated[TraceQuery, Query()]) -> contract.TraceList:
        """Traces that start in a window, newest first or worst first; follow `next` for more."""
        as_of = now()
        window = query.window(as_of)
        found = query.filters(window)
        with store.reader() as client:
            page = trace_list.list_traces(client, org, found)
        return contract.TraceList(
            as_of=as_of,
            window=window,
            order=found.order.value,
            traces=[wire.trace(row) for row in page.traces],
            next=wire.cursor(found.order, page.after) if page.after else None,
        )

    @app.get("/v1/traces/{trace_id}", tags=["traces"], summary="One trace", responses=problems.responses(404, 422, 503))
    def get_trace(
        trace_id: TraceIdPath,
        limit: Annotated[
            int, Query(ge=1, le=contract.MAX_SPANS, description="Spans at most, by start")
        ] = contract.DEFAULT_SPANS,
    ) -> contract.TraceDetail:
        """A trace with its spans, approvals and logs. What a cap leaves out is counted."""
        as_of = now()
        with store.reader() as client, store.spare_reader() as beside:
            row = one_trace.get_trace(client, org, trace_id.lower(), limit, beside)
        if row is None:
            raise _no_trace(trace_id)
        return wire.detail(row, as_of)

    @app.get(
        "/v1/traces/{trace_id}/spans/{span_id}",
        tags=["traces"],
        summary="One span, with its texts whole",
        responses=problems.responses(404, 422, 503),
    )
    def get_span(trace_id: TraceIdPath, span_id: SpanIdPath) -> contract.Span:
        """The first received copy of a span."""
        with store.reader() as client:
            row = one_trace.get_span(client, org, trace_id.lower(), span_id.lower())
        if row is None:
            raise problems.not_found(
                "No such span",
                f"Trace {trace_id} holds no span {span_id}.",
                "look at the trace's list",
                "span-not-found",
            )
        return wire.span(row)

    @app.get("/v1/ingest", tags=["health"], summary="What came in", responses=problems.responses(422, 503))
    def ingest(minutes: Annotated[int, Query(ge=1, le=1440)] = 60) -> contract.Ingest:
        """Spans received in each of the last `minutes`, and when the newest came."""
        until = now()
        since = until.replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
        with store.reader() as client:
            row = ingest_health(client, org, wire.nanoseconds(since))
        return wire.ingest(row, contract.Window(since=since, until=until))

    app.include_router(figures_routes(store, org, now))

    @app.get("/healthz", tags=["health"], summary="Whether the process answers")
    def healthz() -> contract.Alive:
        """Always ok; it does not look at the store."""
        return contract.Alive()

    _describe(app)
    return app


def _no_trace(trace_id: str) -> problems.ProblemError:
    return problems.not_found(
        "No such trace",
        f"No span of trace {trace_id} is stored.",
        "a trace can be read about two seconds after its spans were accepted: try again then; if it stays away, "
        "check that the exporter sends to the collector (OTEL_EXPORTER_OTLP_ENDPOINT) and GET /v1/ingest",
        "trace-not-found",
    )


def _describe(app: FastAPI) -> None:
    """Puts `Problem` where the routes' responses refer to."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        schema = build()
        models = schema["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            models.pop(unused, None)
        definition = contract.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        models.update(definition.pop("$defs"))
        models["Problem"] = definition
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
