"""Why somebody isn't let in."""

from __future__ import annotations


class AuthError(Exception):
    """Base. `str()` is for people, and holds nothing of a credential."""


class NotAuthenticated(AuthError):
    """Who asks is not known (401). `reason` is one word for programs."""

    def __init__(self, message: str, reason: str = "unknown") -> None:
        super().__init__(message)
        self.reason = reason


class ProviderDown(AuthError):
    """The identity provider's keys can't be had (503)."""
