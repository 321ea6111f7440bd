"""A run: look, plan, check the rails, then act on one case after the other, each in its own transaction."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import or_, select

from inventory.auth.caller import Caller, Kind
from inventory.contract.lifecycle import LifecyclePlan
from inventory.db import cases as db
from inventory.readers import Readers
from inventory.registry.change import Asking, Change, Registry
from lifecycle import cases, notices
from lifecycle.connectors.base import ConnectorError
from lifecycle.enforcing import Enforcer, Planned
from lifecycle.lease import Lease
from lifecycle.looking import look
from lifecycle.machine import ENFORCING, TELLING, Next
from lifecycle.planning import Intent, intents, stopped
from lifecycle.standing import follow

log = logging.getLogger(__name__)
ACTOR: Final = "muster:lifecycle"


@dataclass(slots=True)
class Run:
    """What a run did: actions by name, what failed, and why it was stopped."""

    agents: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    stopped: str = ""

    def summary(self) -> dict[str, Any]:
        return {
            "agents": self.agents, "actions": dict(self.actions), "failures": self.failures[:20],
            "stopped": self.stopped,
        }  # fmt: skip


class Evaluator:
    """Evaluates an organisation. Not for two threads at once: that is what the lease is for. `resolve` lets the engine
    know whose telemetry is whose, so that activity under a name that is new doesn't go unseen.
    """

    def __init__(
        self, registry: Registry, store: Readers, enforcer: Enforcer, resolve: Callable[[str], object]
    ) -> None:
        self._resolve = resolve
        self._registry = registry
        self._store = store
        self._enforcer = enforcer

    def plan(self, org: str) -> LifecyclePlan:
        """What a run would do now. Raises DatabaseError or ReadError."""
        with self._registry.reading() as session:
            seen = look(session, self._store, org, self._registry.now())
            found = list(intents(seen, self._enforcer.able))
        planned = sorted(
            (one.wire(seen.at) for one in found), key=lambda one: (not one.now, one.due_at or seen.at, one.agent)
        )
        return LifecyclePlan(as_of=seen.at, planned=planned, stopped=stopped(seen, found))

    def run(self, org: str, lease: Lease) -> Run:
        """Act on all that is due. Raises DatabaseError, ReadError or Fenced: what was done until then stands."""
        self._resolve(org)
        with self._registry.reading() as session:
            seen = look(session, self._store, org, self._registry.now())
            found = list(intents(seen, self._enforcer.able))
        done = Run(len(seen.agents))
        done.stopped = stopped(seen, found)
        self._all(org, found, lease, done)
        return done

    def decisions(self, org: str, lease: Lease) -> Run:
        """As `run`, for cases about which somebody decided, and those that were left in the middle."""
        done = Run()
        with self._registry.reading() as session:
            decided = session.scalars(
                select(db.Case.agent).where(
                    db.Case.org == org, db.Case.open_key.is_not(None),
                    or_(db.Case.locked.is_not(None), db.Case.ordered.is_(True)),
                )
            ).all()  # fmt: skip
        if decided:
            self._resolve(org)
        for agent in sorted(set(decided)):
            with self._registry.reading() as session:
                seen = look(session, self._store, org, self._registry.now(), agent=agent)
                found = [
                    one
                    for one in intents(seen, self._enforcer.able)
                    if one.case and (one.case.locked or one.case.ordered)
                ]
            done.agents += 1
            self._all(org, found, lease, done)
        return done

    def _all(self, org: str, found: Iterable[Intent], lease: Lease, done: Run) -> None:
        asking = Asking(Caller(org, ACTOR, Kind.LOCAL), "lifecycle")
        for intent in found:
            if done.stopped and intent.coming.action in ENFORCING:
                continue
            try:
                acted = self._act(asking, intent, lease)
            except ConnectorError as error:
                done.failures.append(f"{intent.agent.id}: {error}")
                continue
            if acted:
                done.actions[acted] += 1
        done.failures += self._enforcer.failures()

    def _act(self, asking: Asking, intent: Intent, lease: Lease) -> str:
        """What was done, in a word; empty: nothing."""
        now = self._registry.now()
        case, coming = intent.case, intent.coming
        if case is None:
            return self._open(asking, intent, lease) if coming.due(now) else ""
        if case.locked is not None and coming.action != "restore":
            return self._enforcer.resume(asking, intent, lease)
        if not coming.due(now):
            return self._say(asking, intent, lease) or self._escalate(asking, intent, lease)
        assert coming.action is not None
        if coming.action in ENFORCING:
            return self._enforcer.enforce(asking, intent, lease)
        if coming.action == "restore" and (case.disabled_at is not None or case.locked is not None):
            return self._enforcer.give_back(asking, intent, lease)
        act: Mapping[str, Callable[[Change, db.Case, Intent], str]] = {
            "notice": self._tell, "remind": self._tell, "final": self._tell, "wake": _wake, "restore": _restore,
        }  # fmt: skip
        prepared = self._prepared(asking.caller.org, intent) if coming.action in TELLING else None
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            row = cases.hold(change.session, case.org, case.id)
            if row.revision != case.revision:
                return ""  # somebody decided meanwhile: the next run sees what is so then
            if prepared is not None:
                self._enforcer.freeze(change, row, prepared)
            done = act[coming.action](change, row, intent)
            if done and row.open_key is not None:
                follow(change.session, row, intent.held.spec, intent.found.condition)
            return done

    def _prepared(self, org: str, intent: Intent) -> Planned | None:
        """What would be switched off, for the notice to say; the last warning isn't given without it."""
        try:
            return self._enforcer.prepare(org, intent)
        except ConnectorError:
            if intent.coming.action == "final":
                raise
            return None

    def _open(self, asking: Asking, intent: Intent, lease: Lease) -> str:
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            coming = intent.coming
            row = cases.open_case(change, intent.agent.id, intent.held, intent.found, coming, intent.held.spec.reason)
            follow(change.session, row, intent.held.spec, intent.found.condition)
        return "open"

    def _tell(self, change: Change, row: db.Case, intent: Intent) -> str:
        action, spec = intent.coming.action, intent.held.spec
        assert action in ("notice", "remind", "final")
        agent = cases.agent_of(change.session, row)
        row.since, row.facts = intent.found.condition.since, intent.found.evidence
        left = timedelta(days=max(1, spec.schedule.disable - spec.schedule.notice) + spec.schedule.review)
        told = notices.queue(change, row, agent, spec, action, change.at + left)
        if told is None:
            cases.comes(
                row, Next(action, intent.coming.at, "nobody can be told: give the agent an owner with an address")
            )
            return ""
        cases.move(change, row, action, {"notice": told.id, "recipient": told.recipient, **intent.found.evidence})
        return action

    def _say(self, asking: Asking, intent: Intent, lease: Lease) -> str:
        """Keep what comes next, where it is new; and whom to tell, where nobody could be told."""
        case = intent.case
        assert case is not None
        new = (intent.coming.action, intent.coming.at, intent.coming.blocked)
        if new == (case.next_action, case.next_action_at, case.blocked) and case.since == intent.found.condition.since:
            return ""
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            row = cases.hold(change.session, case.org, case.id)
            if row.revision == case.revision:
                row.since = intent.found.condition.since
                cases.comes(row, intent.coming)
        return ""

    def _escalate(self, asking: Asking, intent: Intent, lease: Lease) -> str:
        """Once a week, to whoever lets a disabled agent lie."""
        case, now = intent.case, self._registry.now()
        assert case is not None
        waits = case.state in ("disabled", "triggers-removed") and intent.coming.at is not None
        if not waits or intent.coming.at is None or intent.coming.at > now:
            return ""
        every = timedelta(days=intent.held.spec.schedule.escalate)
        if case.escalated_at is not None and now < case.escalated_at + every:
            return ""
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            row = cases.hold(change.session, case.org, case.id)
            row.escalated_at = change.at
            agent = cases.agent_of(change.session, row)
            notices.queue(change, row, agent, intent.held.spec, "escalate", row.undo_until)
            cases.note(change, row, "escalate", row.state, {"waits_since": intent.coming.at.isoformat()})
        return "escalate"


def _wake(change: Change, row: db.Case, intent: Intent) -> str:
    cases.wake(change, row)
    return "wake"


def _restore(change: Change, row: db.Case, intent: Intent) -> str:
    notices.supersede(change.session, row)
    cases.close(change, row, "restored", "restore", intent.found.evidence)
    return "restore"
