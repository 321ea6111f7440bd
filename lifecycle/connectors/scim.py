"""SCIM 2.0 (RFC 7644): the agent's user at an identity provider is set inactive, and active again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import httpx
from pydantic import SecretStr

from inventory.db.models import Json
from lifecycle.conditions import Facts
from lifecycle.connectors.base import ConnectorError, Observed, Stage, Step, Verified

_PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_TYPE: Final = "application/scim+json"


class Scim:
    """Users by their id at one provider. `url`: its base, before /Users."""

    name = "scim"

    def __init__(self, url: str, token: SecretStr, timeout: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"Scim({self._url!r})"

    def describe(self) -> str:
        return "users at the identity provider"

    def plan(self, org: str, agent: Facts, stage: Stage) -> Sequence[Step]:
        if stage != "disable":
            return []
        return [
            Step(self.name, ref, f"set {self._named(ref)} inactive at the identity provider", {"user": ref})
            for ref in _refs(agent)
        ]

    def recipe(self, org: str, step: Step) -> Json | None:
        return {"active": self._active(step)}

    def apply(self, org: str, step: Step, key: str) -> Json:
        return self._set(step, False)

    def undo(self, org: str, step: Step, recipe: Json, key: str) -> Json:
        return self._set(step, recipe["active"])

    def verify(self, org: str, step: Step) -> Verified:
        return Verified(not self._active(step), "the provider was asked again, and says that the user is inactive")

    def observe(self, org: str, step: Step) -> Observed:
        return "not-applied" if self._active(step) else "applied"

    def _named(self, ref: str) -> str:
        found = self._ask("GET", ref)
        return str(found.get("userName") or ref)

    def _active(self, step: Step) -> bool:
        """A user without the attribute counts as active: RFC 7643 leaves it open, and off would say too much."""
        return bool(self._ask("GET", step.target).get("active", True))

    def _set(self, step: Step, active: bool) -> Json:
        body = {"schemas": [_PATCH], "Operations": [{"op": "replace", "path": "active", "value": active}]}
        self._ask("PATCH", step.target, body)
        return {"user": step.target, "active": active}

    def _ask(self, method: str, ref: str, body: Json | None = None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._token.get_secret_value()}", "accept": _TYPE}
        if body is not None:
            headers["content-type"] = _TYPE
        try:
            answered = httpx.request(
                method, f"{self._url}/Users/{ref}", json=body, headers=headers, timeout=self._timeout
            )
        except httpx.HTTPError as error:
            raise ConnectorError(f"the identity provider can't be reached ({type(error).__name__})") from None
        if answered.status_code == 404:
            raise ConnectorError(f"the identity provider knows no user {ref}: mend the agent's binding")
        if answered.status_code // 100 != 2:
            raise ConnectorError(f"the identity provider answered {answered.status_code} for user {ref}")
        if not answered.content:
            return {}
        found: dict[str, Any] = answered.json()
        return found


def _refs(agent: Facts) -> list[str]:
    return [binding["ref"] for binding in agent.document.get("bindings", ()) if binding["kind"] == "scim"]
