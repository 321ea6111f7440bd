"""The client's lifecycle: policies, cases, decisions, jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from inventory.client.asker import Asker, quoted
from inventory.contract import lifecycle as wire

_CASES = "/v1/lifecycle/cases"


class Lifecycle(Asker):
    """Reads and changes of the lifecycle."""

    def list_policies(self) -> list[wire.Policy]:
        return self._get("/v1/lifecycle/policies", wire.PolicyList, {}).policies

    def put_policy(self, name: str, spec: wire.PolicySpec, revision: int | None = None) -> wire.Policy:
        """Add one, or change that of this revision."""
        return self._ask("PUT", f"/v1/lifecycle/policies/{quoted(name)}", wire.Policy, body=spec, revision=revision)

    def lifecycle_plan(self) -> wire.LifecyclePlan:
        """What a run would do now. Changes nothing."""
        return self._get("/v1/lifecycle/plan", wire.LifecyclePlan, {})

    def impact(self, policy: str, days: int) -> wire.ImpactReport:
        """What a policy would have done in days that have passed."""
        return self._get("/v1/lifecycle/impact", wire.ImpactReport, {"policy": policy, "days": days})

    def list_cases(self, *, limit: int = 50, cursor: str | None = None, **filters: Any) -> wire.CasePage:
        """Filters: agent, state, reason, open."""
        return self._get(_CASES, wire.CasePage, {**filters, "limit": limit, "cursor": cursor})

    def iterate_cases(self, **filters: Any) -> Iterator[wire.Case]:
        """Every case, page after page."""
        cursor: str | None = None
        while True:
            page = self.list_cases(limit=500, cursor=cursor, **filters)
            yield from page.cases
            cursor = page.next
            if cursor is None:
                return

    def get_case(self, name: str) -> wire.CaseDetail:
        return self._get(f"{_CASES}/{quoted(name)}", wire.CaseDetail, {})

    def get_certificate(self, name: str) -> wire.Certificate:
        """Raises `Conflict` before the agent is retired."""
        return self._get(f"{_CASES}/{quoted(name)}/certificate", wire.Certificate, {})

    def decide_case(self, name: str, asked: wire.Decide, *, key: str | None = None) -> wire.Case:
        return self._ask("POST", f"{_CASES}/{quoted(name)}/decision", wire.Case, body=asked, key=key)

    def ask_case(self, name: str, asked: wire.Ask, *, key: str | None = None) -> wire.CaseRequest:
        """For what a second person must approve."""
        return self._ask("POST", f"{_CASES}/{quoted(name)}/requests", wire.CaseRequest, body=asked, key=key)

    def answer_request(self, name: str, given: wire.Verdict) -> wire.CaseRequest:
        """The second person's word."""
        path = f"/v1/lifecycle/requests/{quoted(name)}/decision"
        return self._ask("POST", path, wire.CaseRequest, body=given)

    def hold_case(self, name: str, given: wire.Hold) -> wire.Case:
        return self._ask("POST", f"{_CASES}/{quoted(name)}/hold", wire.Case, body=given)

    def report_violation(self, agent: str, reason: str) -> wire.Case:
        path = f"/v1/agents/{quoted(agent)}/violations"
        return self._ask("POST", path, wire.Case, body=wire.Raise(reason=reason))

    def report_activity(self, agent: str, source: str) -> None:
        """The owner's own system saw the agent work just now."""
        self._ask("POST", f"/v1/agents/{quoted(agent)}/activity", wire.Noted, body=wire.Reported(source=source))

    def get_switch(self) -> wire.SwitchState:
        return self._get("/v1/lifecycle/switch", wire.SwitchState, {})

    def put_switch(self, *, enforcement: bool, reason: str) -> wire.SwitchState:
        """Off: nothing is enforced any more, at once."""
        body = wire.Switch(enforcement=enforcement, reason=reason)
        return self._ask("PUT", "/v1/lifecycle/switch", wire.SwitchState, body=body)

    def list_jobs(self) -> wire.JobList:
        return self._get("/v1/jobs", wire.JobList, {})

    def run_job(self, name: str, *, dry_run: bool = True) -> wire.JobAsked:
        body = wire.RunJob(dry_run=dry_run)
        return self._ask("POST", f"/v1/jobs/{quoted(name)}/run", wire.JobAsked, body=body)
