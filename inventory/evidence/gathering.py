"""All that is kept of a trace, and what the registry said when it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store.findings import CarriedEnvelope, EnvelopeCheck
from inventory import contract
from inventory.db.approvals import Approval
from inventory.db.models import Release
from inventory.envelope import EnvelopeError, TaskEnvelope, of_attributes
from inventory.findings.envelopes import checked
from inventory.registry.entries import Entries
from inventory.sight import owners
from inventory.wire import nanoseconds

VERIFIED_BY = frozenset({"token", "mtls", "oidc"})
"""Ways in which the collector checked who sent a span."""
_WRITES = frozenset({"execute_tool", ""})


@dataclass(frozen=True, slots=True)
class Gathered:
    """`spans`: once each, by start. `agents`: whose each is, by span. `entries`: what the registry said of each agent
    when the trace began. `releases`: those that spans name and the registry knows, by agent and id.
    """

    detail: contract.TraceDetail
    spans: Sequence[contract.Span]
    agents: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]
    releases: Mapping[tuple[str, str], Release]
    records: Sequence[Approval]
    envelopes: Sequence[tuple[EnvelopeCheck, TaskEnvelope | None]]

    def shown(self, masked: contract.TraceDetail) -> Gathered:
        """The same, with what may be seen of its content: what was checked was checked against all of it."""
        return replace(self, detail=masked, spans=[span for span in masked.spans if not span.duplicate])

    @property
    def start(self) -> datetime:
        return self.detail.trace.start

    @property
    def tools(self) -> list[contract.Span]:
        """Tool calls, by start."""
        return [span for span in self.spans if span.tool and span.operation in _WRITES]

    def entry(self, span: contract.Span) -> Mapping[str, Any]:
        """What the registry said of whose it is; empty: it is nobody's."""
        return self.entries.get(self.agents.get(span.span_id, ""), {})

    def writes(self, span: contract.Span) -> bool:
        """Whether the registry says of the tool that it writes."""
        return span.tool in self.entry(span).get("tools", {}).get("write", ())

    def decided(self, span: contract.Span) -> Approval | None:
        """The decision on record that a tool call was made on."""
        named = span.attributes.get("muster.approval.id", "")
        for row in self.records:
            if row.id == named or (
                row.tool_call_id and row.tool_call_id == span.tool_call_id and row.tool == span.tool
            ):
                return row
        return None


def gather(session: Session, org: str, detail: contract.TraceDetail) -> Gathered:
    spans = [span for span in detail.spans if not span.duplicate]
    agents = owners(session, org, spans)
    named = {(agents[span.span_id], span.release_id) for span in spans if span.release_id and span.span_id in agents}
    asked = select(Release).where(Release.org == org, Release.id.in_({release for _, release in named}))
    releases = {(row.agent, row.id): row for row in session.scalars(asked)}
    records = session.scalars(
        select(Approval)
        .where(Approval.org == org, Approval.trace_id == detail.trace.trace_id)
        .order_by(Approval.requested_at)
    ).all()
    entries = Entries(session, org)
    start = detail.trace.start
    return Gathered(
        detail, spans, agents, {agent: entries.then(agent, start) for agent in set(agents.values())},
        {key: row for key, row in releases.items() if key in named}, records,
        [(checked(org, one, entries), _said(one)) for one in _carried(detail.trace.trace_id, spans)],
    )  # fmt: skip


def _said(carried: CarriedEnvelope) -> TaskEnvelope | None:
    try:
        sealed = of_attributes(carried.attributes)
        return None if sealed is None else sealed.envelope
    except EnvelopeError:
        return None


def _carried(trace_id: str, spans: Sequence[contract.Span]) -> list[CarriedEnvelope]:
    return [
        CarriedEnvelope(
            trace_id, span.span_id, nanoseconds(span.start),
            {name: text for name, text in span.attributes.items() if name.startswith("muster.task.")},
            bool(span.redactions),
        )
        for span in spans
        if span.attributes.get("muster.task.envelope")
    ]  # fmt: skip
