"""The client's findings, evidence and controls."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from inventory.client.asker import Asker, quoted
from inventory.contract import controls, evidence
from inventory.contract import findings as wire
from inventory.contract.agents import Reason


class Findings(Asker):
    """What failed, what can be proved, and what is lived with."""

    def list_findings(self, *, limit: int = 100, cursor: str | None = None, **filters: Any) -> wire.FindingPage:
        """Filters: state, finding, severity, agent, control. Without a state: those that stand."""
        return self._get("/v1/findings", wire.FindingPage, {**filters, "limit": limit, "cursor": cursor})

    def finding_definitions(self) -> wire.FindingDefinitions:
        return self._get("/v1/finding-definitions", wire.FindingDefinitions, {})

    def get_finding(self, name: str) -> wire.FindingDetail:
        return self._get(f"/v1/findings/{quoted(name)}", wire.FindingDetail, {})

    def accept_finding(self, name: str, reason: str, until: datetime) -> wire.Finding:
        """Live with it until then."""
        body = wire.AcceptFinding(reason=reason, until=until)
        return self._ask("POST", f"/v1/findings/{quoted(name)}/accept", wire.Finding, body=body)

    def reopen_finding(self, name: str, reason: str = "") -> wire.Finding:
        body = Reason(reason=reason)
        return self._ask("POST", f"/v1/findings/{quoted(name)}/reopen", wire.Finding, body=body)

    def review_list(self, *, days: int = 7) -> wire.ReviewList:
        return self._get("/v1/review-list", wire.ReviewList, {"days": days})

    def evidence(self, trace_id: str) -> evidence.Evidence:
        """Raises `NotFound` if no span of it is stored."""
        return self._get(f"/v1/evidence/{quoted(trace_id)}", evidence.Evidence, {})

    def evidence_page(self, trace_id: str) -> str:
        """The same as HTML, to print."""
        return self._text(f"/v1/evidence/{quoted(trace_id)}/page")

    def controls(self, *, days: int = 30) -> controls.ControlReport:
        return self._get("/v1/controls", controls.ControlReport, {"days": days})

    def controls_page(self, *, days: int = 30) -> str:
        """The same as HTML, to print."""
        return self._text(f"/v1/controls/page?days={days}")
