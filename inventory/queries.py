"""Query strings, as the API takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from collector.store import decisions, latency, search, spend, trace_filters
from inventory import contract, problems, wire
from inventory.contract.words import Instant, Slug

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

_Parsed = TypeVar("_Parsed")
_Name = Annotated[str, Field(max_length=200)]


def in_range(name: str, when: datetime) -> datetime:
    """Raises `ProblemError` for a moment of a query that no store keeps."""
    if not _EARLIEST <= when <= _LATEST:
        raise problems.invalid(f"query.{name}", f"{when.isoformat()} is not between 2000 and 2200")
    return when


class Windowed(BaseModel):
    """A query about a window of time. A parameter that doesn't exist is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")
    default_window: ClassVar[timedelta] = timedelta(hours=1)

    since: Annotated[
        Instant | None,
        Field(description="Traces that start at or after it; an hour before `until` if absent",
              examples=["2026-03-02T02:00:00Z"]),
    ] = None  # fmt: skip
    until: Annotated[
        Instant | None,
        Field(description="Traces that start before it; now if absent", examples=["2026-03-02T03:00:00Z"]),
    ] = None

    def window(self, now: datetime) -> contract.Window:
        """Raises `ProblemError` for one that is empty or out of range."""
        until = self.until or now
        since = self.since or until - self.default_window
        for name, when in (("since", since), ("until", until)):
            in_range(name, when)
        if since >= until:
            raise problems.invalid("query.since", f"{since.isoformat()} is not before {until.isoformat()}")
        return contract.Window(since=since, until=until)


class TraceQuery(Windowed):
    """Filters of the trace list."""

    service: Annotated[_Name, Field(description="A span of this service is in it", examples=["crm-writer"])] = ""
    agent: Annotated[_Name, Field(description="A span of this agent is in it", examples=["support-drafter"])] = ""
    registered: Annotated[Slug | None, Field(description="A span of this registered agent is in it")] = None
    model: Annotated[_Name, Field(description="A span with this model is in it", examples=["gpt-4o-mini"])] = ""
    tool: Annotated[_Name, Field(description="A call of this tool is in it", examples=["crm.update"])] = ""
    requester: Annotated[_Name, Field(description="Who asked for it")] = ""
    release: Annotated[_Name, Field(description="A span of this release is in it")] = ""
    conversation: Annotated[_Name, Field(description="A span of this conversation is in it")] = ""
    environment: Annotated[_Name, Field(description="The environment of its root", examples=["production"])] = ""
    attribute: Annotated[
        list[Annotated[str, Field(min_length=2, max_length=4000)]],
        Field(max_length=5, description="key=value: a span or resource attribute; each must be in it",
              examples=[["tenant=acme"]]),
    ] = []  # fmt: skip
    min_cost: Annotated[Decimal | None, Field(ge=0, lt=10**9, decimal_places=24, description="US dollars")] = None
    max_cost: Annotated[Decimal | None, Field(ge=0, lt=10**9, decimal_places=24, description="US dollars")] = None
    max_duration_ms: Annotated[float | None, Field(ge=0, le=1e10)] = None
    status: Annotated[Literal["error"] | None, Field(description="error: a span of it failed")] = None
    text: Annotated[_Name, Field(description="Part of a span's name, in any case", examples=["refund"])] = ""
    min_duration_ms: Annotated[float, Field(ge=0, le=1e10, description="Wall time, first to last span")] = 0
    order: Annotated[trace_filters.Order, Field(description="worst: failed, then slowest")] = trace_filters.Order.NEWEST
    limit: Annotated[int, Field(ge=1, le=contract.MAX_TRACES)] = 50
    cursor: Annotated[_Name | None, Field(description="`next` of the page before")] = None

    def filters(self, window: contract.Window, registered: Sequence[int] | None = None) -> trace_filters.TraceFilters:
        """`registered`: keys of that agent's telemetry. Raises `ProblemError` for a cursor of something else."""
        after = None
        if self.cursor is not None:
            try:
                after = wire.parse_cursor(self.cursor, self.order)
            except ValueError as error:
                raise problems.invalid("query.cursor", f"not a cursor of this list: {error}") from None
        return trace_filters.TraceFilters(
            since_ns=wire.nanoseconds(window.since),
            until_ns=wire.nanoseconds(window.until),
            service=self.service,
            agent=self.agent,
            registered=registered,
            failed=self.status == "error",
            text=self.text.strip(),
            model=self.model,
            tool=self.tool,
            requester=self.requester,
            release=self.release,
            conversation=self.conversation,
            environment=self.environment,
            attributes=dict(self._attributes()),
            min_cost=self.min_cost,
            max_cost=self.max_cost,
            max_duration_ns=None if self.max_duration_ms is None else int(self.max_duration_ms * 1_000_000),
            min_duration_ns=int(self.min_duration_ms * 1_000_000),
            order=self.order,
            after=after,
            limit=self.limit,
        )

    def _attributes(self) -> Iterator[tuple[str, str]]:
        for given in self.attribute:
            key, equals, value = given.partition("=")
            if not (key and equals and value):
                raise problems.invalid("query.attribute", "it is not key=value")
            yield key, value


