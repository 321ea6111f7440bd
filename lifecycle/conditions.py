"""Whether a reason holds for an agent, since when, and what speaks for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final

from collector.store.dormancy import Heartbeat, LastActivity
from inventory.contract.lifecycle import CaseReason, PolicySpec
from inventory.db.models import Agent, Json
from lifecycle.machine import Condition

_MOST_GAPS: Final = 10


@dataclass(frozen=True, slots=True)
class Facts:
    """An agent as the registry has it."""

    id: str
    name: str
    state: str
    owner: str | None
    backup_owner: str | None
    team: str | None
    classification: str
    high_impact: bool
    created_at: datetime
    updated_at: datetime
    document: Json

    COLUMNS: ClassVar = (
        "id", "name", "state", "owner", "backup_owner", "team", "classification", "high_impact", "created_at",
        "updated_at", "document",
    )  # fmt: skip

    @classmethod
    def of(cls, row: Agent) -> Facts:
        return cls(*(getattr(row, name) for name in cls.COLUMNS))

    @property
    def tags(self) -> Sequence[str]:
        return list(self.document.get("tags", ()))

    @property
    def interval_hours(self) -> int | None:
        hours: int | None = self.document.get("expected_interval_hours")
        return hours

    @property
    def end_date(self) -> date | None:
        given = self.document.get("end_date")
        return None if given is None else date.fromisoformat(given)


@dataclass(frozen=True, slots=True)
class Cleared:
    """Until when somebody answers for it. `kind`: attested, exempt, or interval."""

    kind: str
    until: datetime
    by: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Signals:
    """All that is known of an agent's activity. `beats`: of the pipeline and, where it names one, of its own source."""

    telemetry: LastActivity | None = None
    token_used: datetime | None = None
    reported: tuple[str, datetime] | None = None
    beats: Sequence[Heartbeat] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A condition with its evidence, as JSON."""

    condition: Condition
    evidence: dict[str, Any] = field(default_factory=dict)


def excluded(policy: PolicySpec, agent: Facts) -> str:
    """Why the policy leaves an agent alone; empty: it doesn't."""
    exclude = policy.exclude
    if agent.id in exclude.agents:
        return "the policy names it as excluded"
    if tags := sorted(set(agent.tags) & set(exclude.tags)):
        return f"the policy leaves agents tagged {', '.join(tags)} alone"
    if agent.classification in exclude.classifications:
        return f"the policy leaves {agent.classification} agents alone"
    if exclude.high_impact and agent.high_impact:
        return "the policy leaves high-impact agents alone"
    return ""


def idle(policy: PolicySpec, agent: Facts, signals: Signals, intervals: Cleared | None, now: datetime) -> Found:
    """Whether it did nothing for so long. What can't be known counts for the agent, and goes to a person."""
    latest = _latest(signals)
    began = max((at for _, at in latest), default=agent.created_at)
    signal = next((name for name, at in latest if at == began), "none since it was registered")
    if agent.created_at > began:
        began, signal = agent.created_at, "none since it was registered"
    beats = _darkest(signals.beats, began, now)
    blind = beats.blind(began, now)
    extra, doubt = _interval(policy, agent, intervals)
    unvouched = _moment(signals.telemetry.unvouched_ns) if signals.telemetry else None
    since = began + blind
    if unvouched is not None and unvouched > began:
        if (now - unvouched).total_seconds() < policy.schedule.candidate * 86_400:
            doubt = "there was activity whose sender nobody verified: somebody must look whose it is"
        else:
            since = max(since, min(unvouched, now))
    threshold = timedelta(days=policy.schedule.candidate + extra)
    evidence: dict[str, Any] = {
        "last_activity": began.isoformat(),
        "signal": signal,
        "blind_hours": round(blind.total_seconds() / 3600, 1),
        "gaps": [
            [start.isoformat(), end.isoformat()] for start, end in beats.gaps(began, now)[-_MOST_GAPS:]
        ] if blind else [],
        "telemetry_whole_until": beats.last.isoformat() if beats.last else None,
    }  # fmt: skip
    if unvouched is not None:
        evidence["last_unvouched_activity"] = unvouched.isoformat()
    if agent.interval_hours:
        evidence["expected_interval_hours"] = agent.interval_hours
    return Found(Condition(now - since >= threshold, since, doubt, extra), evidence)


