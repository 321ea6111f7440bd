"""An agent's own ingest tokens: suspended when it is disabled, revoked later."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.auth.caller import Caller, Kind
from inventory.auth.ingest import accepted
from inventory.db.models import Json, Token
from inventory.registry import tokens
from inventory.registry.change import Asking, Change, Registry
from lifecycle.conditions import Facts
from lifecycle.connectors.base import ConnectorError, Observed, Stage, Step, Verified

ACTOR: Final = "muster:lifecycle"


class IngestTokens:
    """Tokens of this agent alone. One that several agents share is left, and said to be."""

    name = "ingest"

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def describe(self) -> str:
        return "the agent's own ingest tokens"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        if stage not in ("disable", "revoke"):
            return []
        with self._registry.reading() as session:
            rows = [
                row
                for row in session.scalars(
                    select(Token).where(Token.org == org, Token.revoked_at.is_(None), Token.kind != "person")
                )
                if agent.id in row.agents and row.expires_at > self._registry.now()
            ]
        steps: list[Step] = []
        for row in sorted(rows, key=lambda row: row.id):
            plan = {"token": row.id, "stage": stage}
            if row.agents != [agent.id]:
                shared = ", ".join(name for name in row.agents if name != agent.id)
                steps.append(Step(self.name, row.id, f"token {row.name} is shared with {shared}", plan, by_hand=True))
            elif stage == "disable":
                steps.append(Step(self.name, row.id, f"suspend ingest token {row.name}", plan))
            else:
                steps.append(Step(self.name, row.id, f"revoke ingest token {row.name}", plan, reversible=False))
        return steps

    def recipe(self, org: str, step: Step) -> Json | None:
        if not step.reversible:
            return None
        with self._registry.reading() as session:
            suspended = _token(session, org, step).suspended_at
        return {"suspended_at": suspended.isoformat() if suspended else None}

    def apply(self, org: str, step: Step, key: str) -> Json:
        with self._changing(org, key) as change:
            row = _token(change.session, org, step)
            if step.plan["stage"] == "revoke":
                tokens.revoke(change, row.id, f"agent retired ({key})")
            elif row.suspended_at is None:
                tokens.suspend(change, row, change.at)
        return {"token": step.target}

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        with self._changing(org, key) as change:
            row = _token(change.session, org, step)
            if recipe["suspended_at"] is None and row.suspended_at is not None:
                tokens.suspend(change, row, None)
        return {"token": step.target}

    def verify(self, org: str, step: Step) -> Verified:
        """A token's secret is kept nowhere: the question that the collector asks of each is asked for this one."""
        with self._registry.reading() as session:
            taken = accepted(session, self._registry.now(), step.target)
        return Verified(not taken, "the collector's list of tokens that may send does not hold it")

    def observe(self, org: str, step: Step) -> Observed:
        with self._registry.reading() as session:
            row = _token(session, org, step)
        off = row.revoked_at is not None or (step.plan["stage"] == "disable" and row.suspended_at is not None)
        return "applied" if off else "not-applied"

    def _changing(self, org: str, key: str) -> AbstractContextManager[Change]:
        return self._registry.changing(Asking(Caller(org, ACTOR, Kind.LOCAL), key))


def _token(session: Session, org: str, step: Step) -> Token:
    row = session.get(Token, step.target, populate_existing=True)
    if row is None or row.org != org:
        raise ConnectorError(f"token {step.target} is gone")
    return row
