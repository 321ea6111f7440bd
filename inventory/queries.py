"""Query strings, as the API takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from collector.store import rows
from inventory import contract, problems, wire

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_DEFAULT_WINDOW = timedelta(hours=1)

_Name = Annotated[str, Field(max_length=200)]


class TraceQuery(BaseModel):
    """Filters of the trace list. A parameter that doesn't exist is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[
        AwareDatetime | None,
        Field(description="Traces that start at or after it; an hour before `until` if absent",
              examples=["2026-03-02T02:00:00Z"]),
    ] = None  # fmt: skip
    until: Annotated[
        AwareDatetime | None,
        Field(description="Traces that start before it; now if absent", examples=["2026-03-02T03:00:00Z"]),
    ] = None
    service: Annotated[_Name, Field(description="A span of this service is in it", examples=["crm-writer"])] = ""
    agent: Annotated[_Name, Field(description="A span of this agent is in it", examples=["support-drafter"])] = ""
    status: Annotated[Literal["error"] | None, Field(description="error: a span of it failed")] = None
    text: Annotated[_Name, Field(description="Part of a span's name, in any case", examples=["refund"])] = ""
    min_duration_ms: Annotated[float, Field(ge=0, le=1e10, description="Wall time, first to last span")] = 0
    order: Annotated[rows.Order, Field(description="worst: failed, then slowest")] = rows.Order.NEWEST
    limit: Annotated[int, Field(ge=1, le=contract.MAX_TRACES)] = 50
    cursor: Annotated[_Name | None, Field(description="`next` of the page before")] = None

    def window(self, now: datetime) -> contract.Window:
        """Raises `ProblemError` for one that is empty or out of range."""
        until = self.until or now
        since = self.since or until - _DEFAULT_WINDOW
        for name, when in (("since", since), ("until", until)):
            if not _EARLIEST <= when <= _LATEST:
                raise problems.invalid(f"query.{name}", f"{when.isoformat()} is not between 2000 and 2200")
        if since >= until:
            raise problems.invalid("query.since", f"{since.isoformat()} is not before {until.isoformat()}")
        return contract.Window(since=since, until=until)

    def filters(self, window: contract.Window) -> rows.TraceFilters:
        """Raises `ProblemError` for a cursor of something else."""
        after = None
        if self.cursor is not None:
            try:
                after = wire.parse_cursor(self.cursor, self.order)
            except ValueError as error:
                raise problems.invalid("query.cursor", f"not a cursor of this list: {error}") from None
        return rows.TraceFilters(
            since_ns=wire.nanoseconds(window.since),
            until_ns=wire.nanoseconds(window.until),
            service=self.service,
            agent=self.agent,
            failed=self.status == "error",
            text=self.text.strip(),
            min_duration_ns=int(self.min_duration_ms * 1_000_000),
            order=self.order,
            after=after,
            limit=self.limit,
        )
