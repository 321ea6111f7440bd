"""All that an evaluation of an organisation needs, read at once: registry, cases, telemetry, heartbeats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from collector.store import dormancy
from collector.store.dormancy import Heartbeat, LastActivity
from inventory.auth.caller import Kind
from inventory.contract.lifecycle import CaseReason, PolicySpec
from inventory.db import cases as db
from inventory.db.models import Agent, Person, Token
from inventory.readers import Readers
from lifecycle import conditions
from lifecycle.conditions import Cleared, Facts, Found, Signals
from lifecycle.machine import Condition, Standing
from lifecycle.standing import approvals, standing, tellings

HEARTBEAT_ORG: Final = "muster"
HEARTBEAT_SERVICE: Final = "muster-canary"
"""Whose spans prove that telemetry comes through: `lifecycle.canary` sends them."""
LOOKS_BACK: Final = timedelta(days=800)


@dataclass(frozen=True, slots=True)
class Held:
    """A policy as it is now."""

    id: str
    version: int
    spec: PolicySpec


@dataclass(frozen=True, slots=True)
class Look:
    """What was there at a moment. `cases`: the open ones, by agent and reason."""

    org: str
    at: datetime
    policies: Mapping[str, Held]
    agents: Mapping[str, Facts]
    cases: Mapping[tuple[str, str], tuple[db.Case, Standing]]
    people: Mapping[str, bool]
    unreachable: frozenset[str]
    clearances: Mapping[tuple[str, str], Cleared]
    activity: Mapping[str, Mapping[str, LastActivity]]
    token_uses: Mapping[str, datetime]
    reports: Mapping[str, tuple[str, datetime]]
    beat: Heartbeat
    own_beats: Mapping[str, Heartbeat]
    enforcement: bool

    def stale(self, policy: PolicySpec) -> str:
        """Why no case may advance now; empty: telemetry is fresh."""
        last = self.beat.last
        if last is None:
            return "no heartbeat ever came through the pipeline: nobody can say that silence is idleness"
        if self.at - last > timedelta(minutes=policy.freshness.stale_minutes):
            return f"the last heartbeat through the pipeline came at {last:%Y-%m-%d %H:%M} UTC: telemetry isn't whole"
        return ""

    def found(self, held: Held, agent: Facts) -> Found:
        """Whether the policy's reason holds for the agent."""
        spec, reason = held.spec, held.spec.reason
        at = self.at
        opened = self.cases.get((agent.id, reason))
        if reason == "idle":
            beats = [self.beat, *(beat for beat in (self.own_beats.get(_heartbeat_of(agent)),) if beat)]
            signals = Signals(
                self.activity.get(held.id, {}).get(agent.id), self.token_uses.get(agent.id),
                self.reports.get(agent.id), beats,
            )  # fmt: skip
            return conditions.idle(spec, agent, signals, self.clearances.get((agent.id, "interval")), at)
        if reason == "ownerless":
            since = opened[0].since if opened else at
            return conditions.ownerless(agent, self.people, self.unreachable, since)
        if reason == "expired":
            words = [self.clearances.get((agent.id, one)) for one in ("expired", "idle")]
            spoken = max((word.given_at for word in words if word is not None), default=None)
            return conditions.expired(spec, agent, spoken, at)
        since = opened[0].since if opened else at
        return Found(Condition(opened is not None, since))

    def cleared(self, agent: str, reason: CaseReason) -> str:
        return conditions.cleared(self.clearances.get((agent, reason)), reason, self.at)


def look(session: Session, store: Readers, org: str, at: datetime, agent: str = "") -> Look:
    """`agent`: of this one alone. Raises DatabaseError or ReadError: then nothing is done."""
    policies = policies_of(session, org)
    agents = _agents(session, org, agent)
    activity: dict[str, Mapping[str, LastActivity]] = {}
    with store.reader() as client:
        for held in policies.values():
            if held.spec.reason == "idle":
                wanted = held.spec.activity
                environments = sorted({name.lower() for name in wanted.environments})
                activity[held.id] = dormancy.last_activity(client, org, environments, wanted.identities, agent)
        beat = dormancy.heartbeat(client, HEARTBEAT_ORG, HEARTBEAT_SERVICE, at - LOOKS_BACK)
        own = {
            service: dormancy.heartbeat(client, org, service, at - LOOKS_BACK)
            for service in {_heartbeat_of(one) for one in agents.values()} - {""}
        }
    switch = session.get(db.Switch, org)
    return Look(
        org, at, policies, agents, _cases(session, org, agent), _people(session, org), _unreachable(session, org),
        _clearances(session, org, agent), activity, _token_uses(session, org, agent), _reports(session, org, agent),
        beat, own, switch is None or switch.enforcement,
    )  # fmt: skip


