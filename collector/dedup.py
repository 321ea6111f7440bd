"""Which requests were taken in lately, so that the same one sent again is absorbed."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from collector.signals import Export

_BUCKETS = 10


def digest(export: Export) -> bytes:
    """16 bytes that tell a sender's request from every other: the signal, the identity, the exact body."""
    head = "\0".join((export.signal, export.encoding, export.principal.org, export.principal.identity, ""))
    sha = hashlib.sha256(head.encode())
    sha.update(export.body)
    return sha.digest()[:16]


class Window:
    """Digests of the last `seconds`, forgotten a tenth of a window at a time.

    Time is monotonic: a clock that jumps forgets nothing early. Digests read back after a restart count from then.
    """

    def __init__(self, seconds: float, known: Iterable[bytes] = (), clock: Callable[[], float] = monotonic) -> None:
        self._span = seconds / _BUCKETS
        self._clock = clock
        self._buckets: deque[set[bytes]] = deque([set(known)])
        self._turned = clock()

    def __contains__(self, item: bytes) -> bool:
        return any(item in bucket for bucket in self._buckets)

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def add(self, item: bytes) -> None:
        self._buckets[-1].add(item)

    def turn(self) -> bool:
        """Start a new bucket when it is time, and forget those that are a whole window old; whether it did."""
        now = self._clock()
        if now - self._turned < self._span:
            return False
        # A bucket is kept for a window after it was closed, so nothing goes early.
        self._turned = now
        self._buckets.append(set())
        while len(self._buckets) > _BUCKETS + 2:
            self._buckets.popleft()
        return True
