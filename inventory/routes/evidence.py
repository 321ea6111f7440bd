"""Routes of evidence and of the control report, as documents and as pages to print."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from collector.store import one_trace
from inventory import contract, masking, printed, problems
from inventory import wire as of_store
from inventory.anchors import Anchor, Signer, anchored_heads
from inventory.auth.caller import Caller
from inventory.contract.controls import ControlReport
from inventory.contract.evidence import Evidence
from inventory.controls.report import report
from inventory.evidence.answering import evidence
from inventory.evidence.gathering import gather
from inventory.readers import Readers
from inventory.registry.change import Registry
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheCaller
from inventory.routes.traces import TraceIdPath, no_trace
from inventory.sight import Sight


class ControlQuery(BaseModel):
    model_config = PageQuery.model_config

    days: Annotated[int, Query(ge=1, le=366)] = 30


def evidence_routes(store: Readers, registry: Registry, sight: Sight, anchor: Anchor, signer: Signer) -> APIRouter:
    routes = APIRouter()
    reads = problems.responses(*problems.READS)
    listed = problems.responses(401, 403, 422, 429, 503)

    @routes.get("/v1/evidence/{trace_id}", tags=["evidence"], summary="Evidence of a trace", responses=reads)
    def get_evidence(caller: TheCaller, trace_id: TraceIdPath) -> Evidence:
        """Who asked for it, which identity and release ran, what data it used, which tools it called, what policies
        said, who approved, what it cost, what failed, and how to undo it: verified, claimed or missing, never guessed.
        """
        return _evidence(caller, trace_id.lower())

    @routes.get(
        "/v1/evidence/{trace_id}/page", tags=["evidence"], summary="The same, to print",
        response_class=HTMLResponse, responses=reads,
    )  # fmt: skip
    def get_evidence_page(caller: TheCaller, trace_id: TraceIdPath) -> HTMLResponse:
        """One file that fetches nothing: it can be printed, and kept."""
        return printed.page("evidence.html", e=_evidence(caller, trace_id.lower()))

    @routes.get("/v1/controls", tags=["evidence"], summary="Control report", responses=listed)
    def get_controls(caller: TheCaller, query: Annotated[ControlQuery, Query()]) -> ControlReport:
        """Of each control whether it holds, fails or can't be assessed, with the queries and the rows behind it."""
        return _report(caller, query)

    @routes.get(
        "/v1/controls/page", tags=["evidence"], summary="The same, to print", response_class=HTMLResponse,
        responses=listed,
    )  # fmt: skip
    def get_controls_page(caller: TheCaller, query: Annotated[ControlQuery, Query()]) -> HTMLResponse:
        """One file that fetches nothing: it can be printed, and kept."""
        return printed.page("controls.html", r=_report(caller, query))

    def _evidence(caller: Caller, trace_id: str) -> Evidence:
        with store.reader() as client, store.spare_reader() as beside:
            row = one_trace.get_trace(client, caller.org, trace_id, contract.MAX_SPANS, beside)
        if row is None:
            raise no_trace(trace_id)
        detail = of_store.detail(row, registry.now())
        visible = sight.of(caller, detail.spans, f"evidence {trace_id}")
        with registry.reading() as session:
            found = gather(session, caller.org, detail)
            masked = masking.trace(detail, visible)
            hidden = not all(map(visible, detail.spans))
            return evidence(found.shown(masked), registry.now(), masked=hidden)

    def _report(caller: Caller, query: ControlQuery) -> ControlReport:
        now = registry.now()
        heads = anchored_heads(anchor, signer)
        with registry.reading() as session:
            return report(session, caller.org, now - timedelta(days=query.days), now, heads)

    return routes