def ownerless(agent: Facts, active: Mapping[str, bool], unreachable: frozenset[str], since: datetime) -> Found:
    """Whether nobody is left to ask. `active`: the people that are known."""
    said = {
        role: "nobody" if who is None
        else f"{who} is no longer here" if not active.get(who)
        else f"{who} can't be reached" if who in unreachable
        else ""
        for role, who in (("owner", agent.owner), ("backup owner", agent.backup_owner))
    }  # fmt: skip
    return Found(Condition(all(said.values()), since), said)


def expired(policy: PolicySpec, agent: Facts, attested: datetime | None, now: datetime) -> Found:
    """Whether its end has passed: its own date, or the time for which somebody's word holds."""
    ends: dict[str, datetime] = {}
    if agent.end_date is not None:
        ends["end_date"] = datetime.combine(agent.end_date + timedelta(days=1), time(), UTC)
    if policy.attest_every_days is not None:
        ends["attested_until"] = (attested or agent.created_at) + timedelta(days=policy.attest_every_days)
    over = {name: at for name, at in ends.items() if at <= now and (attested is None or attested < at)}
    since = min(over.values(), default=now)
    said = {"end_date": agent.document.get("end_date")} if "end_date" in over else {}
    if "attested_until" in over:
        said["attested_until"] = over["attested_until"].date().isoformat()
    return Found(Condition(bool(over), since), said)


def cleared(clearance: Cleared | None, reason: CaseReason, now: datetime) -> str:
    """Why no case is opened for this reason now; empty: nothing speaks against it."""
    if clearance is None or clearance.until <= now:
        return ""
    word = "is exempt" if clearance.kind == "exempt" else "was attested"
    return f"it {word} ({reason}) until {clearance.until:%Y-%m-%d}, by {clearance.by}"


def _latest(signals: Signals) -> list[tuple[str, datetime]]:
    """Moments of activity by what tells of them."""
    found: list[tuple[str, datetime]] = []
    if signals.telemetry is not None:
        spans, tools = _moment(signals.telemetry.vouched_ns), _moment(signals.telemetry.tools_ns)
        if tools is not None and tools == spans:
            found.append(("tool call", tools))
        elif spans is not None:
            found.append(("span", spans))
    if signals.token_used is not None:
        found.append(("ingest token used", signals.token_used))
    if signals.reported is not None:
        found.append((f"reported by {signals.reported[0]}", signals.reported[1]))
    return found


def _interval(policy: PolicySpec, agent: Facts, approved: Cleared | None) -> tuple[float, str]:
    """By how many days all stages are later, since it runs seldom; and why a person must look."""
    hours = agent.interval_hours
    if not hours:
        return 0.0, ""
    extra = max(0.0, 2 * hours / 24 - policy.schedule.candidate)
    if extra and hours > policy.activity.interval_hours and approved is None:
        return 0.0, f"it says that it runs every {hours} hours, which a second person must approve first"
    return extra, ""


def _darkest(beats: Sequence[Heartbeat], since: datetime, now: datetime) -> Heartbeat:
    """The hours that every source was heard in."""
    if not beats:
        return Heartbeat((), None)
    if len(beats) == 1:
        return beats[0]
    common = sorted(set(beats[0].hours).intersection(*(beat.hours for beat in beats[1:])))
    lasts = [beat.last for beat in beats]
    return Heartbeat(common, None if None in lasts else min(last for last in lasts if last is not None))


def _moment(ns: int) -> datetime | None:
    return datetime.fromtimestamp(ns / 1e9, UTC) if ns else None
