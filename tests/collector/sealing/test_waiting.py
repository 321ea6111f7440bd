"""What waits to be sealed: told by arrivals and by what sealing notes among them."""

from __future__ import annotations

import time

import pytest

from collector.sealing.arrivals import Arrivals
from collector.store.one_trace import get_trace
from collector.store.trace_filters import TraceFilters
from collector.store.trace_list import figures, list_traces, waiting_traces
from tests.collector.sealing.scene import BEGIN, ORG, SECOND, Said, Scene, agent, call

ALL = TraceFilters(BEGIN - 3600 * SECOND, BEGIN + 3600 * SECOND)
FIRST = Said(1, 1).trace_id


def seal_now(scene: Scene, *traces: int) -> None:
    scene.pass_seconds(0)
    scene.sealer.seal([Said(trace, 1).trace_id for trace in traces])


def only_look_at_what_comes_now(scene: Scene) -> None:
    """As if sealing had come so far that nothing which landed until now is looked at again."""
    scene.store.client().command(
        "INSERT INTO sealing_progress (Through) SELECT max(LandedAt) + INTERVAL 15050 MILLISECOND FROM arrivals"
    )
    time.sleep(0.2)


def listed(scene: Scene) -> list[tuple[str, int, bool]]:
    client = scene.store.client()
    return [(row.trace_id, row.spans, row.sealed) for row in list_traces(client, ORG, ALL).traces]


def test_what_was_sealed_waits_no_more_and_what_came_since_does(scene: Scene) -> None:
    client = scene.store.client()
    scene.send(agent(1, 1, "triage"))
    scene.send(agent(2, 1, "triage", start=60))
    assert waiting_traces(client, ORG).traces == 2
    seal_now(scene, 1)
    assert waiting_traces(client, ORG).traces == 1
    seal_now(scene, 2)
    assert waiting_traces(client, ORG).traces == 0
    assert waiting_traces(client, "another").traces == 0
    scene.send(call(2, 2, 1, start=61))
    assert waiting_traces(client, ORG).traces == 1
    assert waiting_traces(client, ORG).start_ns == BEGIN + 60 * SECOND
    assert waiting_traces(client, ORG, BEGIN + 60 * SECOND).traces == 0


def test_a_trace_that_began_before_all_that_waits_is_listed_as_it_was_sealed(scene: Scene) -> None:
    scene.send(agent(1, 1, "triage"))
    seal_now(scene, 1)
    only_look_at_what_comes_now(scene)
    scene.send(call(1, 2, 1, start=5))
    scene.send(agent(2, 1, "triage", start=8))
    assert listed(scene) == [(Said(2, 1).trace_id, 1, False), (FIRST, 1, True)]
    client = scene.store.client()
    assert figures(client, ORG, [FIRST])[FIRST].spans == 2
    trace = get_trace(client, ORG, FIRST, 10)
    assert trace is not None
    assert len(trace.spans) == 2
    seal_now(scene, 1, 2)
    assert listed(scene) == [(Said(2, 1).trace_id, 1, True), (FIRST, 2, True)]


def test_a_late_span_that_began_before_its_trace_is_not_lost(scene: Scene) -> None:
    scene.send(agent(1, 2, "triage", start=5))
    seal_now(scene, 1)
    only_look_at_what_comes_now(scene)
    scene.send(agent(1, 1, "root", start=3))
    assert listed(scene) == [(FIRST, 2, False)]


def test_a_crash_before_the_note_costs_nothing_but_the_cost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.send(call(1, 1))
    with monkeypatch.context() as patched:
        patched.setattr(Arrivals, "mark", lambda *_: None)
        seal_now(scene, 1)
    assert listed(scene) == [(FIRST, 1, False)]
    scene.restart()
    seal_now(scene, 1)
    assert listed(scene) == [(FIRST, 1, True)]
