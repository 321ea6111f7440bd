"""What telemetry says about who is idle: when each registered agent was active last, and when nothing could be seen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Hours in which a source was heard, in order, and when it was last."""

    hours: Sequence[datetime]
    last: datetime | None

    def blind(self, since: datetime, until: datetime) -> timedelta:
        """How much of a time nobody can speak for: whole hours without a heartbeat, and all before the first. The
        hour of `until` isn't over: whether the source is alive now is asked of `last`.
        """
        if until <= since:
            return timedelta()
        if not self.hours:
            return until - since
        first = self.hours[0]
        dark = max(timedelta(), min(until, first) - since)
        begin = max(since, first).replace(minute=0, second=0, microsecond=0)
        end = until.replace(minute=0, second=0, microsecond=0)
        expected = max(0, int((end - begin) / _HOUR))
        heard = bisect_left(self.hours, end) - bisect_left(self.hours, begin)
        return dark + (expected - heard) * _HOUR

    def gaps(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The same as times from and until, hours in a row as one."""
        edges = [since, *self.hours[bisect_right(self.hours, since) : bisect_left(self.hours, until)], until]
        return [
            (before if number == 0 and before not in self.hours else before + _HOUR, after)
            for number, (before, after) in enumerate(pairwise(edges))
            if after - before > _HOUR
        ]


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
