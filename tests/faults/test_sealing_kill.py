"""Stopped by kill -9 while traces are sealed: what is spent is what the newest seals say, to the last digit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.collector.sealing.scene import Said, agent, call, request
from tests.faults.rig import Collector, report
from tests.server import wait_for

HASTY = {
    "MUSTER_COLLECTOR_BATCH_LINGER": "0.05",
    "MUSTER_COLLECTOR_SEAL_EVERY": "0.05",
    "MUSTER_COLLECTOR_SEAL_QUIET": "0.1",
    "MUSTER_COLLECTOR_SEAL_ROWS": "200",
}
_AGENTS = ("triage", "billing", "writer")
_MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "nobody-knows-this")
_SUMS = (
    "Spans", "Errors", "Calls", "ToolCalls", "TokensUnknown", "Unpriced", "InputTokens", "OutputTokens", "Cost",
)  # fmt: skip
_NAMES = "Org, Agent, RootAgent, Model"


def traces(number: int, random: Random, first: int) -> Iterator[Said]:
    """Agents that call models and one another; spans in no order."""
    spans = []
    for trace in range(first, first + number):
        spans.append(agent(trace, trace * 100 + 1, random.choice(_AGENTS), seconds=30))
        spans.append(agent(trace, trace * 100 + 2, random.choice(_AGENTS), parent=trace * 100 + 1, seconds=20))
        for span in range(3, 12):
            tokens = random.choice([None, (random.randrange(1, 9_999), random.randrange(1, 999))])
            more = {"model": random.choice(_MODELS), "start": span, "error": random.random() < 0.1}
            spans.append(call(trace, trace * 100 + span, trace * 100 + random.randrange(1, 3), tokens, **more))
    random.shuffle(spans)
    return iter(spans)


class Sender:
    """Sends each request again until it is acknowledged."""

    def __init__(self, server: Collector, spans: list[Said]) -> None:
        self._server = server
        self._spans = spans
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        for start in range(0, len(self._spans), 40):
            body = request(self._spans[start : start + 40])
            while not self._sent(body):
                time.sleep(0.1)

    def _sent(self, body: bytes) -> bool:
        try:
            return self._server.post("traces", body).status_code == 200
        except httpx.TransportError:
            return False


def killed_while_sealing(directory: Path, rounds: int, seed: int, *, number: int) -> None:
    """Each round kills the server while an insert of seals is under way, or at any moment; and again recovering."""
    random = Random(seed)
    server = Collector(directory / "data", HASTY)
    pending = server.data / "spool" / "seals" / "seal.pending"
    interrupted = 0
    server.start()
    for turn in range(rounds):
        sender = Sender(server, list(traces(number, random, 1 + turn * number)))
        sender.thread.start()
        if turn % 3 != 2:
            wait_for(pending.exists, "a seal is under way", 60)
            time.sleep(random.uniform(0, 0.02))
        else:
            time.sleep(random.uniform(0.5, 1.5))
        server.kill()
        interrupted += pending.exists()
        server.launch()
        time.sleep(random.uniform(1, 4))
        server.kill()
        interrupted += pending.exists()
        server.start()
        sender.thread.join(120)
        assert not sender.thread.is_alive()
    server.settle(120)
    stored = datetime.now(UTC)
    wait_for(lambda: sealed(server, stored), "every trace is sealed", 120)
    assert server.stop() == 0
    assert interrupted
    spans = rounds * number * 11
    newest, spent, seals = compare(server)
    assert spent == newest
    assert sum(int(row[4]) for row in spent) == spans
    assert seals > rounds * number, "no trace was sealed anew: nothing was corrected"
    report("sealer killed", {"rounds": rounds, "inserts interrupted": interrupted, "spans": spans, "seals": seals})


def sealed(server: Collector, stored: datetime) -> bool:
    """Whether the sealer has looked, since everything was stored and quiet, and found nothing to do."""
    state = server.get("/ops/seals")
    looked = state["last_run"] and datetime.fromisoformat(state["last_run"]) > stored + timedelta(seconds=1)
    return bool(looked) and state["backlog"] == 0 and state["problem"] == ""


def compare(server: Collector) -> tuple[list[list[str]], list[list[str]], int]:
    """Sums by name from the newest seals and from the rollup, and how many seals there are.

    Summaries must say the same, and cover exactly the spans that are stored. The server must have stopped.
    """
    per_row = {
        "Spans": "1", "Errors": "StatusCode = 'Error'", "Calls": "Call", "ToolCalls": "ToolCall",
        "TokensUnknown": "Call AND InputTokens IS NULL AND OutputTokens IS NULL", "Unpriced": "Call AND Cost IS NULL",
        **{name: f"if(Call, ifNull({name}, 0), 0)" for name in ("InputTokens", "OutputTokens", "Cost")},
    }  # fmt: skip
    newest = (
        "(SELECT * FROM span_facts WHERE (Org, TraceId, Seal) IN "
        "(SELECT Org, TraceId, max(Seal) FROM span_facts GROUP BY Org, TraceId))"
    )
    rows = ", ".join(f"toString(sum({text}))" for text in per_row.values())
    afresh = server.query(
        f"SELECT Org, Agent, RootAgent, if(Call, f.Model, '') AS Named, {rows} FROM {newest} AS f "
        "GROUP BY Org, Agent, RootAgent, Named ORDER BY ALL"
    )
    sums = ", ".join(f"toString(sum({name}))" for name in _SUMS)
    spent = server.query(
        f"SELECT {_NAMES}, {sums} FROM spend_hour GROUP BY {_NAMES} HAVING sum(Spans) != 0 ORDER BY ALL"
    )
    ((copies, summed),) = server.query(
        "SELECT (SELECT toString(arraySort(groupArray((TraceId, n)))) FROM (SELECT TraceId, uniqExact(SpanId) AS n "
        "FROM otel_traces GROUP BY TraceId)), (SELECT toString(arraySort(groupArray((TraceId, toUInt64(Spans))))) "
        "FROM trace_summaries FINAL)"
    )
    assert copies == summed
    ((seals,),) = server.query("SELECT uniqExact(TraceId, Seal) FROM span_facts")
    return afresh, spent, int(seals)


def test_kill_9_while_sealing(tmp_path: Path) -> None:
    killed_while_sealing(tmp_path, 2, seed=41, number=60)


@pytest.mark.prove
def test_kill_9_while_sealing_15_rounds(tmp_path: Path) -> None:
    killed_while_sealing(tmp_path, 15, seed=42, number=300)
