"""How often one caller may ask, and how often one address may guess."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_MOST = 10_000


class TooOften(Exception):
    """`wait`: seconds until it is worth trying again."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"try again in {wait:.0f} s")
        self.wait = wait


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Limiter:
    """A bucket of tokens for each caller, that refills: `rate` requests a second, `burst` at once.

    Wrong credentials have a bucket for each address, which right ones don't touch.
    """

    def __init__(
        self,
        rate: float = 50,
        burst: float = 300,
        *,
        guesses: float = 30,
        guess_rate: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst = rate, burst
        self._guess_rate, self._guesses = guess_rate, guesses
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, actor: str) -> None:
        """Raises TooOften."""
        self._spend(("caller", actor), self._rate, self._burst, 1)

    def guess(self, address: str) -> None:
        """Before credentials are looked at. Raises TooOften."""
        self._spend(("guess", address), self._guess_rate, self._guesses, 0)

    def failed(self, address: str) -> None:
        """They were wrong."""
        try:
            self._spend(("guess", address), self._guess_rate, self._guesses, 1)
        except TooOften:
            return  # the next one hears it

    def _spend(self, key: tuple[str, str], rate: float, burst: float, cost: float) -> None:
        now = self._clock()
        with self._lock:
            if len(self._buckets) >= _MOST:
                self._buckets = {at: one for at, one in self._buckets.items() if now - one.at < 60}
            bucket = self._buckets.setdefault(key, _Bucket(burst, now))
            bucket.left = min(burst, bucket.left + (now - bucket.at) * rate)
            bucket.at = now
            if bucket.left < max(cost, 1):
                raise TooOften((1 - bucket.left) / rate)
            bucket.left -= cost
