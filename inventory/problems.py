"""The one place that turns what can go wrong into answers (RFC 9457)."""

from __future__ import annotations

import logging
import math
import uuid
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException

from collector.store.reads import ReadError, TooMuch
from inventory.anchors import AnchorError
from inventory.auth.errors import AuthError, NotAuthenticated, ProviderDown
from inventory.contract import FieldProblem, Problem
from inventory.db.engine import DatabaseError
from inventory.registry.errors import Rejection, Unfit
from inventory.routes.limits import TooOften

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)

_REMEDIES = {
    "limit": "send a whole number within the bounds",
    "since": "send an RFC 3339 time with a zone, such as 2026-03-02T02:00:00Z",
    "until": "send an RFC 3339 time with a zone, such as 2026-03-02T03:00:00Z",
    "trace_id": "send the 32 hexadecimal digits of a W3C trace id",
    "span_id": "send the 16 hexadecimal digits of a W3C span id",
    "order": "send newest, worst or dearest",
    "attribute": "send key=value, such as tenant=acme",
    "min_cost": "send US dollars as a decimal number, 0 or more",
    "max_cost": "send US dollars as a decimal number, 0 or more",
    "max_duration_ms": "send milliseconds, 0 or more",
    "words": "send at least one word, in words or in phrase",
    "by": "send any of agent, root_agent, service, environment, workflow, release, provider and model, once each",
    "bucket": "send hour, day or all",
    "of": "send any of agent, service, operation and model, once each",
    "active_since": "send an RFC 3339 time with a zone, such as 2026-03-02T02:00:00Z",
    "status": "send error, or leave it out",
    "cursor": "send the `next` of the page before, with the same window and order, or leave it out",
    "min_duration_ms": "send milliseconds, 0 or more",
    "minutes": "send a whole number of minutes from 1 to 1440",
}


_HTTP_REMEDIES = {
    400: "send JSON in UTF-8",
    404: "see /docs for the paths and their methods",
    405: "see /docs for the paths and their methods",
}


READS = (401, 403, 404, 422, 429, 503)
CHANGES = (401, 403, 404, 409, 412, 422, 428, 429, 503)
"""What a route that reads, or that changes what has revisions, may answer."""


class ProblemError(Exception):
    """An answer that is not the one asked for."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.headers = headers


def invalid(field: str, message: str) -> ProblemError:
    """A field whose value only the server can judge."""
    name = field.rpartition(".")[2]
    return ProblemError(_unprocessable([FieldProblem(field=field, message=message, remedy=_REMEDIES.get(name, ""))]))


def not_found(title: str, detail: str, remedy: str, kind: str) -> ProblemError:
    return ProblemError(
        Problem(type=f"urn:muster:problem:{kind}", title=title, status=404, detail=detail, remedy=remedy)
    )


def unavailable(title: str, detail: str) -> ProblemError:
    """Something outside doesn't answer now."""
    return ProblemError(
        Problem(
            type="urn:muster:problem:target-unavailable", title=title, status=503, detail=detail,
            remedy="try again when it answers",
        )
    )  # fmt: skip


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses answer with a problem."""
    texts = {
        400: "The body is no JSON",
        401: "Who asks is not known",
        403: "Who asks may not do this",
        404: "Nothing by that id",
        409: "It doesn't fit what is there",
        413: "The body is too large",
        412: "Somebody else changed it since it was read",
        422: "A field can't be accepted",
        428: "If-Match is missing",
        429: "Too many requests, or too many wrong credentials",
        503: "The store or the registry can't answer now",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {status: {"description": texts[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


def install(app: FastAPI) -> None:
    """Every error of `app` becomes a problem."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(ReadError, _on_read)
    app.add_exception_handler(Rejection, _on_rejection)
    app.add_exception_handler(AuthError, _on_auth)
    app.add_exception_handler(TooOften, _on_too_often)
    app.add_exception_handler(DatabaseError, _on_database)
    app.add_exception_handler(AnchorError, _on_anchor)
    app.add_exception_handler(Exception, _on_bug)


