"""A typed client of the inventory's API.

ClientError                  `str()` of each is a sentence for people, with what to do
├── Unreachable              nothing answers at the address, or not in time
├── NotUnderstood            something answers that is not this API
└── Refused                  the API answered with a problem, kept as `problem`
    ├── Invalid              the request can't be accepted (400, 422)
    ├── NotFound             (404)
    └── Busy                 try again later or ask for less (429, 503)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from inventory import contract

_DEFAULT_TIMEOUT = httpx.Timeout(35.0, connect=3.0)
_Model = TypeVar("_Model", bound=contract.Wire)


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


class NotFound(Refused):
    pass


class Busy(Refused):
    pass


_BY_STATUS: dict[int, type[Refused]] = {400: Invalid, 404: NotFound, 422: Invalid, 429: Busy, 503: Busy}


class InventoryClient:
    """Synchronous, safe to share between threads; a context manager that closes its connections."""

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

    def list_traces(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        service: str = "",
        agent: str = "",
        failed: bool = False,
        text: str = "",
        min_duration_ms: float = 0,
        order: contract.Order = "newest",
        limit: int = 50,
        cursor: str | None = None,
    ) -> contract.TraceList:
        """One page of traces that start in [since, until); the last hour if neither is given."""
        given = {
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
            "service": service or None,
            "agent": agent or None,
            "status": "error" if failed else None,
            "text": text or None,
            "min_duration_ms": min_duration_ms or None,
            "order": order,
            "limit": limit,
            "cursor": cursor,
        }
        return self._get("/v1/traces", contract.TraceList, {k: v for k, v in given.items() if v is not None})

    def iterate_traces(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        service: str = "",
        agent: str = "",
        failed: bool = False,
        text: str = "",
        min_duration_ms: float = 0,
        order: contract.Order = "newest",
        page_size: int = 200,
    ) -> Iterator[contract.Trace]:
        """Every trace of the window, page after page. The window is fixed by the first page."""
        cursor: str | None = None
        while True:
            page = self.list_traces(
                since=since, until=until, service=service, agent=agent, failed=failed, text=text,
                min_duration_ms=min_duration_ms, order=order, limit=page_size, cursor=cursor,
            )  # fmt: skip
            yield from page.traces
            since, until, cursor = page.window.since, page.window.until, page.next
            if cursor is None:
                return

    def get_trace(self, trace_id: str, *, limit: int = contract.DEFAULT_SPANS) -> contract.TraceDetail:
        """Raises `NotFound` if no span of it is stored."""
        return self._get(f"/v1/traces/{_quoted(trace_id)}", contract.TraceDetail, {"limit": limit})

    def get_span(self, trace_id: str, span_id: str) -> contract.Span:
        """One span with its texts whole."""
        return self._get(f"/v1/traces/{_quoted(trace_id)}/spans/{_quoted(span_id)}", contract.Span, {})

    def ingest(self, *, minutes: int = 60) -> contract.Ingest:
        """What came in during the last minutes."""
        return self._get("/v1/ingest", contract.Ingest, {"minutes": minutes})

    def _get(self, path: str, model: type[_Model], query: dict[str, str | int | float]) -> _Model:
        try:
            response = self._http.get(path, params=query)
        except httpx.TimeoutException as error:
            raise Unreachable(
                f"The API at {self.base_url} did not answer in time. Ask for a shorter window, or try again."
            ) from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unreachable(
                f"Nothing answers at {self.base_url}. Start Muster with `make up`, or set MUSTER_API_URL to where "
                "its API runs."
            ) from error
        try:
            if response.is_success:
                return model.model_validate_json(response.content)
            problem = contract.Problem.model_validate_json(response.content)
        except ValidationError as error:
            raise NotUnderstood(
                f"{self.base_url} answered {path} with status {response.status_code} and no document that this "
                "version understands. Check that MUSTER_API_URL is Muster's API, of the same version."
            ) from error
        raise _BY_STATUS.get(response.status_code, Refused)(problem)


def _quoted(text: str) -> str:
    """One path segment, whatever is in it."""
    return quote(text, safe="") or "-"
