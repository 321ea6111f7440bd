"""The case machine: what happens next to a case, when, and what it waits for. Pure: it reads no clock and no database.

    candidate → noticed → reminded → final → disabled → credentials-revoked → triggers-removed → archived → retired

A case that ends otherwise is restored (its reason is gone), attested (somebody answered for the agent) or exempt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from inventory.contract.lifecycle import Action, CaseState, PolicySpec, Schedule

TERMINAL: Final[frozenset[CaseState]] = frozenset({"retired", "restored", "attested", "exempt"})
WARNING: Final[tuple[CaseState, ...]] = ("candidate", "noticed", "reminded", "final")
"""Nothing was done to the agent yet."""
OFF: Final[tuple[CaseState, ...]] = ("disabled", "credentials-revoked", "triggers-removed", "archived")
"""The agent is off; of these only `disabled` is undone in one step."""
LEADS_TO: Final[Mapping[Action, CaseState]] = {
    "open": "candidate",
    "notice": "noticed",
    "remind": "reminded",
    "final": "final",
    "disable": "disabled",
    "revoke": "credentials-revoked",
    "remove": "triggers-removed",
    "archive": "archived",
    "retire": "retired",
    "restore": "restored",
}
ENFORCING: Final[frozenset[Action]] = frozenset({"disable", "revoke", "remove", "archive", "retire"})
"""What changes something outside, and stops with the kill switch."""
HALTED: Final = "enforcement is switched off"
UNDO: Final = "undo"
"""What a case is locked by while it is given back."""
TELLING: Final[frozenset[Action]] = frozenset({"notice", "remind", "final"})
NEEDS_TWO: Final[Mapping[Action, str]] = {"revoke": "revoke", "archive": "archive"}
"""Actions that were asked for by one person and approved by another."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether the reason holds, and since when: hours in which nothing could be seen are left out of `since`.

    `doubt`: why a person must look before anything is done. `extra_days`: by how much every stage is later.
    """

    holds: bool
    since: datetime
    doubt: str = ""
    extra_days: float = 0.0

    def days(self, now: datetime) -> float:
        """How long it has held."""
        return max(0.0, (now - self.since).total_seconds() / 86_400)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the notices of a stage. `delivered_at`: when the first one was; `bounced`: all were returned."""

    queued_at: datetime
    delivered_at: datetime | None = None
    bounced: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A case as the machine sees it. `told`: by stage, of its newest round."""

    state: CaseState
    entered_at: datetime
    reminders: int = 0
    told: Mapping[Action, Told] = field(default_factory=dict)
    snoozed_until: datetime | None = None
    disabled_at: datetime | None = None
    ordered: bool = False
    approved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Next:
    """What comes. `blocked`: what it waits for beside the time; `at`: from when on; None: nothing comes any more."""

    action: Action | None
    at: datetime | None
    blocked: str = ""

    def due(self, now: datetime) -> bool:
        return self.action is not None and self.at is not None and self.at <= now and not self.blocked


def opens_at(schedule: Schedule, condition: Condition) -> datetime:
    """When a case is opened, if the condition holds until then."""
    return condition.since + timedelta(days=schedule.candidate + condition.extra_days)


def upcoming(policy: PolicySpec, case: Standing, condition: Condition) -> Next:
    """The next action of an open case."""
    if case.state in TERMINAL:
        return Next(None, None)
    if case.state in WARNING:
        return _warning(policy, case, condition)
    return _off(policy, case)


def _warning(policy: PolicySpec, case: Standing, condition: Condition) -> Next:
    if not condition.holds:
        return Next("restore", case.entered_at)
    if case.snoozed_until is not None:
        return Next("wake", case.snoozed_until)
    if case.ordered:
        return Next("disable", case.entered_at)
    if case.state == "candidate":
        return _blocked("notice", _at(condition, policy.schedule.notice), policy, condition)
    told = case.told.get(_last_telling(case))
    schedule = policy.schedule
    action, threshold, before = _following(schedule, case)
    at = _at(condition, threshold)
    if told is None or told.delivered_at is None:
        waits = "every notice came back: somebody must find out who answers" if told and told.bounced else ""
        return _blocked(action, at, policy, condition, waits or "the notice before isn't delivered yet")
    # Whoever is told has the whole time between two stages, however late the word came.
    at = max(at, told.delivered_at + timedelta(days=threshold - before))
    first = case.told.get("notice")
    if action == "disable":
        if first is None or first.delivered_at is None:
            return _blocked(action, at, policy, condition, "the first notice isn't delivered yet")
        at = max(at, first.delivered_at + timedelta(days=schedule.disable - schedule.notice))
    return _blocked(action, at, policy, condition)


def _off(policy: PolicySpec, case: Standing) -> Next:
    if case.state == "disabled":
        assert case.disabled_at is not None
        return _two("revoke", case.disabled_at + timedelta(days=policy.schedule.review), case)
    if case.state == "credentials-revoked":
        return Next("remove", case.entered_at)
    if case.state == "triggers-removed":
        return _two("archive", case.entered_at, case)
    return Next("retire", case.entered_at)


def _two(action: Action, at: datetime, case: Standing) -> Next:
    needed = NEEDS_TWO[action]
    return Next(action, at, "" if needed in case.approved else "two people must want it: one asks, another approves")


def _following(schedule: Schedule, case: Standing) -> tuple[Action, int, int]:
    """The stage after this one, its threshold, and that of this one."""
    reminders = schedule.reminders
    if case.state == "final":
        return "disable", schedule.disable, schedule.final
    done = min(case.reminders, len(reminders))
    before = reminders[done - 1] if done else schedule.notice
    if done < len(reminders):
        return "remind", reminders[done], before
    return "final", schedule.final, before


def _last_telling(case: Standing) -> Action:
    if case.state == "final":
        return "final"
    return "remind" if case.reminders else "notice"


def _at(condition: Condition, threshold: int) -> datetime:
    return condition.since + timedelta(days=threshold + condition.extra_days)


def _blocked(action: Action, at: datetime, policy: PolicySpec, condition: Condition, waits: str = "") -> Next:
    if not policy.enforced:
        return Next(action, at, "the policy only watches: it isn't enforced")
    return Next(action, at, condition.doubt or waits)


def after_snooze(state: CaseState) -> CaseState:
    """Whoever snoozed the last warning is warned once more before anything is done."""
    return "reminded" if state == "final" else state