def policies_of(session: Session, org: str) -> dict[str, Held]:
    rows = session.scalars(select(db.Policy).where(db.Policy.org == org).order_by(db.Policy.id))
    return {row.id: Held(row.id, row.revision, PolicySpec.model_validate(row.document)) for row in rows}


def policy_for(session: Session, org: str, reason: CaseReason) -> Held | None:
    """What is done for a reason: there is one policy for each at most."""
    return next((held for held in policies_of(session, org).values() if held.spec.reason == reason), None)


def _agents(session: Session, org: str, agent: str) -> dict[str, Facts]:
    asked: Select[Any] = select(*(getattr(Agent, name) for name in Facts.COLUMNS)).where(Agent.org == org)
    return {row.id: Facts(*row) for row in session.execute(_of(asked, Agent.id, agent))}


def _cases(session: Session, org: str, agent: str) -> dict[tuple[str, str], tuple[db.Case, Standing]]:
    asked = select(db.Case).where(db.Case.org == org, db.Case.open_key.is_not(None))
    rows = session.scalars(_of(asked, db.Case.agent, agent)).all()
    told = tellings(session, org, rows)
    approved = approvals(session, org, rows)
    return {(row.agent, row.reason): (row, standing(row, told[row.id], approved[row.id])) for row in rows}


def _people(session: Session, org: str) -> dict[str, bool]:
    return {row.id: row.active for row in session.execute(select(Person.id, Person.active).where(Person.org == org))}


def _unreachable(session: Session, org: str) -> frozenset[str]:
    """Whose newest settled notice came back."""
    asked = (
        select(db.Notice.recipient, db.Notice.state)
        .where(db.Notice.org == org, db.Notice.state.in_(("bounced", "delivered")), db.Notice.settled_at.is_not(None))
        .order_by(db.Notice.settled_at, db.Notice.id)
    )
    newest = {row.recipient: row.state for row in session.execute(asked)}
    return frozenset(who for who, state in newest.items() if state == "bounced")


def _clearances(session: Session, org: str, agent: str) -> dict[tuple[str, str], Cleared]:
    asked = select(db.Clearance).where(db.Clearance.org == org).order_by(db.Clearance.given_at)
    return {
        (row.agent, row.reason): Cleared(row.kind, row.until, row.by, row.given_at)
        for row in session.scalars(_of(asked, db.Clearance.agent, agent))
    }


def _token_uses(session: Session, org: str, agent: str) -> dict[str, datetime]:
    """By an agent's own tokens: one that several share proves nothing of each."""
    asked = select(Token.agents, Token.last_used_at).where(
        Token.org == org, Token.kind == Kind.AGENT.value, Token.last_used_at.is_not(None)
    )
    latest: dict[str, datetime] = {}
    for names, at in session.execute(asked):
        for name in names if len(names) == 1 else ():
            if agent in ("", name):
                latest[name] = max(at, latest.get(name, at))
    return latest


def _reports(session: Session, org: str, agent: str) -> dict[str, tuple[str, datetime]]:
    asked = select(db.ActivityReport).where(db.ActivityReport.org == org).order_by(db.ActivityReport.at)
    rows: Iterable[db.ActivityReport] = session.scalars(_of(asked, db.ActivityReport.agent, agent))
    return {row.agent: (row.source, row.at) for row in rows}


def _of(asked: Select[Any], column: Any, agent: str) -> Select[Any]:
    return asked.where(column == agent) if agent else asked


def _heartbeat_of(agent: Facts) -> str:
    name: str = agent.document.get("heartbeat") or ""
    return name


def names(held: Iterable[Held]) -> Sequence[str]:
    return [one.id for one in held]
