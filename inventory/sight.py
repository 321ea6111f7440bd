"""Whose content a caller may see, and the note that they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import contract
from inventory.auth.caller import Caller, Reach
from inventory.auth.policy import Scope, reach
from inventory.db.models import Agent
from inventory.masking import Visible
from inventory.matching import Matchers, Telemetry
from inventory.reading_log import ReadLog
from inventory.registry.change import Registry


class Sight:
    """Says of spans whether their content may be seen. What is seen is noted before it is shown."""

    def __init__(self, registry: Registry, log: ReadLog) -> None:
        self._registry = registry
        self._log = log

    def everything(self, caller: Caller, what: str) -> bool:
        """Whether all content may be seen; if so, it is noted."""
        seen = reach(caller, Scope.CONTENT_READ).everything
        if seen:
            self._log.note(caller, what)
        return seen

    def of(self, caller: Caller, spans: Sequence[contract.Span], what: str) -> Visible:
        """Which of these spans' content may be seen; if any, it is noted."""
        held = reach(caller, Scope.CONTENT_READ)
        visible = {span.span_id for span in spans} if held.everything else self._own(caller, held, spans)
        if visible:
            self._log.note(caller, what)
        return lambda span: span.span_id in visible

    def _own(self, caller: Caller, held: Reach, spans: Sequence[contract.Span]) -> set[str]:
        """Spans of agents that the reach covers: whose a span is, the nearest one above says that names an agent."""
        if not held:
            return set()
        with self._registry.reading() as session:
            owner_of = owners(session, caller.org, spans)
            rows = session.scalars(select(Agent).where(Agent.org == caller.org, Agent.id.in_(set(owner_of.values()))))
            covered = {
                row.id for row in rows if held.covers(row.id, owners=(row.owner, row.backup_owner), team=row.team)
            }
        return {span for span, agent in owner_of.items() if agent in covered}


def owners(session: Session, org: str, spans: Sequence[contract.Span]) -> dict[str, str]:
    """The registered agent whose each span of a trace is, by span; those that are nobody's are left out."""
    seen = {_telemetry(span) for span in spans}
    matchers = Matchers.among(session, org, seen)
    known = {telemetry: agent for telemetry in seen if (agent := matchers.agent(telemetry)) is not None}
    by_id = {span.span_id: span for span in spans}
    speakers = {span.span_id: _telemetry(_speaker(span, by_id)) for span in spans}
    return {span: known[speaker] for span, speaker in speakers.items() if speaker in known}


def _speaker(span: contract.Span, by_id: Mapping[str, contract.Span]) -> contract.Span:
    """The nearest span on the way up that names an agent; itself, if none does."""
    at, passed = span, {span.span_id}
    while not (at.agent or at.agent_id):
        above = by_id.get(at.parent_span_id)
        if above is None or above.span_id in passed:
            return span
        passed.add(above.span_id)
        at = above
    return at


def _telemetry(span: contract.Span) -> Telemetry:
    return Telemetry(span.service, span.agent_id, span.agent, span.stamp.identity)
