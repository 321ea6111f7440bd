"""Webhooks: for everything that has no connector of its own. A CloudEvent is posted, signed, and answered for.

    POST <url>                                 content-type: application/cloudevents+json
    webhook-timestamp: 1772417647              seconds; refuse what is older than five minutes
    webhook-signature: v1,<base64 of HMAC-SHA256 over "<id>.<timestamp>.<body>">      (Standard Webhooks)

The receiver answers 2xx when it is done, or 202 and says so later; `GET` is never sent. It may be sent the same `id`
again, and then does nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import httpx
from pydantic import SecretStr

from inventory.db.models import Json
from lifecycle.conditions import Facts
from lifecycle.connectors.base import ConnectorError, Observed, Stage, Step, Verified

_WORDS: Final = {
    "disable": "disabled", "revoke": "credentials-revoked", "remove": "triggers-removed", "archive": "archived",
    "retire": "retired",
}  # fmt: skip
_TRIES: Final = 4


class Webhooks:
    """Tells the URLs of an agent's webhook bindings. `secret` signs; without one nothing is told."""

    name = "webhook"

    def __init__(
        self,
        secret: SecretStr,
        *,
        source: str = "urn:muster",
        timeout: float = 10.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._secret = secret
        self._source = source
        self._timeout = timeout
        self._wait = wait

    def __repr__(self) -> str:
        return f"Webhooks(source={self._source!r})"

    def describe(self) -> str:
        return "systems that are told by a signed webhook"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        return [
            Step(
                self.name, binding["ref"], f"tell {_host(binding['ref'])} that it is {_WORDS[stage].replace('-', ' ')}",
                {
                    "url": binding["ref"], "agent": agent.id, "stage": stage, "org": org,
                    "references": agent.document.get("references", []),
                }, reversible=stage == "disable",
            )
            for binding in agent.document.get("bindings", ())
            if binding["kind"] == "webhook"
        ]  # fmt: skip

    def recipe(self, org: str, step: Step) -> Json | None:
        return {"type": "enabled"} if step.reversible else None

    def apply(self, org: str, step: Step, key: str) -> Json:
        return self._tell(step, _WORDS[step.plan["stage"]], key)

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        return self._tell(step, "enabled", key)

    def verify(self, org: str, step: Step) -> Verified:
        """It can't be tried from here: the receiver's word is what there is, and the record says so."""
        return Verified(True, "the receiver confirmed it; it can't be tried from here")

    def observe(self, org: str, step: Step) -> Observed:
        """Nobody can be asked: it is told again, with the same id."""
        return "unknown"

    def _tell(self, step: Step, word: str, key: str) -> Json:
        event = {
            "specversion": "1.0", "id": key, "source": self._source, "type": f"dev.muster.agent.{word}",
            "subject": step.plan["agent"], "datacontenttype": "application/json",
            "data": {name: step.plan[name] for name in ("agent", "org", "references")} | {"state": word},
        }  # fmt: skip
        body = json.dumps(event, separators=(",", ":"), sort_keys=True)
        failed = ""
        for attempt in range(_TRIES):
            if attempt:
                self._wait(2.0 ** (attempt - 1))
            try:
                answered = httpx.post(
                    step.plan["url"], content=body, headers=self._signed(key, body), timeout=self._timeout
                )
            except httpx.HTTPError as error:
                failed = f"{_host(step.target)} can't be reached ({type(error).__name__})"
                continue
            if answered.status_code // 100 == 2:
                return {"status": answered.status_code, "id": key, "at": datetime.now(UTC).isoformat()}
            failed = f"{_host(step.target)} answered {answered.status_code}"
            if answered.status_code // 100 == 4 and answered.status_code not in (408, 425, 429):
                break
        raise ConnectorError(failed)

    def _signed(self, key: str, body: str) -> dict[str, str]:
        at = str(int(time.time()))
        return {
            "content-type": "application/cloudevents+json",
            "webhook-id": key,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{signature(self._secret, key, at, body)}",
        }


def signature(secret: SecretStr, key: str, at: str, body: str) -> str:
    """What a receiver computes and compares."""
    mac = hmac.new(secret.get_secret_value().encode(), f"{key}.{at}.{body}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def _host(url: str) -> str:
    """Without path and query, which may hold a secret."""
    try:
        return httpx.URL(url).host or url
    except httpx.InvalidURL:
        return "an address that is no URL"
