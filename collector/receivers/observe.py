"""What receivers report about each request; the collector's own metrics listen here."""

from __future__ import annotations

from typing import Protocol

from collector.signals import Signal


class Observer(Protocol):
    """Called once per export request, after its answer is decided.

    `transport` is "http" or "grpc". `outcome` is one of accepted, partial, absorbed, malformed, too_large,
    unsupported, unauthenticated, forbidden, overloaded, unavailable. `bytes_in` counts the body as received,
    before decompression; it is what was read so far when a request is refused early. Must be quick and must
    not raise.
    """

    def request(self, transport: str, signal: Signal, outcome: str, seconds: float, bytes_in: int) -> None: ...


class Unobserved:
    """Listens to nothing."""

    def request(self, transport: str, signal: Signal, outcome: str, seconds: float, bytes_in: int) -> None:
        pass
