"""Steps are done one by one: recipe first, then the deed, then a try that it holds. A crash between any two is mended
by asking the target what is so before anything is done again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from inventory.db import cases as db
from inventory.db.models import Json
from inventory.registry.change import Registry
from lifecycle import plans
from lifecycle.connectors.base import Connector, ConnectorError, NotYet, Step
from lifecycle.lease import Lease
from lifecycle.machine import HALTED
from lifecycle.plans import Connectors

log = logging.getLogger(__name__)
_UNDOABLE: Final = ("done", "doing", "failed", "undoing")


class Halted(Exception):
    """The kill switch: no further step is begun."""


@dataclass(frozen=True, slots=True)
class Done:
    """How far it got. `failed`: why it stopped; empty: all is done. `waits`: it goes on by itself."""

    steps: int
    failed: str = ""
    waits: bool = False


class Steps:
    """Does and undoes the frozen steps of cases. `between` is called at every point where a crash matters."""

    def __init__(
        self, registry: Registry, connectors: Connectors, between: Callable[[str], None] = lambda point: None
    ) -> None:
        self._registry = registry
        self._connectors = connectors
        self._between = between

    def do(self, org: str, case: str, stage: str, lease: Lease) -> Done:
        """All steps of a stage that aren't done. Raises Fenced or DatabaseError; what was done is known."""
        done = 0
        for row in self._rows(org, case, stage):
            if row.state in ("done", "by-hand"):
                continue
            step = plans.step_of(row)
            try:
                self._do(row, step, self._connectors.of(row), lease)
            except Halted:
                return Done(done, HALTED)
            except NotYet as error:
                return Done(done, f"{row.what}: {error}", waits=True)
            except ConnectorError as error:
                self._note(row, lease, state="failed", result={"error": str(error)})
                return Done(done, f"{row.what}: {error}")
            done += 1
        return Done(done)

    def undo(self, org: str, case: str, lease: Lease) -> Done:
        """All that was done or begun and can be taken back, the last one first."""
        done = 0
        for row in reversed(self._rows(org, case, None)):
            recipe = (row.undo or {}).get("recipe")
            if row.state not in _UNDOABLE or recipe is None:
                continue
            step = plans.step_of(row)
            try:
                connector = self._connectors.of(row)
                self._note(row, lease, state="undoing")
                self._between(f"undo-{row.number}-before")
                result = connector.undo(org, step, recipe, f"{row.key}-undo")
                self._between(f"undo-{row.number}-after")
                if connector.recipe(org, step) != recipe:
                    raise ConnectorError("it was put back, and isn't what it was before: look at the target")
            except ConnectorError as error:
                self._note(row, lease, state="undoing", result={**row.result, "error": str(error)})
                return Done(done, f"{row.what} can't be undone: {error}")
            self._note(row, lease, state="undone", result={**row.result, "undone": result})
            done += 1
        return Done(done)

    def _do(self, row: db.CaseStep, step: Step, connector: Connector, lease: Lease) -> None:
        again = row.undo is not None  # its recipe is kept: the deed may have been done
        if again:
            self._note(row, lease, state="doing")
        else:
            recipe = connector.recipe(row.org, step)
            self._between(f"{row.number}-recipe")
            self._note(row, lease, state="doing", undo=recipe, begun=True)
        self._between(f"{row.number}-before")
        if not again or connector.observe(row.org, step) != "applied":
            result = connector.apply(row.org, step, row.key)
        else:
            result = {"found": "it was done before"}
        self._between(f"{row.number}-after")
        verified = connector.verify(row.org, step)
        if not verified.off:
            raise ConnectorError(f"it was done, and still works ({verified.how})")
        self._note(row, lease, state="done", result={**result, "verified": verified.how}, ended=True)
        self._between(f"{row.number}-noted")

    def _note(
        self,
        row: db.CaseStep,
        lease: Lease,
        *,
        state: str,
        undo: Json | None = None,
        result: Json | None = None,
        begun: bool = False,
        ended: bool = False,
    ) -> None:
        with self._registry.database.writing() as session:
            lease.check(session)
            if state == "doing" and (switch := session.get(db.Switch, row.org)) and not switch.enforcement:
                raise Halted
            kept = session.get_one(db.CaseStep, (row.org, row.case, row.number), with_for_update=True)
            kept.state = state
            if begun:
                kept.undo = {"recipe": undo}
                kept.attempts, kept.started_at = kept.attempts + 1, self._registry.now()
            if result is not None:
                kept.result = result
            if ended:
                kept.done_at = self._registry.now()

    def _rows(self, org: str, case: str, stage: str | None) -> list[db.CaseStep]:
        with self._registry.reading() as session:
            return list(plans.rows(session, _case(session, org, case), stage))


def _case(session: Session, org: str, case: str) -> db.Case:
    return session.get_one(db.Case, (org, case))
