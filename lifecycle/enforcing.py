"""What changes something outside: disable, give back, revoke, remove triggers, archive, retire.

Each stage begins in a transaction that asks again whether it may (condition, telemetry, lease, kill switch, frozen
plan), does its steps one by one, and ends in a transaction that says that they are done.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from inventory.contract.lifecycle import Action
from inventory.db import cases as db
from inventory.readers import Readers
from inventory.registry import agents
from inventory.registry.change import Asking, Change, Registry
from lifecycle import cases, notices, plans
from lifecycle.certificate import certificate
from lifecycle.connectors.base import Stage, Step
from lifecycle.lease import Lease
from lifecycle.looking import Look, look
from lifecycle.machine import HALTED, UNDO
from lifecycle.planning import Intent, intents
from lifecycle.plans import Connectors
from lifecycle.standing import follow
from lifecycle.steps import Steps

PLANNED: Final[dict[str, tuple[Stage, ...]]] = {
    "disable": ("disable",),
    "revoke": ("revoke", "remove"),
    "archive": ("archive", "retire"),
}
"""Which stages are frozen together: what two people agree to is all of them."""
Planned = Sequence[tuple[Stage, Step]]


class Enforcer:
    """Acts on one case at a time."""

    def __init__(self, registry: Registry, store: Readers, connectors: Connectors, steps: Steps) -> None:
        self._registry = registry
        self._store = store
        self._connectors = connectors
        self._steps = steps
        self._failed: list[str] = []

    @property
    def able(self) -> Collection[str]:
        """Names of the connectors that it acts through."""
        return self._connectors.names

    def failures(self) -> list[str]:
        """What went wrong since this was asked last."""
        failed, self._failed = self._failed, []
        return failed

    def prepare(self, org: str, intent: Intent, stage: str = "disable") -> Planned:
        """What would be done, as the targets are now. Raises ConnectorError."""
        return self._connectors.plan(org, intent.agent, PLANNED[stage])

    @staticmethod
    def freeze(change: Change, row: db.Case, planned: Planned) -> None:
        plans.freeze(change.session, row, planned)

    def enforce(self, asking: Asking, intent: Intent, lease: Lease) -> str:
        """Begin a stage, and do it: what was done. Raises ConnectorError, Fenced, DatabaseError or ReadError."""
        action = intent.coming.action
        assert intent.case is not None
        assert action is not None
        planned = self.prepare(asking.caller.org, intent, action) if action in PLANNED else None
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            row = cases.hold(change.session, asking.caller.org, intent.case.id)
            if row.revision != intent.case.revision:
                return ""
            now = look(change.session, self._store, change.org, change.at, agent=row.agent)
            fresh = self._same(now, intent)
            if fresh is None or fresh.coming.action != action or not fresh.coming.due(now.at):
                return ""  # it isn't so any more: the next run says what is
            if planned is not None and (drifted := self._drifted(change, row, action, planned, intent)):
                return drifted
            row.locked = action
            cases.note(change, row, f"{action}-begun", row.state, {"plan": row.plan_hash, **fresh.found.evidence})
        return self._finish(asking, intent, action, lease)

    def resume(self, asking: Asking, intent: Intent, lease: Lease) -> str:
        """Go on where a stage was left."""
        assert intent.case is not None
        assert intent.case.locked is not None
        if intent.case.locked == UNDO:
            return self.give_back(asking, intent, lease)
        return self._finish(asking, intent, intent.case.locked, lease)

    def give_back(self, asking: Asking, intent: Intent, lease: Lease) -> str:
        """Undo all that was done, and close the case: the agent is what it was before."""
        case = intent.case
        assert case is not None
        done = self._steps.undo(case.org, case.id, lease)
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            row = cases.hold(change.session, case.org, case.id)
            if done.failed:
                return self._fails(change, row, done.failed)
            agent = cases.agent_of(change.session, row)
            if agent.state == "disabled":
                agents.moved(change, agent, "active", f"given back: {row.id}")
            notices.supersede(change.session, row)
            notices.queue(change, row, agent, intent.held.spec, "restored", None)
            state = row.facts.get("undo", "restored")
            cases.close(change, row, state, "give-back", {"steps": done.steps, **intent.found.evidence})
        return "give-back"

    def _same(self, now: Look, intent: Intent) -> Intent | None:
        """The same agent and policy, as they are now."""
        wanted = (intent.held.id, intent.agent.id)
        found = intents(now, self._connectors.names)
        return next((one for one in found if (one.held.id, one.agent.id) == wanted), None)

    def _drifted(self, change: Change, row: db.Case, action: Action, planned: Planned, intent: Intent) -> str:
        """Whether what would be done isn't what was agreed on; then that is frozen, and people are asked anew."""
        if plans.digest(planned) == row.plan_hash:
            return ""
        agreed = row.plan_hash
        if action == "disable" and (row.ordered or not agreed):
            plans.freeze(change.session, row, planned)
            return ""
        plans.freeze(change.session, row, planned)
        if action == "disable":
            cases.again(
                change, row, "the plan isn't what the last warning said", {"agreed": agreed, "now": row.plan_hash}
            )
        else:
            cases.note(change, row, "drift", row.state, {"agreed": agreed, "now": row.plan_hash})
        follow(change.session, row, intent.held.spec, intent.found.condition)
        return "drift"

    def _finish(self, asking: Asking, intent: Intent, stage: str, lease: Lease) -> str:
        case = intent.case
        assert case is not None
        done = self._steps.do(case.org, case.id, stage, lease)
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            row = cases.hold(change.session, case.org, case.id)
            if done.waits:
                row.blocked = done.failed
                return ""
            if done.failed:
                return self._fails(change, row, done.failed)
            if row.locked != stage:
                return ""
            row.locked, row.blocked, row.ordered = None, "", False
            self._ends(change, row, stage, intent)
            if row.open_key is not None:
                follow(change.session, row, intent.held.spec, intent.found.condition)
        return stage

    def _ends(self, change: Change, row: db.Case, stage: str, intent: Intent) -> None:
        agent = cases.agent_of(change.session, row)
        spec = intent.held.spec
        details = {"steps": plans.told(plans.rows(change.session, row, stage)), "plan": row.plan_hash}
        if stage == "disable":
            if agent.state == "active":
                agents.moved(change, agent, "disabled", f"{row.reason}: {row.id}")
            row.disabled_at, row.undo_until = change.at, change.at + timedelta(days=spec.schedule.review)
            notices.supersede(change.session, row)
            cases.move(change, row, "disable", details)
            notices.queue(change, row, agent, spec, "disabled", row.undo_until)
        elif stage in ("revoke", "remove", "archive"):
            action: Action = stage  # type: ignore[assignment]
            cases.move(change, row, action, details)
        else:
            if agent.state != "retired":
                agents.moved(change, agent, "retired", f"{row.reason}: {row.id}")
            notices.queue(change, row, agent, spec, "retired", None)
            made = certificate(change.session, row)
            row.facts = {**row.facts, "certificate": made}
            cases.close(change, row, "retired", "retire", {**details, "certificate": made["digest"]})

    def _fails(self, change: Change, row: db.Case, why: str) -> str:
        if why != HALTED:
            self._failed.append(f"{row.agent}: {why}")
        if row.blocked != why:
            row.blocked = why
            cases.note(change, row, "step-failed", row.state, {"why": why})
        return ""
