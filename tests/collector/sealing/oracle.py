"""The structure of traces worked out the plain way: one span after the other, one nanosecond after the other.

Slow, and only for times a few dozen nanoseconds apart; written from the definitions, not from the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One stored copy of a span."""

    span_id: int
    parent_id: int = 0
    start: int = 0
    duration: int = 0
    trace: int = 0
    received: int = 0
    request: int = 0
    agent: int = -1
    call: bool = False
    tokens: bool = False
    response: int = -1
    wait: bool = False

    @property
    def end(self) -> int:
        return self.start + self.duration

    def arrival(self) -> tuple[int, ...]:
        """Earlier ones count before later ones; what came together is told apart by what it says."""
        said = (self.start, self.duration, self.parent_id, self.agent, self.response, self.call, self.tokens, self.wait)
        return self.received, self.request, *map(int, said)


@dataclass
class Meaning:
    """What is said of one counting row; `parent` by span id, 0 for none."""

    copies: int
    parent: int = 0
    parent_missing: bool = False
    in_cycle: bool = False
    depth: int = 0
    agent_nearest: int = -1
    agent_root: int = -1
    own_ns: int = 0
    critical: bool = False
    critical_ns: int = 0
    counted_call: bool = False


@dataclass
class Whole:
    """What is said of one trace; `root` by span id."""

    start_ns: int
    end_ns: int
    spans: int
    copies: int
    roots: int
    missing_parents: int
    in_cycles: int
    root: int
    critical_ns: int
    human_wait_ns: int
    depth: int


@dataclass
class Trace:
    """One trace, its counting rows by span id."""

    rows: list[Row]
    spans: dict[int, Row] = field(default_factory=dict)
    said: dict[int, Meaning] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in sorted(self.rows, key=Row.arrival):
            self.spans.setdefault(row.span_id, row)
        for each in self.spans:
            self.said[each] = Meaning(copies=sum(row.span_id == each for row in self.rows))
        self._parents()
        for each, row in self.spans.items():
            said, chain = self.said[each], self.chain(each)
            agents = [self.spans[one].agent for one in chain if self.spans[one].agent >= 0]
            said.depth = len(chain) - 1
            said.agent_nearest, said.agent_root = (agents[0], agents[-1]) if agents else (-1, -1)
            busy = {t for child in self.children(each) for t in moments(self.spans[child])}
            said.own_ns = len(set(moments(row)) - busy)
        self.start = min(row.start for row in self.spans.values())
        self.end = max(row.end for row in self.spans.values())
        self._walk(self.children(0), self.start, self.end)
        self._calls()

    def whole(self) -> Whole:
        said = self.said.values()
        roots = [each for each, row in self.spans.items() if row.parent_id == 0]
        waits = {t for row in self.spans.values() if row.wait for t in moments(row)}
        return Whole(
            start_ns=self.start,
            end_ns=self.end,
            spans=len(self.spans),
            copies=len(self.rows) - len(self.spans),
            roots=len(roots),
            missing_parents=sum(each.parent_missing for each in said),
            in_cycles=sum(each.in_cycle for each in said),
            root=min(roots or self.children(0), key=lambda each: (self.spans[each].start, each)),
            critical_ns=sum(each.critical_ns for each in said),
            human_wait_ns=len(waits),
            depth=max(each.depth for each in said),
        )

    def children(self, parent: int) -> list[int]:
        return [each for each in self.spans if self.said[each].parent == parent]

    def chain(self, each: int) -> list[int]:
        """The span and those above it, nearest first."""
        found = []
        while each:
            found.append(each)
            each = self.said[each].parent
        return found

    def _parents(self) -> None:
        for each, row in self.spans.items():
            self.said[each].parent = row.parent_id if row.parent_id in self.spans else 0
            self.said[each].parent_missing = row.parent_id != 0 and row.parent_id not in self.spans
        cycles = set()
        for each in self.spans:
            seen: list[int] = []
            above = each
            while above and above not in seen:
                seen.append(above)
                above = self.said[above].parent
            if above:
                self.said[each].in_cycle = True
                cycles.add(frozenset(seen[seen.index(above) :]))
        for cycle in cycles:
            cut = min(cycle, key=lambda each: (self.spans[each].start, each))
            self.said[cut].parent = 0

    def _walk(self, children: list[int], low: int, high: int) -> int:
        """How much of low to high lies in children that are walked, from the end back to the start."""
        parts = []
        for each in children:
            row = self.spans[each]
            start, end = max(row.start, low), min(row.end, high)
            if start < end or (start == end and row.duration == 0):
                parts.append((end, -start, -each))
        inside, now = 0, high
        for end, minus_start, minus_each in sorted(parts, reverse=True):
            if end <= now:
                now = -minus_start
                inside += end - now
                said = self.said[-minus_each]
                said.critical = True
                said.critical_ns = end - now - self._walk(self.children(-minus_each), now, end)
        return inside

    def _calls(self) -> None:
        calls = [each for each, row in self.spans.items() if row.call]
        tokens = {each for each in calls if self.spans[each].tokens}
        wrappers = set()
        for each in calls:
            below = [other for other in calls if other != each and each in self.chain(other)]
            if (below and each not in tokens) or tokens.intersection(below):
                wrappers.add(each)
        left = set(calls) - wrappers
        for each in calls:
            if each not in tokens:
                for above in self.chain(each)[1:]:
                    if above not in calls:
                        break
                    if above in tokens:
                        if above not in wrappers:
                            left.discard(each)
                        break
        best: dict[int, tuple[tuple[int, ...], int]] = {}
        for each in left:
            row = self.spans[each]
            rank = (-int(row.tokens), -self.said[each].depth, row.start, each)
            key = row.response if row.response >= 0 else -each
            best[key] = min(best.get(key, (rank, each)), (rank, each))
        for _, each in best.values():
            self.said[each].counted_call = True


def moments(row: Row) -> range:
    """The nanoseconds in which the span runs."""
    return range(row.start, row.end)
