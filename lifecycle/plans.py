"""Frozen plans: what exactly will be done to an agent, agreed on before, and done as agreed or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from inventory.canonical import canonical, sha256
from inventory.db import cases as db
from lifecycle.conditions import Facts
from lifecycle.connectors.base import Connector, ConnectorError, Stage, Step

HANDLED: Final[Mapping[str, str]] = {
    "iam-user": "aws_iam",
    "iam-role": "aws_iam",
    "rule": "aws_triggers",
    "schedule": "aws_triggers",
    "event-source": "aws_triggers",
    "scim": "scim",
    "webhook": "webhook",
}
"""Which connector acts on which kind of binding."""


class Connectors:
    """Those that this installation has, in the order in which they act."""

    def __init__(self, *connectors: Connector) -> None:
        self._known = {one.name: one for one in connectors}

    def __iter__(self) -> Iterator[Connector]:
        return iter(self._known.values())

    @property
    def names(self) -> Collection[str]:
        return self._known.keys()

    def of(self, step: db.CaseStep) -> Connector:
        """Raises ConnectorError when it isn't set up here any more."""
        if step.connector not in self._known:
            raise ConnectorError(f"connector {step.connector} is not set up here: set it up again, its plan waits")
        return self._known[step.connector]

    def plan(self, org: str, agent: Facts, stages: Sequence[Stage]) -> list[tuple[Stage, Step]]:
        """Every step of these stages, as the targets are now. Raises ConnectorError."""
        steps = [
            (stage, step)
            for stage in stages
            for connector in self._known.values()
            for step in connector.plan(org, agent, stage)
        ]
        return steps + [(stages[0], step) for step in self._by_hand(agent)]

    def _by_hand(self, agent: Facts) -> list[Step]:
        """Bindings that nothing here acts on: people are told, so that nobody believes that they are off."""
        return [
            Step("none", binding["ref"], f"{binding['ref']} ({binding['kind']})", binding, by_hand=True)
            for binding in agent.document.get("bindings", ())
            if HANDLED.get(binding["kind"]) not in self._known
        ]


def digest(steps: Iterable[tuple[str, Step]]) -> str:
    """Of what would be done; the same plan has the same digest."""
    return sha256(canonical([[stage, asdict(step)] for stage, step in steps]))


def freeze(session: Session, case: db.Case, steps: Sequence[tuple[str, Step]]) -> str:
    """Keep the plan of the stages that come; what was planned before and not begun is forgotten. Its digest."""
    mine = (db.CaseStep.org == case.org, db.CaseStep.case == case.id)
    session.execute(delete(db.CaseStep).where(*mine, db.CaseStep.state.in_(("planned", "by-hand"))))
    last = session.scalar(select(func.max(db.CaseStep.number)).where(*mine)) or 0
    for number, (stage, step) in enumerate(steps, last + 1):
        session.add(
            db.CaseStep(
                org=case.org, case=case.id, number=number, stage=stage, connector=step.connector, target=step.target,
                what=step.what, plan={"plan": step.plan, "reversible": step.reversible}, undo=None,
                key=f"{case.id}-{number}", state="by-hand" if step.by_hand else "planned", result={}, attempts=0,
                started_at=None, done_at=None,
            )
        )  # fmt: skip
    case.plan_hash = digest(steps)
    session.flush()
    return case.plan_hash


def step_of(row: db.CaseStep) -> Step:
    return Step(
        row.connector, row.target, row.what, row.plan["plan"], row.plan["reversible"], by_hand=row.state == "by-hand"
    )


def rows(session: Session, case: db.Case, stage: str | None = None) -> Sequence[db.CaseStep]:
    """Steps of a case in their order, of one stage or of all."""
    asked = select(db.CaseStep).where(db.CaseStep.org == case.org, db.CaseStep.case == case.id)
    if stage is not None:
        asked = asked.where(db.CaseStep.stage == stage)
    return session.scalars(asked.order_by(db.CaseStep.number).execution_options(populate_existing=True)).all()


def told(steps: Iterable[db.CaseStep]) -> list[dict[str, Any]]:
    """For notices: what will be done, and whether it can be taken back."""
    return [
        {
            "stage": step.stage,
            "what": step.what,
            "reversible": step.plan["reversible"],
            "by_hand": step.state == "by-hand",
        }
        for step in steps
    ]
