"""How agents do, slot by slot of time, and whom a failure reached: of sealed traces, by when each began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from clickhouse_connect.driver.client import Client

from collector.store.reads import run

SubjectKind = Literal["all", "workflow", "agent", "release", "model", "tool"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose figures: `name` is an agent's registered id or the name that telemetry gives it, a release's id, …; a
    release is `within` its agent. A workflow is named by its outermost agent.
    """

    kind: SubjectKind
    name: str = ""
    within: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Slot:
    """What was in one slot. `events`: traces of a workflow, runs of an agent or a release, calls of a model or a tool;
    `failed` of them. `calls`: of models; `cost` is of those with a price. `p95_ns` is an estimate; None: no event.
    """

    events: int = 0
    failed: int = 0
    calls: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    p95_ns: int | None = None

    @property
    def known_cost(self) -> Decimal | None:
        """None: no call has a price."""
        return self.cost if self.calls > self.unpriced else None


@dataclass(frozen=True, slots=True)
class Figures:
    """`slots` by their number; those without anything are left out."""

    registered: bool
    slots: Mapping[int, Slot]

    def at(self, number: int) -> Slot:
        return self.slots.get(number, _EMPTY)


_EMPTY = Slot()
NOTHING = Figures(False, {})
"""Of whoever did nothing."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Traces with an error in them that somebody took part in; `worst` is the one to look at first."""

    traces: int
    worst: str
    requesters: int
    workflows: Sequence[str]
    environments: Sequence[str]
    tools: Sequence[str]


def slots(
    client: Client,
    org: str,
    since: int,
    until: int,
    length: int,
    *,
    subjects: Sequence[Subject] = (),
    workflow: str = "",
) -> dict[Subject, Figures]:
    """Figures of [since, until), s, whole minutes, in slots of `length` s. Raises `ReadError`.

    Without `subjects` all of them; with a `workflow` of its traces alone.
    """
    rows = run(
        client,
        "health_slots",
        org=org,
        since=since,
        until=until,
        length=length,
        subjects=[str(subject) for subject in subjects],
        workflow=workflow,
    )
    found: dict[Subject, dict[int, Slot]] = {}
    registered: dict[Subject, bool] = {}
    for row in rows:
        subject = Subject(row["kind"], row["name"], row["within"])
        registered[subject] = registered.get(subject, False) or bool(row["is_registered"])
        found.setdefault(subject, {})[row["slot"]] = Slot(
            events=row["events"],
            failed=row["failed"],
            calls=row["calls"],
            unpriced=row["unpriced"],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            cost=row["cost"],
            p95_ns=None if row["p95_ns"] is None else int(row["p95_ns"]),
        )
    return {subject: Figures(registered[subject], by_slot) for subject, by_slot in found.items()}


def failures(client: Client, org: str, since_ns: int, until_ns: int, *, limit: int = 200) -> dict[str, Failures]:
    """By who took part, registered id or name; '' is everybody together. Raises `ReadError`."""
    rows = run(client, "failed_traces", org=org, since=since_ns, until=until_ns, limit=limit)
    return {row.pop("who"): Failures(**row) for row in rows}
