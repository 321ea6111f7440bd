"""The pages' only source: the inventory's API, with the reader's own token.

Answers are kept for seconds, for each reader apart, so that a click redraws without asking again. Errors are shown in
words where the figure would be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import streamlit as st

from dashboards import session
from dashboards.session import Reader
from inventory import contract
from inventory.client import ClientError, InventoryClient
from inventory.contract import agents, discovery, figures, incidents, lifecycle, people, records, releases, slos
from inventory.contract import approvals as approvals_wire
from inventory.contract import controls as controls_wire
from inventory.contract import evidence as evidence_wire
from inventory.contract import findings as findings_wire

_FRESH = timedelta(seconds=5)
_KEPT = timedelta(seconds=60)

_Answer = TypeVar("_Answer")
_HASHED: dict[str | type[Any], Callable[[Any], Any]] = {Reader: lambda reader: reader.key}


@dataclass(frozen=True, slots=True)
class TraceSearch:
    """What a reader looks for, in a window."""

    window: contract.Window
    order: contract.Order
    service: str = ""
    agent: str = ""
    registered: str = ""
    model: str = ""
    tool: str = ""
    release: str = ""
    requester: str = ""
    text: str = ""
    failed: bool = False
    min_duration_ms: float = 0
    limit: int = 100


def client() -> InventoryClient:
    """The reader's own: for what changes something."""
    return session.reader().client


def changed() -> None:
    """Something was: nothing that was read before counts any more."""
    st.cache_data.clear()


def until(minutes: int, now: datetime | None = None) -> contract.Window:
    """The last minutes, the same for everything that is read within five seconds."""
    at = now or datetime.now(UTC)
    end = at.replace(microsecond=0) - timedelta(seconds=at.second % 5)
    return contract.Window(since=end - timedelta(minutes=minutes), until=end)


@st.cache_data(ttl=_FRESH, max_entries=300, show_spinner=False, hash_funcs=_HASHED)
def _fresh(reader: Reader, method: str, *given: Any, **named: Any) -> Any:
    return getattr(reader.client, method)(*given, **named)


@st.cache_data(ttl=_KEPT, max_entries=32, show_spinner=False, hash_funcs=_HASHED)
def _kept(reader: Reader, method: str, *given: Any, **named: Any) -> Any:
    return getattr(reader.client, method)(*given, **named)


@st.cache_resource(ttl=_KEPT, max_entries=8, show_spinner=False, hash_funcs=_HASHED)
def _trace(reader: Reader, trace_id: str) -> contract.TraceDetail:
    """Not copied, as other answers are: it is large, and nobody changes it."""
    return reader.client.get_trace(trace_id, limit=contract.MAX_SPANS)


@st.cache_data(ttl=_FRESH, max_entries=50, show_spinner=False, hash_funcs=_HASHED)
def _all(reader: Reader, method: str, most: int, **named: Any) -> list[Any]:
    found = []
    for one in getattr(reader.client, method)(**named):
        found.append(one)
        if len(found) == most:
            break
    return found


def me() -> people.Me:
    answer: people.Me = _kept(session.reader(), "me")
    return answer


def may(scope: str) -> str:
    """How far the reader's scope reaches: all, teams, own; empty: not at all, or nobody can say."""
    try:
        return me().scopes.get(scope, "")
    except ClientError:
        return ""


def incident(window: contract.Window) -> incidents.Incident:
    answer: incidents.Incident = _fresh(session.reader(), "incident", since=window.since, until=window.until)
    return answer


def agent_figures(name: str, window: contract.Window, steps: int) -> incidents.AgentFigures:
    answer: incidents.AgentFigures = _fresh(
        session.reader(), "agent_figures", name, since=window.since, until=window.until, steps=steps
    )
    return answer


def traces(search: TraceSearch) -> contract.TraceList:
    answer: contract.TraceList = _fresh(
        session.reader(),
        "list_traces",
        since=search.window.since,
        until=search.window.until,
        service=search.service,
        agent=search.agent,
        registered=search.registered,
        model=search.model,
        tool=search.tool,
        release=search.release,
        requester=search.requester,
        text=search.text,
        failed=search.failed,
        min_duration_ms=search.min_duration_ms,
        order=search.order,
        limit=search.limit,
    )
    return answer


def search(words: str, window: contract.Window) -> figures.Hits:
    answer: figures.Hits = _fresh(
        session.reader(), "search", words=words, since=window.since, until=window.until, limit=50
    )
    return answer


def trace(trace_id: str) -> contract.TraceDetail:
    return _trace(session.reader(), trace_id)


def span(trace_id: str, span_id: str) -> contract.Span:
    answer: contract.Span = _kept(session.reader(), "get_span", trace_id, span_id)
    return answer


def ingest() -> contract.Ingest:
    answer: contract.Ingest = _fresh(session.reader(), "ingest", minutes=60)
    return answer


def spend(window: contract.Window, by: tuple[str, ...], bucket: str) -> figures.SpendTable:
    answer: figures.SpendTable = _fresh(
        session.reader(), "spend", since=window.since, until=window.until, by=by, bucket=bucket
    )
    return answer


def workflows(window: contract.Window) -> incidents.Workflows:
    answer: incidents.Workflows = _fresh(session.reader(), "workflows", since=window.since, until=window.until)
    return answer


