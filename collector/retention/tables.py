"""Which tables are kept how: what goes with its trace, what by its own age, and where content stands in rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from collector.retention.policy import Kind, Participant


@dataclass(frozen=True, slots=True)
class Table:
    """`time`: the column its partitions are cut by; `received`: the column that says when a row came, "" if none does.

    `agent` and `environment`: columns, "" where the table doesn't say.
    """

    name: str
    time: str = "Timestamp"
    received: str = "ReceivedAt"
    agent: str = ""
    environment: str = ""
    traced: bool = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Its columns that say whose a row is."""
        return ("Org", "ServiceName", *filter(None, (self.agent, self.environment)))

    @property
    def border_columns(self) -> tuple[str, ...]:
        """The same in retention_borders."""
        return (
            "Org",
            "ServiceName",
            *(("AgentName",) if self.agent else ()),
            *(("Environment",) if self.environment else ()),
        )

    @property
    def age(self) -> str:
        """SQL for when a row happened, or came if that was later, ns since the epoch.

        A back-dated load is legitimate: what came late is kept as long as what came then.
        """
        if self.time in ("Minute", "Hour"):
            late = (
                f"greatest(toDateTime64({self.time}, 9), {self.received})"
                if self.received
                else f"toDateTime64({self.time}, 9)"
            )
        else:
            late = f"greatest({self.time}, {self.received})" if self.received else self.time
        return f"toUnixTimestamp64Nano({late})"

    def participant(self, values: tuple[str, ...]) -> Participant:
        """Whose rows with these `dimensions` are."""
        said = dict(zip(self.border_columns, values, strict=True))
        return Participant(said["Org"], said["ServiceName"], said.get("AgentName"), said.get("Environment"))


SPANS = Table("otel_traces", agent="AgentName", environment="Environment", traced=True)
LOGS = Table("otel_logs", traced=True)
EVALUATIONS = Table("evaluations", traced=True)
APPROVALS = Table("approvals", traced=True)
CONTENTS = Table("contents", time="Day", received="")
EXTENTS = Table("otel_traces_trace_id_ts", time="Start", received="")

WITH_THEIR_TRACE = (
    Table("span_facts", received="", traced=True),
    Table("trace_summaries", time="Start", received="LastReceived", traced=True),
    EVALUATIONS,
    LOGS,
    SPANS,
)
"""In the order in which they go. What says where a trace lies goes after all of them."""

BY_AGE: tuple[tuple[Table, Kind], ...] = (
    (APPROVALS, Kind.APPROVALS),
    (LOGS, Kind.LOGS),
    (EVALUATIONS, Kind.METADATA),
    (Table("otel_metrics_gauge", time="TimeUnix"), Kind.METRICS),
    (Table("otel_metrics_sum", time="TimeUnix"), Kind.METRICS),
    (Table("otel_metrics_histogram", time="TimeUnix"), Kind.METRICS),
    (Table("operation_minute", time="Minute", received="", agent="AgentName"), Kind.ROLLUPS),
    (
        Table("agent_activity", time="Hour", received="LastReceived", agent="AgentName", environment="Environment"),
        Kind.ROLLUPS,
    ),
    (Table("spend_hour", time="Hour", received="", agent="Agent", environment="Environment"), Kind.ROLLUPS),
    (Table("sealed_minute", time="Minute", received="", agent="Agent", environment="Environment"), Kind.ROLLUPS),
    (Table("longest_traces", time="Hour", received=""), Kind.ROLLUPS),
)
"""Log records and evaluations of a stored trace go with it, and are not judged here."""


def names() -> list[str]:
    """All tables that retention knows."""
    told = [CONTENTS, EXTENTS, *WITH_THEIR_TRACE, *(table for table, _ in BY_AGE)]
    return list(dict.fromkeys(table.name for table in told))


def first_day(partition: str) -> date:
    """The first day of a partition: its id is a day or a month."""
    return date(int(partition[:4]), int(partition[4:6]), int(partition[6:8] or "1"))
