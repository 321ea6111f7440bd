"""Asking the API over HTTP, and what can come of it.

ClientError                  `str()` of each is a sentence for people, with what to do
├── Unreachable              nothing answers at the address, or not in time
├── NotUnderstood            something answers that is not this API
└── Refused                  the API answered with a problem, kept as `problem`
    ├── Invalid              the request can't be accepted (400, 422)
    ├── NotAllowed           who asks is not known, or may not do this (401, 403)
    ├── NotFound             (404)
    ├── Conflict             it doesn't fit what is there, or that has changed since (409, 412, 428)
    └── Busy                 try again later or ask for less (429, 503)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from inventory import contract

_DEFAULT_TIMEOUT = httpx.Timeout(35.0, connect=3.0)
_Model = TypeVar("_Model", bound=BaseModel)


class ClientError(Exception):
    """Base of what the client raises."""


class Unreachable(ClientError):
    pass


class NotUnderstood(ClientError):
    pass


class Refused(ClientError):
    def __init__(self, problem: contract.Problem) -> None:
        self.problem = problem
        reasons = [f"{error.field}: {error.message}" for error in problem.errors] or [problem.detail]
        words = [problem.title.rstrip(".") + ".", *(f"{reason.rstrip('.')}." for reason in reasons if reason)]
        if problem.remedy:
            words.append(f"{problem.remedy[0].upper()}{problem.remedy[1:].rstrip('.')}.")
        super().__init__(" ".join(words))


class Invalid(Refused):
    pass


class NotAllowed(Refused):
    pass


class NotFound(Refused):
    pass


class Conflict(Refused):
    pass


class Busy(Refused):
    pass


_BY_STATUS: dict[int, type[Refused]] = {
    400: Invalid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: Invalid,
    422: Invalid,
    428: Conflict,
    429: Busy,
    503: Busy,
}


class _Nothing(BaseModel):
    """The answer to what leaves nothing."""


class Asker:
    """Asks one API. Safe to share between threads; a context manager that closes its connections."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout: httpx.Timeout | float = _DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.base_url,
            headers={"Authorization": f"Bearer {token}"} if token else None,
            timeout=timeout,
            transport=transport,
            # A proxy of the environment has no business between this and an address somebody configured.
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def _get(self, path: str, model: type[_Model], query: Mapping[str, Any]) -> _Model:
        return self._ask("GET", path, model, query)

    def _text(self, path: str) -> str:
        """What is no JSON."""
        response = self._sent("GET", path, {}, None, {})
        if response.is_success:
            return response.text
        raise problem_of(self.base_url, path, response)

    def _delete(self, path: str, revision: int) -> None:
        self._ask("DELETE", path, _Nothing, revision=revision)

    def _ask(
        self,
        method: str,
        path: str,
        model: type[_Model],
        query: Mapping[str, Any] | None = None,
        body: BaseModel | None = None,
        *,
        revision: int | None = None,
        key: str | None = None,
    ) -> _Model:
        """`revision`: what a change was made for. `key`: sent again with it, a POST does nothing."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        if key is not None:
            headers["Idempotency-Key"] = key
        content = None if body is None else body.model_dump_json().encode()
        response = self._sent(method, path, _sent(query or {}), content, headers)
        return understood(self.base_url, path, model, response)

    def _sent(
        self, method: str, path: str, query: dict[str, Any], content: bytes | None, headers: dict[str, str]
    ) -> httpx.Response:
        try:
            return self._http.request(method, path, params=query, content=content, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise unreachable(self.base_url, error) from error


def understood(base_url: str, path: str, model: type[_Model], response: httpx.Response) -> _Model:
    """The answer as a document. Raises ClientError."""
    if not response.is_success:
        raise problem_of(base_url, path, response)
    try:
        return model.model_validate_json(response.content or b"{}")
    except ValidationError as error:
        raise _not_understood(base_url, path, response) from error


def problem_of(base_url: str, path: str, response: httpx.Response) -> ClientError:
    """What the API says is wrong."""
    try:
        problem = contract.Problem.model_validate_json(response.content)
    except ValidationError:
        return _not_understood(base_url, path, response)
    return _BY_STATUS.get(response.status_code, Refused)(problem)


def unreachable(base_url: str, error: Exception) -> Unreachable:
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(f"The API at {base_url} did not answer in time. Ask for a shorter window, or try again.")
    return Unreachable(
        f"Nothing answers at {base_url}. Start Muster with `make up`, or set MUSTER_API_URL to where its API runs."
    )


def _not_understood(base_url: str, path: str, response: httpx.Response) -> NotUnderstood:
    return NotUnderstood(
        f"{base_url} answered {path} with status {response.status_code} and no document that this version "
        "understands. Check that MUSTER_API_URL is Muster's API, of the same version."
    )


def quoted(text: str) -> str:
    """One path segment, whatever is in it."""
    return quote(text, safe="") or "-"


def _sent(query: Mapping[str, Any]) -> dict[str, Any]:
    """As text, without what isn't set."""
    written = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in query.items()}
    given = {name: str(value) if isinstance(value, Decimal) else value for name, value in written.items()}
    return {name: value for name, value in given.items() if value not in (None, "", [], False)}
