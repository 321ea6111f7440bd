"""An identity provider's signing keys: asked for when they are needed, kept, and not asked for in floods."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from inventory.auth.errors import NotAuthenticated, ProviderDown

_FRESH: Final = 3600.0
"""Seconds after which keys are asked for again."""
_STALE: Final = 24 * 3600.0
"""Seconds for which they are still used when the provider doesn't answer."""
_PAUSE: Final = 10.0
"""Seconds between two requests at least, whatever keys tokens name and whatever comes back."""
_MOST_BYTES: Final = 1_000_000


class Keys:
    """Safe to share between threads: one asks, the others wait for its answer."""

    def __init__(self, issuer: str, http: httpx.Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._http = http
        self._clock = clock
        self._keys: Mapping[str, PyJWK] = {}
        self._read_at = -float("inf")
        self._asked_at = -float("inf")
        self._problem = ""
        self._lock = threading.Lock()

    def get(self, key_id: str) -> PyJWK:
        """Raises NotAuthenticated for a key that the provider doesn't have, ProviderDown when it can't be asked."""
        now = self._clock()
        if now - self._read_at < _FRESH and key_id in self._keys:
            return self._keys[key_id]
        with self._lock:
            now = self._clock()
            known = key_id in self._keys
            if not (known and now - self._read_at < _FRESH) and now - self._asked_at >= _PAUSE:
                self._ask(now)
            if key_id in self._keys and now - self._read_at < _STALE:
                return self._keys[key_id]
            if self._problem:
                raise ProviderDown(self._problem)
        raise NotAuthenticated("the token is signed with a key that the identity provider doesn't have", "unknown-key")

    def _ask(self, now: float) -> None:
        self._asked_at = now
        try:
            discovered = self._json(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if discovered.get("issuer") != self._issuer:
                raise ValueError(
                    "it says that it is another issuer: MUSTER_OIDC_ISSUER must be as it says, to the letter"
                )
            keys = PyJWKSet.from_dict(self._json(str(discovered["jwks_uri"])))
            self._keys = {key.key_id: key for key in keys.keys if key.key_id and key.public_key_use in (None, "sig")}
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._problem = f"the identity provider {self._issuer} can't be asked for its keys ({type(error).__name__})"
        except (ValueError, KeyError, TypeError, PyJWTError) as error:
            self._problem = f"the identity provider {self._issuer} gives no keys that can be used: {error}"
        else:
            self._read_at, self._problem = now, ""

    def _json(self, url: str) -> dict[str, Any]:
        response = self._http.get(url)
        response.raise_for_status()
        if len(response.content) > _MOST_BYTES:
            raise ValueError("its answer is too large")
        found = response.json()
        if not isinstance(found, dict):
            raise TypeError("its answer is no object")
        return found