def approval_records(window: contract.Window, limit: int) -> approvals_wire.ApprovalPage:
    answer: approvals_wire.ApprovalPage = _fresh(
        session.reader(), "list_approvals", since=window.since, until=window.until, limit=limit
    )
    return answer


def pending_approvals() -> list[approvals_wire.ApprovalRecord]:
    """All that wait, however long ago they were asked for."""
    answer: approvals_wire.ApprovalPage = _fresh(session.reader(), "list_approvals", state="pending", limit=500)
    return answer.approvals


def approval_record(name: str) -> approvals_wire.ApprovalDetail:
    answer: approvals_wire.ApprovalDetail = _fresh(session.reader(), "get_approval", name)
    return answer


def findings(limit: int, state: str | None) -> findings_wire.FindingPage:
    answer: findings_wire.FindingPage = _fresh(session.reader(), "list_findings", limit=limit, state=state)
    return answer


def finding(name: str) -> findings_wire.FindingDetail:
    answer: findings_wire.FindingDetail = _fresh(session.reader(), "get_finding", name)
    return answer


def review_list(days: int) -> findings_wire.ReviewList:
    answer: findings_wire.ReviewList = _fresh(session.reader(), "review_list", days=days)
    return answer


def controls(days: int) -> controls_wire.ControlReport:
    answer: controls_wire.ControlReport = _kept(session.reader(), "controls", days=days)
    return answer


def evidence(trace_id: str) -> evidence_wire.Evidence:
    answer: evidence_wire.Evidence = _kept(session.reader(), "evidence", trace_id)
    return answer


def approvals(window: contract.Window, limit: int) -> figures.Decisions:
    answer: figures.Decisions = _fresh(
        session.reader(), "approvals", since=window.since, until=window.until, limit=limit
    )
    return answer


def agents_seen() -> figures.AgentsSeen:
    answer: figures.AgentsSeen = _kept(session.reader(), "agents_seen")
    return answer


def all_agents(most: int) -> list[agents.AgentSummary]:
    return _all(session.reader(), "iterate_agents", most)


def agent(name: str) -> agents.Agent:
    answer: agents.Agent = _fresh(session.reader(), "get_agent", name)
    return answer


def used_by(name: str) -> list[str]:
    answer: list[str] = _kept(session.reader(), "used_by", name)
    return answer


def agent_releases(name: str) -> list[releases.Release]:
    answer: releases.ReleasePage = _fresh(session.reader(), "list_releases", agent=name, limit=20)
    return answer.releases


def agent_slos(name: str) -> list[slos.Slo]:
    answer: slos.SloPage = _fresh(session.reader(), "list_slos", agent=name, limit=50)
    return answer.slos


def all_slos() -> list[slos.Slo]:
    return _all(session.reader(), "iterate_slos", 5_000)


def discovered() -> discovery.Discoveries:
    answer: discovery.Discoveries = _kept(session.reader(), "discover")
    return answer


def cases(most: int = 500, **filters: Any) -> list[lifecycle.Case]:
    return _all(session.reader(), "iterate_cases", most, **filters)


def case(name: str) -> lifecycle.CaseDetail:
    answer: lifecycle.CaseDetail = _fresh(session.reader(), "get_case", name)
    return answer


def switch() -> lifecycle.SwitchState:
    answer: lifecycle.SwitchState = _fresh(session.reader(), "get_switch")
    return answer


def everybody() -> list[people.Person]:
    return _all(session.reader(), "iterate_people", 2_000)


def calendar(months: int) -> list[records.CalendarRow]:
    answer: list[records.CalendarRow] = _fresh(session.reader(), "calendar", None, months)
    return answer


def packages(most: int = 500, **filters: Any) -> list[records.Package]:
    return _all(session.reader(), "iterate_packages", most, **filters)


def package(name: str) -> records.PackageDetail:
    answer: records.PackageDetail = _fresh(session.reader(), "get_package", name)
    return answer


def manifest(name: str) -> str:
    answer: str = _kept(session.reader(), "get_manifest", name)
    return answer


def holds() -> list[records.Hold]:
    answer: list[records.Hold] = _fresh(session.reader(), "list_holds")
    return answer


def schedules() -> list[records.Schedule]:
    answer: list[records.Schedule] = _fresh(session.reader(), "list_schedules")
    return answer


def dispositions() -> list[records.Disposition]:
    answer: list[records.Disposition] = _fresh(session.reader(), "list_dispositions")
    return answer


def keys() -> list[records.Key]:
    answer: list[records.Key] = _kept(session.reader(), "list_keys")
    return answer


def work(name: str) -> records.Work:
    """As it is now."""
    return client().get_work(name)


def audit(limit: int, **filters: Any) -> people.AuditPage:
    answer: people.AuditPage = _fresh(session.reader(), "list_audit", limit=limit, **filters)
    return answer


def verify_audit() -> people.AuditVerdict:
    return client().verify_audit()


def shown(what: str, read: Callable[[], _Answer]) -> _Answer | None:
    """The answer; or None, with the error in words where the answer would have been drawn."""
    try:
        return read()
    except ClientError as error:
        st.error(f"**{what} can't be shown.** {error}", icon=":material/error:")
        return None
