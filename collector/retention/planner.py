"""What would go, counted before anything does."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from clickhouse_connect.driver.client import Client

from collector.retention.holding import Holding
from collector.retention.holds import Holds
from collector.retention.items import Item, Plan
from collector.retention.limits import Limits
from collector.retention.policy import NEVER, Kind, Policy, moment, ns
from collector.retention.tables import BY_AGE, CONTENTS, EVALUATIONS, LOGS, SPANS, Table, first_day, names
from collector.retention.wording import Texts, fill
from collector.retention.working import Working
from collector.retention.works import Borders, Work, works
from collector.store.reads import statement

QUIET = timedelta(hours=1)
"""A day that telemetry came for since is left alone."""
_JUDGED: tuple[tuple[Table, tuple[Kind, ...]], ...] = (
    (SPANS, (Kind.CONTENT, Kind.METADATA)),
    (CONTENTS, (Kind.METADATA,)),
    (LOGS, (Kind.CONTENT,)),
    (EVALUATIONS, (Kind.CONTENT,)),
    *((table, (kind,)) for table, kind in BY_AGE),
)


class Planner:
    """Makes plans of one policy and counts them. Raises ClickHouseError and HoldsFailed."""

    def __init__(self, client: Client, policy: Policy, holds: Holds, limits: Limits) -> None:
        self._client = client
        self._policy = policy
        self._limits = limits
        self._working = Working(client)
        self._holding = Holding(client, holds)
        self._texts = Texts()

    def plan(self, now: datetime) -> Plan:
        """The oldest days that have something due: as many as one run may do."""
        plan = Plan(secrets.token_hex(6), self._policy.id, now, now.date())
        self.judge_owners(plan)
        days = self._days(now)
        step = max(self._limits.days, 1)
        for end in range(step, len(days) + step, step):
            later = end < len(days)
            plan = replace(plan, through=days[end - 1] if later else now.date(), later=later)
            self._judge_traces(plan, days[:end])
            plan = replace(plan, items=self.count(plan))
            if plan.rows:
                break
        return self._cut(plan)

    def judge_owners(self, plan: Plan) -> None:
        """Work out, for each participant of each table, from when on what is kept."""
        tables = self._partitions()
        for table, kinds in _JUDGED:
            latest = self._latest(kinds, plan.now)
            if table.name not in tables or latest is None:
                continue
            sql = fill("participants", columns=", ".join(table.dimensions), table=table.name, time=table.time)
            rows = [tuple(row) for row in self._client.query(sql, parameters={"latest": latest}).result_rows]
            for kind in kinds:
                judged = [(row, self._policy.border(kind, table.participant(row), plan.now)) for row in rows]
                self._working.add_borders(plan.id, table, kind, judged)

    def works(self, plan: Plan) -> list[Work]:
        """What is to be done, in order."""
        busy = frozenset(self._busy(plan.now))
        return list(works(plan, self._partitions(), self._borders(plan), busy, self._referring()))

    def count(self, plan: Plan) -> list[Item]:
        """Asks holds, then counts what would go and what only they keep."""
        listed = self.works(plan)
        self._holding.ask_all(plan, listed)
        return [item for work in listed for item in self.items(work, work.partitions)]

    def items(self, work: Work, partitions: tuple[str, ...]) -> list[Item]:
        """What a work would do in these partitions."""
        sizes = {
            (table, partition): size / max(rows, 1) for table, partition, rows, size in self._parts([work.table.name])
        }
        counted = self._client.query(work.count(partitions)).result_rows
        return sorted(
            (
                Item(
                    work.table.name,
                    partition,
                    first_day(partition),
                    work.kind,
                    org,
                    rows,
                    size if work.bytes != "0" else round(rows * sizes.get((work.table.name, partition), 0)),
                    work.reason,
                    held,
                )
                for partition, org, rows, size, held in counted
                if rows or held
            ),
            key=lambda item: (item.partition, item.org),
        )

    def ask_holds(self, plan: Plan) -> None:
        """Once more."""
        self._holding.ask_all(plan, self.works(plan))

    def stored(self) -> dict[str, int]:
        """Rows of each table."""
        total: dict[str, int] = {}
        for table, _, rows, _ in self._parts(names()):
            total[table] = total.get(table, 0) + rows
        return total

    def rows_of(self, table: str, partition: str) -> int:
        return sum(rows for _, found, rows, _ in self._parts([table]) if found == partition)

    def newest(self) -> datetime | None:
        """When telemetry was last received; None if none is stored."""
        ((micros, rows),) = self._client.query(statement("retention_newest")).result_rows
        return moment(micros * 1000) if rows else None

    def _cut(self, plan: Plan) -> Plan:
        """Fewer days, if these are too many bytes for one run; one day at least."""
        if plan.bytes <= self._limits.bytes:
            return plan
        days = sorted({item.day for item in plan.items if item.rows})
        for last, after in reversed(list(pairwise(days))):
            if sum(item.bytes for item in plan.items if item.day <= last) <= self._limits.bytes or after == days[1]:
                shorter = replace(plan, through=last, later=True)
                shorter = replace(shorter, items=self.count(shorter))
                if shorter.rows:
                    return shorter
        return plan

    def _days(self, now: datetime) -> list[date]:
        """Days that may have something due, oldest first."""
        found: set[date] = set()
        stored = self._partitions()

        def until(table: Table, kinds: tuple[Kind, ...]) -> Iterator[date]:
            latest = self._latest(kinds, now)
            if latest is not None:
                yield from (day for day in map(first_day, stored.get(table.name, ())) if day <= latest)

        found |= {*until(CONTENTS, (Kind.CONTENT, Kind.METADATA)), *until(SPANS, (Kind.METADATA,))}
        latest = self._latest((Kind.CONTENT,), now)
        for table in (SPANS, LOGS, EVALUATIONS):
            if latest is not None and table.name in stored:
                sql = fill("days_with_texts", table=table.name, text=self._texts.condition(table))
                rows = self._client.query(sql, parameters={"latest": latest}).result_rows
                found |= {first_day(partition) for (partition,) in rows}
        for table, kind in BY_AGE:
            found |= set(until(table, (kind,)))
        return sorted(found)

    def _judge_traces(self, plan: Plan, days: list[date]) -> None:
        latest = self._latest((Kind.CONTENT, Kind.METADATA), plan.now)
        if latest is None:
            return
        quiet = plan.now - QUIET
        parameters = {
            "plan": plan.id,
            "days": days,
            "busy": self._busy(plan.now),
            "until": f"{latest + timedelta(days=1)} 00:00:00",
            "quiet": ns(quiet),
            "landed": f"{quiet:%Y-%m-%d %H:%M:%S}",
        }
        sql = statement("retention_due_traces")
        rows = self._client.query(sql, parameters=parameters).result_rows
        self._working.add_traces(plan.id, map(tuple, rows))

    def _latest(self, kinds: Iterable[Kind], now: datetime) -> date | None:
        """The last day of which anything of these classes may be due; None if nothing ever is."""
        latest = max(self._policy.latest(kind, now) for kind in kinds)
        return None if latest == NEVER else moment(latest).date()

    def _borders(self, plan: Plan) -> Borders:
        found: dict[tuple[str, Kind], tuple[int, ...]] = {}
        rows = self._client.query(statement("retention_borders"), parameters={"plan": plan.id}).result_rows
        for table, kind, border in rows:
            key = (table, Kind(kind))
            found[key] = (*found.get(key, ()), border)
        return found

    def _busy(self, now: datetime) -> list[date]:
        found: set[date] = set()
        for table in (SPANS, LOGS):
            sql = fill("busy_days", table=table.name)
            parameters = {"quiet": f"{now - QUIET:%Y-%m-%d %H:%M:%S}"}
            found |= {day for (day,) in self._client.query(sql, parameters=parameters).result_rows}
        return sorted(found)

    def _referring(self) -> tuple[Table, ...]:
        sql = (
            "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'Texts' "
            "AND table IN ('otel_traces', 'otel_logs')"
        )
        found = {name for (name,) in self._client.query(sql).result_rows}
        return tuple(table for table in (SPANS, LOGS) if table.name in found)

    def _partitions(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for table, partition, _, _ in self._parts(names()):
            found.setdefault(table, []).append(partition)
        return {table: tuple(sorted(partitions)) for table, partitions in found.items()}

    def _parts(self, tables: list[str]) -> list[tuple[str, str, int, int]]:
        return [
            (table, partition, rows, size)
            for table, partition, rows, size in self._client.query(
                statement("retention_partitions"), parameters={"tables": tables}
            ).result_rows
        ]
