"""What every request passes: who it is, whether the policy lets them, how often they come."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import Depends, Header, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from inventory.auth.caller import Caller
from inventory.auth.policy import ANYBODY, PUBLIC, ROUTES, Scope, Whole, reach
from inventory.db.models import Agent
from inventory.registry import agents
from inventory.registry.change import Asking, Change, Registry
from inventory.registry.errors import Forbidden
from inventory.routes.limits import Limiter

_NO_ROW: Final = "no row"
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,80}$")
_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of this Muster (`muster tokens issue`), the local admin token, or your identity provider's.",
)


class Known(Protocol):
    """As `inventory.auth.authenticator.Authenticator` has it."""

    def caller(self, authorization: str | None) -> Caller: ...


@dataclass(frozen=True, slots=True)
class Gate:
    """A dependency of every route. Raises AuthError, Forbidden or TooOften."""

    known: Known
    limiter: Limiter

    def __call__(
        self,
        request: Request,
        response: Response,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
    ) -> None:
        given = request.headers.get("x-request-id", "")
        request.state.request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        response.headers["X-Request-Id"] = request.state.request_id
        needed = ROUTES.get((request.method, request.scope["route"].path), _NO_ROW)
        if needed is PUBLIC:
            return
        address = request.client.host if request.client else ""
        self.limiter.guess(address)
        try:
            caller = self.known.caller(request.headers.get("authorization"))
        except Exception:
            self.limiter.failed(address)
            raise
        request.state.caller = caller
        self.limiter.take(caller.actor)
        if needed is _NO_ROW:
            raise Forbidden("Nobody may do this", "This route has no row in the policy.", "report it", "no-policy")
        if isinstance(needed, Whole):
            if not reach(caller, needed.scope).everything:
                raise refused(caller, needed.scope, "everything here")
        elif needed != ANYBODY and not reach(caller, Scope(str(needed))):
            raise refused(caller, Scope(str(needed)))


def refused(caller: Caller, scope: Scope, what: str = "") -> Forbidden:
    """For whom it doesn't reach."""
    roles = ", ".join(sorted({grant.role.value for grant in caller.grants})) or f"a token of kind {caller.kind.value}"
    return Forbidden(
        "You may not do this",
        f"It needs {scope.value}{f' for {what}' if what else ''}, and {caller.actor} ({roles}) doesn't have it.",
        "ask an admin for a role that has it (GET /v1/me shows what you have)",
        "forbidden",
    )


def the_caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


def the_asking(
    request: Request,
    if_match: Annotated[
        str | None, Header(max_length=200, description="The ETag that this change was made for", examples=['"3"', "*"])
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(
            pattern=r"^[!-~]{1,200}$",
            description="Sent again with the same key, a POST is answered as the first time and does nothing",
        ),
    ] = None,
) -> Asking:
    return Asking(
        request.state.caller,
        request.state.request_id,
        if_match,
        idempotency_key,
        f"{request.method} {request.url.path}",
    )


TheCaller = Annotated[Caller, Depends(the_caller)]
TheAsking = Annotated[Asking, Depends(the_asking)]


def check_reach(caller: Caller, scope: Scope, agent: Agent) -> None:
    """Raises Forbidden for an agent that is beyond it."""
    held = reach(caller, scope)
    if not held.covers(agent.id, owners=(agent.owner, agent.backup_owner), team=agent.team):
        raise refused(caller, scope, agent.id)


def check_agent(change: Change, scope: Scope, name: str) -> None:
    """Raises Missing, or Forbidden for an agent that is beyond the caller's reach."""
    check_reach(change.asking.caller, scope, agents.get(change.session, change.org, name))


def tag(response: Response, revision: int) -> None:
    response.headers["ETag"] = f'"{revision}"'


def post(
    registry: Registry,
    asking: Asking,
    asked: BaseModel | None,
    act: Callable[[Change], tuple[BaseModel, dict[str, str]]],
    status: int = 201,
) -> Response:
    """The answer to a POST: of now, or the one kept under its Idempotency-Key."""

    def run(change: Change) -> tuple[int, str, dict[str, str]]:
        answer, headers = act(change)
        return status, answer.model_dump_json(), headers

    body: Any = None if asked is None else asked.model_dump(mode="json")
    answered = registry.once(asking, [body, asking.if_match], run)
    headers = {**answered.headers, "X-Request-Id": asking.request_id}
    if answered.again:
        headers["Idempotency-Replayed"] = "true"
    return Response(answered.body, answered.status, headers, "application/json")
