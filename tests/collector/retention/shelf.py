"""A store of its own for retention, which looks at everything, and what is put into it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.retention.holds import Holds
from collector.retention.items import Item, Plan
from collector.retention.job import Paused, Retention
from collector.retention.limits import Limits
from collector.retention.policy import Policy, ns
from collector.retention.tables import names
from collector.store.connection import Store
from tests.engines import clear

NOW = datetime(2030, 6, 15, 12, tzinfo=UTC)
ATTRIBUTE = "gen_ai.input.messages"
GENEROUS = Limits(days=1000, jump=timedelta(days=100_000))
_NUMBER = itertools.count()
"""Never the same rows twice: the engine takes them for one insert repeated, even when they are long gone."""
LEFT_OUT = {"operation_minute": "EXCEPT (Duration)"}


def days(number: float) -> datetime:
    """So many days ago."""
    return NOW - timedelta(days=number)


def piece(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def policy(*rules: Mapping[str, Any], **default: str) -> Policy:
    return Policy.model_validate({"default": default, "rule": rules})


@dataclass
class Shelf:
    """The store, with `GENEROUS` limits and nothing held unless a test says so."""

    store: Store
    number: Iterator[int] = field(default_factory=lambda: _NUMBER)

    def clear(self) -> None:
        clear(self.store)

    def span(self, trace: str, at: datetime, *says: str, **where: Any) -> str:
        """The span's id."""
        row = self.row(trace, at, *says, **where)
        self.insert("spans", row)
        return str(row["SpanId"])

    def row(
        self,
        trace: str,
        at: datetime,
        *says: str,
        org: str = "acme",
        service: str = "mail",
        agent: str = "writer",
        environment: str = "",
        received: datetime | None = None,
    ) -> dict[str, Any]:
        """A span, not inserted yet."""
        return {
            "Timestamp": ns(at),
            "TraceId": trace,
            "SpanId": f"{next(self.number):016x}",
            "Org": org,
            "ServiceName": service,
            "AgentName": agent,
            "Environment": environment,
            "Operation": "chat",
            "ArgumentsDigest": "d1",
            "ReceivedAt": ns(received or at),
            "Texts": {ATTRIBUTE: [piece(text) for text in says]} if says else {},
            "Pieces": [(piece(text), text) for text in says],
        }

    def insert(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Times are ns, or datetimes."""
        self.store.client().insert(
            table,
            [[ns(value) if isinstance(value, datetime) else value for value in row.values()] for row in rows],
            column_names=list(rows[0]),
            settings={"async_insert": 0, "insert_deduplicate": 0},
        )

    def approval(self, trace: str, at: datetime, service: str = "mail") -> None:
        given = {"Timestamp": at, "Org": "acme", "TraceId": trace, "ServiceName": service, "ReceivedAt": at}
        self.insert("approvals", given)

    def log(self, trace: str, at: datetime, body: str, service: str = "mail", org: str = "acme") -> None:
        """As a stock exporter writes it."""
        given = {"Timestamp": at, "Org": org, "TraceId": trace, "ServiceName": service, "ReceivedAt": at, "Body": body}
        self.insert("otel_logs", given)

    def event(self, trace: str, at: datetime, body: str) -> None:
        """A log record as the collector keeps it: what it says stands in a piece."""
        given = {"Timestamp": at, "Org": "acme", "TraceId": trace, "ServiceName": "mail", "ReceivedAt": at}
        text = {"Texts": {"body": [piece(body)]}, "Pieces": [(piece(body), body)], "BatchId": "b"}
        self.insert("logs", given | text)

    def said(self) -> dict[str, str | None]:
        """The text of each span that is there; None where a piece of it is missing."""
        query = self.store.client().query
        rows = query("SELECT Day, Org, ServiceName, Id, Content FROM contents").result_rows
        pieces = {tuple(row[:4]): row[4] for row in rows}
        found: dict[str, str | None] = {}
        for span, day, org, service, texts in query(
            "SELECT SpanId, toDate(Timestamp), Org, ServiceName, Texts FROM otel_traces"
        ).result_rows:
            parts = [pieces.get((day, org, service, one)) for one in texts.get(ATTRIBUTE, ())]
            found[span] = "".join(map(str, parts)) if all(part is not None for part in parts) else None
        return found

    def count(self, table: str, where: str = "1") -> int:
        ((count,),) = self.store.client().query(f"SELECT count() FROM {table} WHERE {where}").result_rows
        return int(count)

    def pieces(self) -> list[str]:
        """The different pieces of content that are there, merged or not yet."""
        return [text for (text,) in self.store.client().query("SELECT DISTINCT Content FROM contents").result_rows]

    def everything(self) -> dict[str, list[Any]]:
        """All rows of all tables that retention looks at."""
        query = self.store.client().query
        present = {name for (name,) in query("SHOW TABLES").result_rows}
        return {
            name: sorted(map(repr, query(f"SELECT * {LEFT_OUT.get(name, '')} FROM {name}").result_rows))
            for name in names()
            if name in present
        }

    def retention(
        self, of: Policy, holds: Holds | None = None, limits: Limits = GENEROUS, paused: Paused | None = None
    ) -> Retention:
        return Retention(self.store, of, holds, limits, paused)

    def apply(self, of: Policy, holds: Holds | None = None, now: datetime = NOW) -> tuple[Plan, list[Item]]:
        """Plan and run."""
        job = self.retention(of, holds)
        plan = job.plan(now)
        return plan, job.run(plan)


@dataclass
class Listed:
    """Holds from a list of traces."""

    traces: set[str]
    orgs: frozenset[str] = frozenset()

    def held(self, org: str, traces: Sequence[str]) -> set[str]:
        return self.traces & set(traces)

    def everything(self, org: str) -> bool:
        return org in self.orgs