def _answer(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    body = problem.model_copy(update={"instance": request.url.path}).model_dump()
    return JSONResponse(body, problem.status, headers=headers, media_type=MEDIA_TYPE)


def _unprocessable(errors: list[FieldProblem]) -> Problem:
    names = ", ".join(error.field for error in errors)
    return Problem(
        type="urn:muster:problem:invalid-request",
        title="The request can't be accepted",
        status=422,
        detail=f"Not acceptable: {names}",
        remedy="; ".join(dict.fromkeys(error.remedy for error in errors if error.remedy)),
        errors=errors,
    )


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return _answer(request, error.problem, error.headers)


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"]),
            message=str(item["msg"]),
            remedy=_REMEDIES.get(str(item["loc"][-1]), "see /docs for what this field takes"),
        )
        for item in error.errors()
    ]
    return _answer(request, _unprocessable(fields))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    problem = Problem(
        title=str(error.detail), status=error.status_code, remedy=_HTTP_REMEDIES.get(error.status_code, "")
    )
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return _answer(request, problem, headers)


def _methods(request: Request) -> list[str]:
    """What the path takes: each of its methods is a route of its own."""
    found = {
        method
        for route in iter_route_contexts(request.app.routes)
        if isinstance(route.original_route, APIRoute) and route.original_route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return sorted(found)


async def _on_read(request: Request, error: Exception) -> JSONResponse:
    too_much = isinstance(error, TooMuch)
    _log.warning("read for %s failed: %s", request.url.path, error)
    problem = Problem(
        type=f"urn:muster:problem:{'read-limit' if too_much else 'store-unavailable'}",
        title="This read is larger than allowed" if too_much else "The store can't answer",
        status=503,
        detail=str(error),
        remedy="ask for a shorter window, fewer rows or a narrower filter; ingest is not affected"
        if too_much
        else "try again in a few seconds; if it stays, look at the log of the process that owns the store",
    )
    return _answer(request, problem, {"Retry-After": "5"})


async def _on_rejection(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Rejection)
    fields = error.fields if isinstance(error, Unfit) else ()
    problem = Problem(
        type=f"urn:muster:problem:{error.kind}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        remedy=error.remedy,
        errors=[FieldProblem(field=name, message=message, remedy=remedy) for name, message, remedy in fields],
    )
    return _answer(request, problem)


async def _on_auth(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, ProviderDown):
        problem = Problem(
            type="urn:muster:problem:provider-unavailable",
            title="Who asks can't be checked now",
            status=503,
            detail=str(error),
            remedy="try again in a few seconds; a token of this Muster works meanwhile",
        )
        return _answer(request, problem, {"Retry-After": "5"})
    assert isinstance(error, NotAuthenticated)
    problem = Problem(
        type="urn:muster:problem:not-authenticated",
        title="Who asks is not known",
        status=401,
        detail=str(error),
        remedy="send 'Authorization: Bearer <token>' with a token that is valid here",
    )
    return _answer(request, problem, {"WWW-Authenticate": "Bearer"})


async def _on_too_often(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooOften)
    wait = str(max(1, math.ceil(error.wait)))
    problem = Problem(
        type="urn:muster:problem:too-often",
        title="Too many requests",
        status=429,
        detail=f"This is more than one caller, or one address, may ask: {error}.",
        remedy=f"wait {wait} s, and ask for larger pages",
    )
    return _answer(request, problem, {"Retry-After": wait})


async def _on_database(request: Request, error: Exception) -> JSONResponse:
    _log.warning("the registry for %s failed: %s", request.url.path, error)
    problem = Problem(
        type="urn:muster:problem:registry-unavailable",
        title="The registry can't answer",
        status=503,
        detail="Its database can't be used now; nothing was changed.",
        remedy="try again in a few seconds; if it stays, the reason is in the API's log",
    )
    return _answer(request, problem, {"Retry-After": "5"})


async def _on_anchor(request: Request, error: Exception) -> JSONResponse:
    problem = Problem(
        type="urn:muster:problem:anchors-broken",
        title="The signed heads can't be trusted",
        status=503,
        detail=str(error),
        remedy="compare the anchors with a copy that was kept elsewhere",
    )
    return _answer(request, problem)


async def _on_bug(request: Request, error: Exception) -> JSONResponse:
    reference = uuid.uuid4().hex[:12]
    # The route, not the path: a link's path is what lets its holder decide.
    route = getattr(request.scope.get("route"), "path", "no route")
    _log.error("unexpected error %s at %s %s", reference, request.method, route, exc_info=error)
    problem = Problem(
        type="urn:muster:problem:internal",
        title="Unexpected error",
        status=500,
        detail=f"It is in the API's log under {reference}.",
        remedy="try again; report the reference if it stays",
    )
    return _answer(request, problem)