class SearchQuery(Windowed):
    """Full text."""

    default_window: ClassVar[timedelta] = timedelta(days=7)

    words: Annotated[
        _Name, Field(description="All of them, in one message or attribute", examples=["refund invoice"])
    ] = ""
    phrase: Annotated[_Name, Field(description="As it stands", examples=["no refund"])] = ""
    service: Annotated[_Name, Field(description="Of this service only")] = ""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[_Name | None, Field(description="`next` of the page before")] = None

    def asked(self, window: contract.Window) -> search.Search:
        """Raises `ProblemError` for no words, or a cursor of something else."""
        if not any(character.isalnum() for character in self.words + self.phrase):
            raise problems.invalid("query.words", "there is no word in it")
        after = _parsed(self.cursor, "search", wire.parse_search_cursor)
        since, until = wire.nanoseconds(window.since), wire.nanoseconds(window.until)
        return search.Search(since, until, self.words, self.phrase, self.service, after, self.limit)


class ConversationQuery(Windowed):
    """One conversation."""

    default_window: ClassVar[timedelta] = timedelta(days=30)

    limit: Annotated[int, Field(ge=1, le=2_000, description="Model calls at most, by start")] = 500


class SpendQuery(Windowed):
    """What is spent, told apart by any names."""

    default_window: ClassVar[timedelta] = timedelta(days=30)

    by: Annotated[list[spend.By], Field(max_length=8, description="Names that tell rows apart")] = [spend.By.MODEL]
    bucket: Annotated[spend.Bucket, Field(description="Days are those of UTC")] = spend.Bucket.DAY
    agent: _Name = ""
    root_agent: _Name = ""
    service: _Name = ""
    environment: _Name = ""
    workflow: _Name = ""
    release: _Name = ""
    provider: _Name = ""
    model: _Name = ""

    def asked(self, window: contract.Window) -> spend.SpendQuery:
        only = {by: getattr(self, by) for by in spend.By if getattr(self, by)}
        since, until = wire.nanoseconds(window.since), wire.nanoseconds(window.until)
        return spend.SpendQuery(since, until, tuple(dict.fromkeys(self.by)), self.bucket, only)


class LatencyQuery(Windowed):
    """How long operations take."""

    default_window: ClassVar[timedelta] = timedelta(hours=6)

    of: Annotated[list[latency.Of], Field(max_length=4, description="Names that tell rows apart")] = [latency.Of.AGENT]
    step_minutes: Annotated[int, Field(ge=1, le=1440)] = 1
    agent: _Name = ""
    service: _Name = ""
    operation: _Name = ""
    model: _Name = ""

    @property
    def only(self) -> dict[latency.Of, str]:
        return {of: getattr(self, of) for of in latency.Of if getattr(self, of)}


class ToolsQuery(Windowed):
    """How tools do."""

    default_window: ClassVar[timedelta] = timedelta(days=1)

    tool: _Name = ""
    by_agent: Annotated[bool, Field(description="A row for each tool and agent")] = False


class ApprovalsQuery(Windowed):
    """Decisions that agents reported."""

    default_window: ClassVar[timedelta] = timedelta(days=7)

    kind: Annotated[Literal["approval", "guardrail"] | None, Field(description="Both if absent")] = None
    decision: Annotated[_Name, Field(examples=["denied"])] = ""
    approver: _Name = ""
    policy_id: _Name = ""
    tool: _Name = ""
    service: _Name = ""
    convention: _Name = ""
    arguments_digest: _Name = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[
        Annotated[str, Field(max_length=2_000)] | None, Field(description="`next` of the page before")
    ] = None

    def filters(self, window: contract.Window) -> decisions.DecisionFilters:
        """Raises `ProblemError` for a cursor of something else."""
        given = self.model_dump(include=set(decisions.NAMED))
        return decisions.DecisionFilters(
            wire.nanoseconds(window.since),
            wire.nanoseconds(window.until),
            **{name: value or "" for name, value in given.items()},
            after=_parsed(self.cursor, "approvals", wire.parse_decision_cursor),
            limit=self.limit,
        )


def _parsed(cursor: str | None, what: str, parse: Callable[[str], _Parsed]) -> _Parsed | None:
    if cursor is None:
        return None
    try:
        return parse(cursor)
    except ValueError as error:
        raise problems.invalid("query.cursor", f"not a cursor of {what}: {error}") from None
