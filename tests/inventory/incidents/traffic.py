"""A day of an organisation's agents, up to now, sealed: quiet, or with one thing gone wrong."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.sealing.sealer import Sealer
from collector.settings import CollectorSettings
from collector.store.connection import Store
from collector.store.writer import Writer
from tests.inventory.telemetry import HOUR, MINUTE, MS, SECOND, Sender, Sent, Value, agent, chat, tool

OLD, NEW = "sha256:" + "a1" * 32, "sha256:" + "b2" * 32
"""Releases of the drafter."""
_NUMBER = itertools.count(0x5000)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, since so many minutes before now; 0: never."""

    release: float = 0
    """Nearly half of a new release's runs fail."""
    new: str = NEW
    cost: float = 0
    """The drafter is told more and more."""
    dead: float = 0
    """crm.update refuses every call."""
    slow: float = 0
    """kb.search takes eight times as long."""
    stopped: float = 0
    """The pipeline doesn't run."""
    model: float = 0
    """The drafter's model fails every third time."""


QUIET = Trouble()
TROUBLES: Mapping[str, Trouble] = {
    "quiet": QUIET,
    "release": Trouble(release=25),
    "cost": Trouble(cost=300),
    "dead": Trouble(dead=20),
    "slow": Trouble(slow=40),
    "stopped": Trouble(stopped=75),
    "model": Trouble(model=30),
}


class Traffic:
    """Two workflows: support (60 traces an hour) and pipeline (30)."""

    def __init__(self, trouble: Trouble, now: int, seed: int) -> None:
        self._trouble = trouble
        self._now = now
        self._random = Random(seed)

    def spans(self, hours: float = 26) -> Iterator[Sent]:
        start = self._now - int(hours * HOUR)
        yield from self._workflow(start, 60, self._support)
        yield from self._workflow(start, 30, self._pipeline)

    def _workflow(self, start: int, per_hour: float, one: object) -> Iterator[Sent]:
        at = start
        while (at := at + int(self._random.expovariate(per_hour) * HOUR)) < self._now - 2 * MINUTE:
            yield from one(at)  # type: ignore[operator]

    def _goes(self, since: float, at: int) -> bool:
        return bool(since) and at >= self._now - int(since * MINUTE)

    def _support(self, at: int) -> Iterator[Sent]:
        wrong, random = self._trouble, self._random
        trace = next(_NUMBER)
        release = wrong.new if self._goes(wrong.release, at) else OLD
        bad = self._goes(wrong.release, at) and random.random() < 0.45
        dead = self._goes(wrong.dead, at)
        refused = self._goes(wrong.model, at) and random.random() < 0.35
        flaky = random.random() < 0.01
        tokens = random.randrange(900, 1_300)
        if self._goes(wrong.cost, at):
            gone = (at - (self._now - wrong.cost * MINUTE)) / (wrong.cost * MINUTE)
            tokens = int(tokens * (1 + 2.2 * gone))
        search = random.randrange(150, 400) * (8 if self._goes(wrong.slow, at) else 1) * MS
        draft = random.randrange(900, 2_500) * MS
        root: dict[str, Value] = {**agent("support-triage"), "user.id": f"user-{random.randrange(40)}"}
        drafter: dict[str, Value] = {**agent("support-drafter"), "muster.release.id": release}
        said = "guard: no such template" if bad else "model overloaded" if refused else None
        failed = said or ("connection refused" if dead else None) or ("timed out" if flaky else None)
        model = chat("gpt-4o-mini", (tokens, random.randrange(80, 160)))
        crm = 200 * MS
        total = search + draft + crm + 60 * MS
        yield Sent(trace, 1, 0, "invoke_agent support-triage", at, total, failed, "support", root)
        yield Sent(trace, 2, 1, "execute_tool kb.search", at + 10 * MS, search, None, "support", tool("kb.search"))
        began = at + search + 20 * MS
        yield Sent(trace, 3, 1, "invoke_agent support-drafter", began, draft, said, "support", drafter)
        mistake = "overloaded" if refused else None
        yield Sent(trace, 4, 3, "chat gpt-4o-mini", began + MS, draft - 2 * MS, mistake, "support", model)
        if said is None:
            mistake = "connection refused" if dead else "timed out" if flaky else None
            yield Sent(
                trace, 5, 1, "execute_tool crm.update", began + draft, crm, mistake, "support", tool("crm.update")
            )

    def _pipeline(self, at: int) -> Iterator[Sent]:
        if self._goes(self._trouble.stopped, at):
            return
        random, trace = self._random, next(_NUMBER)
        length = random.randrange(4_000, 9_000) * MS
        failed = "bad row" if random.random() < 0.02 else None
        model = chat("gpt-4.1", (random.randrange(2_000, 3_000), 300))
        yield Sent(trace, 1, 0, "invoke_agent pipeline", at, length, failed, "pipeline", agent("pipeline"))
        yield Sent(trace, 2, 1, "chat gpt-4.1", at + MS, length - 2 * MS, None, "pipeline", model)
        yield Sent(trace, 3, 1, "execute_tool lineage.write", at + 2 * MS, SECOND, None, "pipeline",
                   tool("lineage.write"))  # fmt: skip


def send(store: Store, writer: Writer, directory: Path, by_org: Mapping[str, Trouble], *, seed: int = 3) -> int:
    """Everything is stored and sealed when it returns; now, ns."""
    now = time.time_ns() // MINUTE * MINUTE
    for org, trouble in by_org.items():
        sender = Sender(writer, org, "gateway")
        spans = list(Traffic(trouble, now, seed).spans())
        for first in range(0, len(spans), 5_000):
            sender.spans(*spans[first : first + 5_000], resource={"deployment.environment.name": "production"})
    seal(store, directory)
    return now


def seal(store: Store, directory: Path) -> None:
    ahead = time.time_ns() + 5 * MINUTE
    sealer = Sealer(store, Costing(PriceBook()), directory, CollectorSettings(), lambda: ahead)
    while sealer.run_once().seals:
        pass
