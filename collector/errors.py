"""What can go wrong, split once into permanent and retryable.

    CollectorError
    ├── Permanent                 the same request can never succeed
    │   ├── Malformed             the body is not the OTLP it says it is
    │   ├── TooLarge              over a size limit, before or after decompression
    │   ├── UnsupportedMedia      content type or content encoding nobody here reads
    │   ├── Unauthenticated       no credentials, or credentials that don't verify
    │   └── Forbidden             verified, but may not send this
    └── Retryable                 the same request may succeed after `retry_after`
        ├── Overloaded            too much is in flight: slow down
        └── Unavailable           the spool can't take it now: full, disk error, shutting down

Messages are for the sender: they name the field and the remedy and never quote content.
`receivers/status.py` is the one place that maps these to HTTP and gRPC codes.
"""

from __future__ import annotations


class CollectorError(Exception):
    """Base of everything a receiver answers with."""


class Permanent(CollectorError):
    pass


class Malformed(Permanent):
    pass


class TooLarge(Permanent):
    pass


class UnsupportedMedia(Permanent):
    pass


class Unauthenticated(Permanent):
    pass


class Forbidden(Permanent):
    pass


class Retryable(CollectorError):
    """`retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(Retryable):
    pass


class Unavailable(Retryable):
    pass
