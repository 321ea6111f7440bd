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

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from inventory import contract, figures_contract

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


class In(TypedDict, total=False):
    """A window of time."""

    since: datetime | None
    until: datetime | None


class SearchIn(In, total=False):
    service: str


class TraceFilters(In, total=False):
    """As `GET /v1/traces` takes them; `attributes` are keys and their values."""

    service: str
    agent: str
    model: str
    tool: str
    failed: bool
    requester: str
    release: str
    conversation: str
    environment: str
    text: str
    attributes: Mapping[str, str]
    min_duration_ms: float
    max_duration_ms: float | None
    min_cost: Decimal | None
    max_cost: Decimal | None
    order: contract.Order


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
        self, *, limit: int = 50, cursor: str | None = None, **filters: Unpack[TraceFilters]
    ) -> contract.TraceList:
        """One page of traces that start in [since, until); the last hour if neither is given."""
        given = {**filters, "limit": limit, "cursor": cursor}
        given["status"] = "error" if given.pop("failed", False) else None
        given["attribute"] = [f"{key}={value}" for key, value in (filters.get("attributes") or {}).items()]
        given.pop("attributes", None)
        return self._get("/v1/traces", contract.TraceList, given)

    def iterate_traces(self, *, page_size: int = 200, **filters: Unpack[TraceFilters]) -> Iterator[contract.Trace]:
        """Every trace of the window, page after page. The window is fixed by the first page."""
        cursor: str | None = None
        while True:
            page = self.list_traces(limit=page_size, cursor=cursor, **filters)
            yield from page.traces
            filters["since"], filters["until"], cursor = page.window.since, page.window.until, page.next
            if cursor is None:
                return

    def get_trace(self, trace_id: str, *, limit: int = contract.DEFAULT_SPANS) -> contract.TraceDetail:
        """Raises `NotFound` if no span of it is stored."""
        return self._get(f"/v1/traces/{_quoted(trace_id)}", contract.TraceDetail, {"limit": limit})

    def get_span(self, trace_id: str, span_id: str) -> contract.Span:
        """One span with its texts whole."""
        return self._get(f"/v1/traces/{_quoted(trace_id)}/spans/{_quoted(span_id)}", contract.Span, {})

    def search(
        self, *, words: str = "", phrase: str = "", limit: int = 50, cursor: str | None = None, **more: Unpack[SearchIn]
    ) -> figures_contract.Hits:
        """Traces that said all these words, and this phrase as it stands; of the last seven days if nothing else is
        said.
        """
        given = {"words": words, "phrase": phrase, "limit": limit, "cursor": cursor, **more}
        return self._get("/v1/search", figures_contract.Hits, given)

    def conversation(
        self, conversation_id: str, *, limit: int = 500, **window: Unpack[In]
    ) -> figures_contract.Conversation:
        """Raises `NotFound` if none of it is stored in the window: the last 30 days if nothing else is said."""
        path = f"/v1/conversations/{_quoted(conversation_id)}"
        return self._get(path, figures_contract.Conversation, {"limit": limit, **window})

    def spend(
        self,
        *,
        by: Sequence[str] = ("model",),
        bucket: Literal["hour", "day", "all"] = "day",
        only: Mapping[str, str] | None = None,
        **window: Unpack[In],
    ) -> figures_contract.SpendTable:
        """`only` has exact names, by any of the words that `by` takes."""
        given = {"by": list(by), "bucket": bucket, **(only or {}), **window}
        return self._get("/v1/spend", figures_contract.SpendTable, given)

    def latency(
        self,
        *,
        of: Sequence[str] = ("agent",),
        step_minutes: int = 1,
        only: Mapping[str, str] | None = None,
        **window: Unpack[In],
    ) -> figures_contract.LatencyTable:
        """Quantiles of each step of the window: the last six hours if nothing else is said."""
        given = {"of": list(of), "step_minutes": step_minutes, **(only or {}), **window}
        return self._get("/v1/latency", figures_contract.LatencyTable, given)

    def tools(self, *, tool: str = "", by_agent: bool = False, **window: Unpack[In]) -> figures_contract.Tools:
        return self._get("/v1/tools", figures_contract.Tools, {"tool": tool, "by_agent": by_agent, **window})

    def approvals(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        only: Mapping[str, str] | None = None,
        **window: Unpack[In],
    ) -> figures_contract.Decisions:
        """One page of decisions, newest first. `only` has exact texts: kind, decision, approver, policy_id, tool, …"""
        given = {"limit": limit, "cursor": cursor, **(only or {}), **window}
        return self._get("/v1/approvals", figures_contract.Decisions, given)

    def agents_seen(self, *, active_since: datetime | None = None) -> figures_contract.Agents:
        return self._get("/v1/agents/seen", figures_contract.Agents, {"active_since": active_since})

    def ingest(self, *, minutes: int = 60) -> contract.Ingest:
        """What came in during the last minutes."""
        return self._get("/v1/ingest", contract.Ingest, {"minutes": minutes})

    def _get(self, path: str, model: type[_Model], query: Mapping[str, Any]) -> _Model:
        try:
            response = self._http.get(path, params=_sent(query))
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


def _sent(query: Mapping[str, Any]) -> dict[str, Any]:
    """As text, without what isn't set."""
    written = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in query.items()}
    given = {name: str(value) if isinstance(value, Decimal) else value for name, value in written.items()}
    return {name: value for name, value in given.items() if value not in (None, "", [], False)}
