"""How one agent does over time, and how all workflows do."""

from __future__ import annotations

from datetime import datetime

from collector.store import health
from collector.store.health import NOTHING, Slot, Subject
from inventory import contract
from inventory.contract import incidents as said
from inventory.incidents.framing import MINUTE, moment, span, whole_minutes
from inventory.readers import Readers


def agent_figures(
    store: Readers, org: str, agent: str, window: contract.Window, steps: int, now: datetime
) -> said.AgentFigures:
    """Steps are whole minutes: there are as many as were asked for, or fewer. Raises `ReadError`."""
    start, end = whole_minutes(window)
    length = max(-(-(end - start) // steps // MINUTE) * MINUTE, MINUTE)
    subject = Subject("agent", agent)
    with store.reader() as client:
        fine = health.slots(client, org, start, end, length, subjects=[subject])
        whole = health.slots(client, org, start, end, end - start, subjects=[subject])
    own, total = fine.get(subject, NOTHING), whole.get(subject, NOTHING).at(0)
    listed = [_step(start + number * length, own.at(number)) for number in range(-(-(end - start) // length))]
    return said.AgentFigures(
        as_of=now,
        agent=agent,
        window=span(start, end),
        total=_step(start, total),
        steps=listed,
    )


def workflows(store: Readers, org: str, window: contract.Window, now: datetime) -> said.Workflows:
    """Raises `ReadError`."""
    start, end = whole_minutes(window)
    with store.reader() as client:
        figures = health.slots(client, org, start, end, end - start)
    found = [_workflow(subject.name, own.at(0)) for subject, own in figures.items() if subject.kind == "workflow"]
    return said.Workflows(
        as_of=now,
        window=span(start, end),
        workflows=sorted(found, key=lambda one: (-(one.cost or 0), one.name)),
        total=_workflow("", figures.get(Subject("all"), NOTHING).at(0)),
    )


def _workflow(name: str, slot: Slot) -> said.Workflow:
    return said.Workflow(
        name=name,
        traces=slot.events,
        failed=slot.failed,
        model_calls=slot.calls,
        unpriced=slot.unpriced,
        cost=slot.known_cost,
        p95_ns=slot.p95_ns,
    )


def _step(second: int, slot: Slot) -> said.AgentStep:
    return said.AgentStep(
        start=moment(second),
        runs=slot.events,
        failed=slot.failed,
        model_calls=slot.calls,
        unpriced=slot.unpriced,
        input_tokens=slot.input_tokens,
        output_tokens=slot.output_tokens,
        cost=slot.known_cost,
        p95_ns=slot.p95_ns,
    )
