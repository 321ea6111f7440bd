"""Routes of tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from inventory import problems
from inventory.auth.policy import Scope, reach
from inventory.contract import people as wire
from inventory.contract.agents import Reason
from inventory.registry import tokens
from inventory.registry.change import Change, Registry
from inventory.registry.errors import Missing
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheAsking, TheCaller, post

TokenPath = Annotated[
    str, Path(pattern="^tok_[0-9a-f]{16}$", description="The token's id", examples=["tok_0011223344556677"])
]


def token_routes(registry: Registry) -> APIRouter:
    """Admins see and issue all of them; people see their own, and issue their own for scripts."""
    routes = APIRouter(tags=["tokens"])

    @routes.get("/v1/tokens", summary="List tokens", responses=problems.responses(401, 403, 422, 429, 503))
    def list_tokens(caller: TheCaller, query: Annotated[PageQuery, Query()]) -> wire.TokenPage:
        """Without what they are; follow `next` for more."""
        own = None if reach(caller, Scope.TOKENS_WRITE).everything else caller.person or ""
        with registry.reading() as session:
            rows, cursor = tokens.listed(session, caller.org, query.limit, query.cursor, only_person=own)
            return wire.TokenPage(tokens=tokens.answers(rows), next=cursor)

    @routes.post(
        "/v1/tokens",
        summary="Issue a token",
        status_code=201,
        response_model=wire.IssuedToken,
        responses=problems.responses(401, 403, 404, 409, 422, 429, 503),
    )
    def issue_token(asking: TheAsking, new: wire.NewToken) -> Response:
        """The only answer that holds the token. It is not kept, so an Idempotency-Key isn't taken here."""
        tokens.may_issue(asking.caller, new, reach(asking.caller, Scope.TOKENS_WRITE).everything)
        tokens.not_kept(asking)

        def act(change: Change) -> tuple[wire.IssuedToken, dict[str, str]]:
            row, secret = tokens.issue(change, new)
            return wire.IssuedToken(secret=secret, token=tokens.answers([row])[0]), {}

        return post(registry, asking, new, act)

    @routes.post(
        "/v1/tokens/{token_id}/revoke",
        summary="Revoke a token",
        response_model=wire.Token,
        responses=problems.responses(401, 403, 404, 409, 422, 429, 503),
    )
    def revoke_token(asking: TheAsking, token_id: TokenPath, reason: Reason) -> Response:
        """It isn't accepted any more, ten seconds from now at the latest."""

        def act(change: Change) -> tuple[wire.Token, dict[str, str]]:
            row = tokens.get(change.session, change.org, token_id)
            caller = change.asking.caller
            mine = row.person is not None and row.person == caller.person
            if not mine and not reach(caller, Scope.TOKENS_WRITE).everything:
                raise Missing(tokens.KIND, token_id)  # whose it is, is nobody else's business
            return tokens.answers([tokens.revoke(change, token_id, reason.reason)])[0], {}

        return post(registry, asking, reason, act, 200)

    return routes
