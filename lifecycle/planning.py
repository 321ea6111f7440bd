"""What a run would do: each agent against each policy, and the rails that hold for the run as a whole. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inventory.contract.lifecycle import Planned
from inventory.db import cases as db
from lifecycle import conditions
from lifecycle.conditions import Facts, Found
from lifecycle.looking import Held, Look
from lifecycle.machine import ENFORCING, HALTED, OFF, WARNING, Next, Standing, opens_at, upcoming

ARCHIVE = "archive"
"""The connector that keeps an agent's artefacts by the records policy; without one no agent is retired."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What comes for an agent under a policy. `case`: the open one; None: there is none yet."""

    agent: Facts
    held: Held
    found: Found
    coming: Next
    case: db.Case | None

    @property
    def reason(self) -> str:
        return self.held.spec.reason

    def wire(self, now: datetime) -> Planned:
        return Planned(
            agent=self.agent.id, reason=self.held.spec.reason, policy=self.held.id, action=self.coming.action,
            due_at=self.coming.at, now=self.coming.due(now), blocked=self.coming.blocked,
            days=round(self.found.condition.days(now), 2), since=self.found.condition.since,
        )  # fmt: skip


def intents(look: Look, able: Collection[str]) -> Iterator[Intent]:
    """Of every agent that a policy says something about now, by policy and agent. Cases go by the policy that opened
    them, as it is now; what a policy leaves alone has no case. `able`: names of the connectors that there are.
    """
    for held in look.policies.values():
        for agent in look.agents.values():
            known = look.cases.get((agent.id, held.spec.reason))
            if known is not None and known[0].policy == held.id:
                yield _of_case(look, held, agent, *known, able)
            elif known is None and agent.state == "active":
                fresh = _fresh(look, held, agent)
                if fresh is not None:
                    yield fresh


def stopped(look: Look, planned: Sequence[Intent]) -> str:
    """Why a run does nothing that changes anything outside: the caps, checked before its first action."""
    for held in look.policies.values():
        disabling = [
            one for one in planned
            if one.held.id == held.id and one.coming.action == "disable" and one.coming.due(look.at)
            and not (one.case is not None and (one.case.ordered or one.case.locked))
        ]  # fmt: skip
        active = sum(agent.state == "active" for agent in look.agents.values())
        caps = held.spec.caps
        most = min(caps.agents, max(1, int(active * caps.percent / 100)))
        if len(disabling) > most:
            return (
                f"{held.id} would disable {len(disabling)} of {active} agents in one run; it may {most} "
                f"({caps.agents}, or {caps.percent:g} %): nothing is done until somebody has looked"
            )
    return ""


def _fresh(look: Look, held: Held, agent: Facts) -> Intent | None:
    """A case that should be opened, now or later."""
    if held.spec.reason == "violation" or conditions.excluded(held.spec, agent):
        return None
    if look.cleared(agent.id, held.spec.reason):
        return None
    found = look.found(held, agent)
    if not found.condition.holds:
        return None
    coming = Next("open", opens_at(held.spec.schedule, found.condition), look.stale(held.spec))
    return Intent(agent, held, found, coming, None)


def _of_case(look: Look, held: Held, agent: Facts, case: db.Case, standing: Standing, able: Collection[str]) -> Intent:
    found = look.found(held, agent)
    condition = found.condition
    gone = _gone(look, held, agent, case)
    if gone and standing.state in WARNING and case.locked is None:
        condition = replace(condition, holds=False)
        found = Found(condition, {**found.evidence, "no_longer": gone})
    coming = upcoming(held.spec, standing, condition)
    if standing.state in OFF and agent.state == "active" and case.locked is None:
        # Somebody made it active by hand: what was switched off is given back.
        coming = Next("restore", standing.entered_at)
    if standing.state in WARNING and agent.state == "disabled" and case.locked is None and coming.action != "restore":
        # Whoever gave back one of two would undo the other's as well.
        coming = replace(coming, blocked="it is disabled already, by another case")
    if coming.action in ("open", "notice", "remind", "final", "disable") and not coming.blocked and not case.ordered:
        coming = replace(coming, blocked=look.stale(held.spec))
    if coming.action == "remove" and case.held:
        coming = replace(coming, blocked="a legal hold is on it: triggers are off, and stay, but nothing is deleted")
    if coming.action == "archive" and ARCHIVE not in able:
        coming = replace(coming, blocked="nothing is set up that archives: its triggers are gone, and nothing else is")
    if coming.action in ENFORCING and not coming.blocked and not look.enforcement:
        coming = replace(coming, blocked=HALTED)
    return Intent(agent, held, found, coming, case)


def _gone(look: Look, held: Held, agent: Facts, case: db.Case) -> str:
    """Why the case is pointless, whatever the condition says."""
    if agent.state == "retired":
        return "the agent was retired"
    if agent.state == "draft":
        return "the agent is a draft again"
    return conditions.excluded(held.spec, agent)
