"""Asking holds, and noting what they keep among a plan's working rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from clickhouse_connect.driver.client import Client

from collector.retention.holds import Holds, HoldsFailed
from collector.retention.items import Plan
from collector.retention.wording import fill
from collector.retention.working import Working
from collector.retention.works import Work
from collector.store.reads import statement

_AT_ONCE = 10_000


class Holding:
    """Raises HoldsFailed where holds can't be asked."""

    def __init__(self, client: Client, holds: Holds) -> None:
        self._client = client
        self._working = Working(client)
        self._holds = holds

    def ask_all(self, plan: Plan, works: Iterable[Work]) -> None:
        """About every organisation and trace that the plan would touch."""
        for (org,) in self._client.query(statement("retention_orgs"), parameters={"plan": plan.id}).result_rows:
            if self._everything(org):
                self._working.add_held(plan.id, org, [""])
        again = {"plan": plan.id, "through": plan.through}
        self._ask(plan, self._client.query(statement("retention_due_again"), parameters=again).result_rows)
        for work in works:
            if work.table.traced and work.reason != "its trace is due":
                sql = fill("traces_of", table=work.table.name, due=f"({work.about or work.due}) AND ({work.unheld})")
                self._ask(plan, self._client.query(sql).result_rows)

    def _ask(self, plan: Plan, rows: Iterable[Sequence[str]]) -> None:
        by_org: dict[str, list[str]] = defaultdict(list)
        for org, trace in rows:
            by_org[org].append(trace)
        for org, traces in by_org.items():
            for some in _cut(traces):
                self._working.add_held(plan.id, org, self._held(org, some))

    def _held(self, org: str, traces: list[str]) -> frozenset[str]:
        try:
            return frozenset(self._holds.held(org, traces)) & frozenset(traces)
        except Exception as error:
            # Whoever keeps holds is somebody else's code: what it raises means that nothing may go.
            raise HoldsFailed(
                f"holds can't be asked ({type(error).__name__}): nothing is removed until they answer"
            ) from error

    def _everything(self, org: str) -> bool:
        try:
            return bool(self._holds.everything(org))
        except Exception as error:
            raise HoldsFailed(
                f"holds can't be asked ({type(error).__name__}): nothing is removed until they answer"
            ) from error


def _cut(traces: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(traces), _AT_ONCE):
        yield traces[start : start + _AT_ONCE]
