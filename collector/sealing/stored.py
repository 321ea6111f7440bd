"""What is stored of traces: their spans, and what earlier seals said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from collector.store.arrow import query_arrow
from collector.store.reads import statement

Key = tuple[str, str]
"""Organisation and trace id."""

_SECOND = 10**9
_HOUR = 3600
_AT_ONCE = 4_000
"""Ids of one read: the engine takes quadratically longer for a longer parameter."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest seal of a trace, and how many rows were stored when it was made."""

    seal: int
    stored: int


@dataclass(frozen=True, slots=True)
class Group:
    """Traces that lie close together in time, so that reading them reads little else. Ids are everybody's: whichever
    organisation has a trace of this id, all of it is in the group. Bounds in ns, the last one excluded. `rows`: how
    many there are, roughly where there are few; `seals`: those of traces that were sealed before.
    """

    trace_ids: Sequence[str]
    since: int
    until: int
    rows: int = 0
    seals: Mapping[Key, Newest] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, str | int]:
        return {"ids": ",".join(self.trace_ids), "since": self.since, "until": self.until}


def groups(client: Client, traces: Mapping[str, int], most_rows: int) -> Iterator[Group]:
    """The traces that are stored, in groups of some `most_rows` rows; a larger trace is alone.

    `traces`: ids, and how many rows came in since their newest seal at most, 0 if unknown.
    """
    ids = sorted(trace_id for trace_id in traces if trace_id and "," not in trace_id)
    extents: list[tuple[str, int, int]] = []
    for start in range(0, len(ids), _AT_ONCE):
        table = query_arrow(client, statement("seal_extents"), {"ids": ",".join(ids[start : start + _AT_ONCE])})
        extents += zip(*(table[name].to_pylist() for name in ("trace_id", "first", "last")), strict=True)
    for near in _near(extents):
        yield from _sized(client, near, traces, most_rows)


def spans(client: Client, group: Group, first: int | None = None) -> pa.Table:
    """All rows of the traces, or the first received of them: columns of `seal_columns.sql`."""
    if first is None:
        return _whole(query_arrow(client, statement("seal_spans"), group.parameters))
    return _whole(query_arrow(client, statement("seal_first_spans"), {**group.parameters, "first": first}))


def facts(client: Client, group: Group) -> pa.Table | None:
    """What the newest seals of the group's traces said: columns of `span_facts`, and SpanKey."""
    if not group.seals:
        return None
    parameters = {**group.parameters, "ids": ",".join(sorted({trace_id for _, trace_id in group.seals}))}
    return _whole(query_arrow(client, statement("seal_facts"), parameters))


def _whole(table: pa.Table) -> pa.Table:
    return table.unify_dictionaries().combine_chunks()


def _near(extents: list[tuple[str, int, int]]) -> Iterator[Group]:
    """Few ids at once, no gaps of hours, and long traces apart from short ones."""
    ordered = sorted((last - first > _HOUR, first, last, trace_id) for trace_id, first, last in extents)
    near: list[str] = []
    kind, since, until = False, 0, 0
    for long, first, last, trace_id in ordered:
        if near and (long != kind or first > until + _HOUR or len(near) >= _AT_ONCE):
            yield Group(near, since * _SECOND, (until + 1) * _SECOND)
            near = []
        if not near:
            kind, since, until = long, first, last
        near.append(trace_id)
        until = max(until, last)
    if near:
        yield Group(near, since * _SECOND, (until + 1) * _SECOND)


def _sized(client: Client, group: Group, landed: Mapping[str, int], most_rows: int) -> Iterator[Group]:
    seals = _newest(client, group)
    sizes = {trace_id: landed[trace_id] for trace_id in group.trace_ids}
    for (_, trace_id), seal in seals.items():
        sizes[trace_id] += seal.stored
    if any(not 0 < size <= most_rows for size in sizes.values()):
        table = query_arrow(client, statement("seal_sizes"), group.parameters)
        sizes = dict(zip(table["trace_id"].to_pylist(), table["stored"].to_pylist(), strict=True))
    part: list[str] = []
    rows = 0
    for trace_id in group.trace_ids:
        size = sizes.get(trace_id, 0)
        if part and rows + size > most_rows:
            yield _part(group, part, rows, seals)
            part, rows = [], 0
        if size:
            part.append(trace_id)
            rows += size
    if part:
        yield _part(group, part, rows, seals)


def _part(group: Group, trace_ids: Sequence[str], rows: int, seals: Mapping[Key, Newest]) -> Group:
    chosen = set(trace_ids)
    return Group(trace_ids, group.since, group.until, rows, {k: seal for k, seal in seals.items() if k[1] in chosen})


def _newest(client: Client, group: Group) -> dict[Key, Newest]:
    table = query_arrow(client, statement("seal_newest"), group.parameters)
    columns = [table[name].to_pylist() for name in ("org", "trace_id", "seal", "stored")]
    return {(org, trace_id): Newest(seal, stored) for org, trace_id, seal, stored in zip(*columns, strict=True)}
