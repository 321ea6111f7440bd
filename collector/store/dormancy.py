"""What telemetry says about who is idle: when each registered agent was active last, and when nothing could be seen."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from clickhouse_connect.driver.client import Client

from collector.store.reads import run

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class LastActivity:
    """Nanoseconds since 1970, 0: never. `tools_ns`: of the hour with the last tool call; `unvouched_ns`: of spans whose
    sender nobody verified.
    """

    agent: str
    vouched_ns: int
    tools_ns: int
    unvouched_ns: int


class Heartbeat:
    """Hours in which a source was heard, in order, and when it was last."""

    def __init__(self, hours: Sequence[datetime], last: datetime | None) -> None:
        self.hours = hours
        self.last = last
        self._gaps = [(before + _HOUR, after) for before, after in pairwise(hours) if after - before > _HOUR]
        self._ends = [end for _, end in self._gaps]

    def blind(self, since: datetime, until: datetime) -> timedelta:
        """How much of a time nobody can speak for: whole hours without a heartbeat, and all before the first. The
        hour of `until` isn't over: whether the source is alive now is asked of `last`.
        """
        return sum((end - start for start, end in self.gaps(since, until)), timedelta())

    def gaps(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The same as times from and until, hours in a row as one."""
        end = until.replace(minute=0, second=0, microsecond=0)
        if end <= since:
            return []
        if not self.hours:
            return [(since, until)]
        first, after = self.hours[0], self.hours[-1] + _HOUR
        found = [(since, min(first, end))] if since < first else []
        number = bisect_right(self._ends, since)
        while number < len(self._gaps) and self._gaps[number][0] < end:
            start, stop = self._gaps[number]
            # An hour that was half over when it began is left out as a whole: for the agent, never against it.
            found.append((max(start, since.replace(minute=0, second=0, microsecond=0)), min(stop, end)))
            number += 1
        if after < end:
            found.append((max(after, since), end))
        return found


def last_activity(
    client: Client, org: str, environments: Sequence[str], identities: Sequence[str], agent: str = ""
) -> dict[str, LastActivity]:
    """By registered agent; who was never seen isn't there. `environments` in lower case. Raises `ReadError`."""
    rows = run(
        client,
        "activity_last",
        org=org,
        environments=list(environments),
        identities=list(identities),
        agent=agent,
    )
    return {row["agent"]: LastActivity(**row) for row in rows}


def heartbeat(client: Client, org: str, service: str, since: datetime) -> Heartbeat:
    """Of a service, from an hour on. Raises `ReadError`."""
    rows = run(client, "heartbeat_hours", org=org, service=service, since=int(since.timestamp()))
    last = max((row["received_ns"] for row in rows), default=None)
    return Heartbeat(
        [datetime.fromtimestamp(row["hour"], UTC) for row in rows],
        None if last is None else datetime.fromtimestamp(last / 1e9, UTC),
    )


def active_hours(
    client: Client, org: str, environments: Sequence[str], identities: Sequence[str], since: datetime
) -> dict[str, list[datetime]]:
    """By registered agent, the hours in which it was active, in order. Raises `ReadError`."""
    rows = run(
        client,
        "activity_days",
        org=org,
        environments=list(environments),
        identities=list(identities),
        since=int(since.timestamp()),
    )
    return {row["agent"]: [datetime.fromtimestamp(hour, UTC) for hour in row["hours"]] for row in rows}


def active_months(client: Client, org: str) -> dict[str, list[date]]:
    """By registered agent, the first days of the months that its spans are of. Raises `ReadError`."""
    return {
        row["agent"]: [date.fromisoformat(month) for month in row["months"]]
        for row in run(client, "activity_months", org=org)
    }
