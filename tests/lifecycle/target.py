"""A system outside, that keeps its state and counts what is done to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from inventory.db.models import Json
from lifecycle.conditions import Facts
from lifecycle.connectors.base import ConnectorError, Observed, Stage, Step, Verified


class Shelf:
    """Keeps what is archived, and is asked for it again."""

    name = "archive"

    def __init__(self) -> None:
        self.kept: list[str] = []

    def describe(self) -> str:
        return "a shelf"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        if stage != "archive":
            return []
        return [Step(self.name, agent.id, f"archive {agent.id}", {"agent": agent.id}, reversible=False)]

    def recipe(self, org: str, step: Step) -> Json | None:
        return None

    def apply(self, org: str, step: Step, key: str) -> Json:
        self.kept.append(f"{org}/{step.target}")
        return {"kept": step.target}

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        raise ConnectorError("what is archived stays")

    def verify(self, org: str, step: Step) -> Verified:
        return Verified(f"{org}/{step.target}" in self.kept, "it was read again")

    def observe(self, org: str, step: Step) -> Observed:
        return "applied" if f"{org}/{step.target}" in self.kept else "not-applied"


class Target:
    """Switches by name, on or off. `broken`: what can't be done; `drift`: a part of every plan."""

    name = "target"

    def __init__(self, *switches: str) -> None:
        self.on = dict.fromkeys(switches, True)
        self.done = Counter[str]()
        self.broken: set[str] = set()
        self.drift = ""
        self.still_works: set[str] = set()

    def describe(self) -> str:
        return "switches"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        if stage not in ("disable", "remove"):
            return []
        return [
            Step(self.name, one, f"switch {one} off", {"switch": one, "stage": stage, "drift": self.drift})
            for one in self.on
        ]

    def recipe(self, org: str, step: Step) -> Json | None:
        return {"on": self.on[step.target]}

    def apply(self, org: str, step: Step, key: str) -> Json:
        if step.target in self.broken:
            raise ConnectorError(f"{step.target} is stuck")
        self.on[step.target] = False
        self.done[f"off {step.target}"] += 1
        return {"key": key}

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        if step.target in self.broken:
            raise ConnectorError(f"{step.target} is stuck")
        self.on[step.target] = recipe["on"]
        self.done[f"on {step.target}"] += 1
        return {}

    def verify(self, org: str, step: Step) -> Verified:
        return Verified(step.target not in self.still_works and not self.on[step.target], "it was tried")

    def observe(self, org: str, step: Step) -> Observed:
        return "not-applied" if self.on[step.target] else "applied"
