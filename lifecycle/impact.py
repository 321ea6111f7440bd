"""What a policy would have done in days that have passed, had nobody answered: how to see it before it is enforced."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from collector.store import dormancy
from collector.store.dormancy import Heartbeat, LastActivity
from inventory.contract.lifecycle import Impact, ImpactReport, PolicySpec
from inventory.readers import Readers
from inventory.registry.errors import Clash, Missing
from lifecycle import conditions
from lifecycle.conditions import Facts, Signals
from lifecycle.looking import LOOKS_BACK, look

_DAY = timedelta(days=1)


def report(session: Session, store: Readers, org: str, policy: str, days: int, now: datetime) -> ImpactReport:
    """Day by day, with what was known on each. Raises Missing, Clash, ReadError."""
    seen = look(session, store, org, now)
    held = seen.policies.get(policy)
    if held is None:
        raise Missing("policy", policy)
    if held.spec.reason != "idle":
        raise Clash(
            "Only idleness has a past", f"{policy} is about {held.spec.reason} agents.",
            "ask for the plan: muster lifecycle plan", "no-impact",
        )  # fmt: skip
    wanted = held.spec.activity
    environments = sorted({name.lower() for name in wanted.environments})
    with store.reader() as client:
        hours = dormancy.active_hours(client, org, environments, wanted.identities, now - LOOKS_BACK)
    since = now - timedelta(days=days)
    impacts = [
        one
        for agent in seen.agents.values()
        if agent.state == "active" and not conditions.excluded(held.spec, agent)
        and not seen.cleared(agent.id, "idle")
        for one in _of_agent(held.spec, agent, hours.get(agent.id, []), seen.beat, since, now)
    ]  # fmt: skip
    impacts.sort(key=lambda one: (one.at, one.agent))
    wrongly = sum(one.action == "disable" and one.active_again is not None for one in impacts)
    return ImpactReport(policy=policy, since=since, until=now, impacts=impacts, wrongly=wrongly)


def _of_agent(
    spec: PolicySpec, agent: Facts, hours: Sequence[datetime], beat: Heartbeat, since: datetime, now: datetime
) -> list[Impact]:
    found: list[Impact] = []
    reached = -1
    stages = [("open", spec.schedule.candidate), ("notice", spec.schedule.notice), ("disable", spec.schedule.disable)]
    at = since
    while at <= now:
        if at >= agent.created_at:
            signals = Signals(LastActivity(agent.id, _until(hours, at), 0, 0), beats=[beat])
            condition = conditions.idle(spec, agent, signals, None, at).condition
            level = sum(condition.days(at) >= days + condition.extra_days for _, days in stages) - 1
            for number in range(reached + 1, level + 1):
                later = bisect_right(hours, at)
                again = hours[later] if later < len(hours) else None
                found.append(
                    Impact(agent=agent.id, action=stages[number][0], at=at, active_again=again)  # type: ignore[arg-type]
                )
            reached = level if level < reached else max(reached, level)
        at += _DAY
    return found


def _until(hours: Sequence[datetime], at: datetime) -> int:
    number = bisect_right(hours, at)
    return int(hours[number - 1].timestamp() * 1e9) if number else 0
