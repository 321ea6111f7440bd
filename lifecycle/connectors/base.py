"""What a connector is: it switches off, by plan, one kind of thing outside that an agent acts through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from inventory.db.models import Json
from lifecycle.conditions import Facts

Stage = Literal["disable", "revoke", "remove", "archive", "retire"]
Observed = Literal["applied", "not-applied", "unknown"]


class ConnectorError(Exception):
    """The target couldn't be asked or refused; the message is for people and holds no secret."""


class NotYet(ConnectorError):
    """It was begun, takes long, and goes on by itself: it is asked again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to one target. `plan`: all that it is done with, and the target's state that it was planned for:
    what is frozen and hashed. `by_hand`: nothing here can do it.
    """

    connector: str
    target: str
    what: str
    plan: Json
    reversible: bool = True
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether trying it showed that it is off, and how that was tried."""

    off: bool
    how: str


class Connector(Protocol):
    """Every method may raise ConnectorError. `key` names a step for good: the target may be sent the same one again."""

    name: str

    def describe(self) -> str:
        """What it acts on, for people."""

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        """What it would do, from what it finds now. Nothing is changed."""

    def recipe(self, org: str, step: Step) -> Json | None:
        """How the step is undone, asked for before it is done. None: it can't be."""

    def apply(self, org: str, step: Step, key: str) -> Json:
        """Do it; done already: nothing. What it says for the record."""

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        """Put back what was there before; done already: nothing."""

    def verify(self, org: str, step: Step) -> Verified:
        """Try what was switched off, and expect to be refused."""

    def observe(self, org: str, step: Step) -> Observed:
        """What is so at the target now, after a crash or to see drift."""


def detail(**values: Any) -> Json:
    """For a step's record."""
    return values
