"""What a target is: it keeps packages' files under keys, once each, and can lock them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Protocol

Mode = Literal["compliance", "governance", "none"]
CHUNK: Final = 1024 * 1024


class TargetError(Exception):
    """The target can't do what it should; the message says what to do. `passing`: it may be over soon by itself."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class Different(TargetError):
    """There is something else under a key: it is left as it is."""


class Absent(TargetError):
    """There is nothing under a key."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Until when an object can't be removed. `until` None: it isn't locked."""

    mode: Mode
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A file at the target. `key` is relative to the target."""

    key: str
    bytes: int


class Target(Protocol):
    """Every method may raise TargetError. Keys are relative, with `/` between their parts."""

    url: str
    """For people, and for the record: where it is."""

    def check(self, mode: Mode) -> None:
        """Whether packages can be written and locked there, before any is begun."""

    def staging(self, free: Path) -> Path:
        """The directory in which files are made: the target's own, where that spares a copy, or `free`."""

    def put(self, key: str, path: Path, sha256: str, upload: str, note: Callable[[str], None]) -> str:
        """Keep a file; its version. What is there already, and the same, is left.

        `upload`: what an earlier try noted, to go on with; `note` keeps what the next would need. Raises Different.
        """

    def read(self, key: str, version: str = "") -> Iterator[bytes]:
        """The content, in pieces. Raises Absent."""

    def keys(self, prefix: str) -> Iterator[Listed]:
        """All below a prefix, in order."""

    def lock(self, key: str, version: str, mode: Mode, until: datetime) -> Lock:
        """Lock it for at least so long: an existing lock is never made shorter or weaker. What holds now."""

    def locked(self, key: str, version: str) -> Lock: ...

    def hold(self, key: str, version: str, on: bool) -> None:
        """Legal hold, beside the lock."""

    def held(self, key: str, version: str) -> bool: ...

    def remove(self, key: str, version: str) -> None:
        """For good: this version, not a marker over it. Gone already: nothing."""
