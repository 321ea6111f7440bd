"""Approvals and guardrails' verdicts, as agents report them: claims. The record of an approval is the inventory's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.store.reads import run
from collector.store.rows import ApprovalRow

NAMED = ("kind", "decision", "approver", "policy_id", "tool", "service", "convention", "arguments_digest")


@dataclass(frozen=True, slots=True)
class DecisionFilters:
    """Decisions made in [since, until) that have exactly these texts. `after`: where the next page goes on."""

    since_ns: int
    until_ns: int
    kind: str = ""
    decision: str = ""
    approver: str = ""
    policy_id: str = ""
    tool: str = ""
    service: str = ""
    convention: str = ""
    arguments_digest: str = ""
    after: tuple[int, str, str, str] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Decision:
    trace_id: str
    approval: ApprovalRow

    @property
    def key(self) -> tuple[int, str, str, str]:
        row = self.approval
        return row.time_ns, self.trace_id, row.span_id, row.approval_id


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """`after` is None on the last page."""

    decisions: Sequence[Decision]
    after: tuple[int, str, str, str] | None


def decisions(client: Client, org: str, filters: DecisionFilters) -> DecisionPage:
    """Newest first, each once. Raises `ReadError`."""
    time_ns, trace_id, span_id, approval_id = filters.after or (filters.until_ns, "", "", "")
    asked: dict[str, Any] = {name: getattr(filters, name) for name in NAMED}
    rows = run(
        client,
        "decisions",
        [name for name in NAMED if asked[name]],
        org=org,
        since=filters.since_ns,
        until=min(filters.until_ns, time_ns + 1),
        before=time_ns,
        before_trace=trace_id,
        before_span=span_id,
        before_approval=approval_id,
        limit=filters.limit + 1,
        **asked,
    )
    found = [Decision(row.pop("trace_id"), ApprovalRow(**row)) for row in rows]
    page = found[: filters.limit]
    return DecisionPage(page, page[-1].key if len(found) > filters.limit else None)
