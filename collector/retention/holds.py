"""What may not be removed, whatever the policy says: whoever keeps records says so."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol


class Holds(Protocol):
    """Asked before anything goes, and again while it goes. Whatever it raises stops the removal: nothing goes then."""

    def held(self, org: str, traces: Sequence[str]) -> AbstractSet[str]:
        """Which of an organisation's traces must stay, with all that belongs to them."""

    def everything(self, org: str) -> bool:
        """Whether all of an organisation must stay, metrics and sums too."""


class HoldsFailed(Exception):
    """Holds couldn't be asked, so nothing is removed."""


class NoHolds:
    """Nothing is held."""

    def held(self, org: str, traces: Sequence[str]) -> AbstractSet[str]:
        return frozenset()

    def everything(self, org: str) -> bool:
        return False
