"""Which traces are due: what came in lately, read from `arrivals`, and how long each trace has been quiet.

Nothing here decides whether a trace is sealed rightly: what is forgotten is read again, and a seal that says nothing
new isn't written. Clocks of those who insert may differ: what is new is told by the rows, not by their times.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from collector.sealing.stored import Key
from collector.store.arrow import query_arrow
from collector.store.reads import statement

log = logging.getLogger(__name__)

_OVERLAP = 60_000
"""How much later (ms) than its time a row may be seen: an insert's length, and what clocks differ by."""
_SLICE = 60_000
_BEHIND = 600_000
_FOREVER = 2**62
_KEEP_EVERY = 5_000
_ENOUGH = 100_000
"""Traces that wait, above which no more are looked for."""
_AT_ONCE = 1_000
_GIVE_UP = 600_000
"""How long (ms) spans that came in, but can't be found, are waited for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What sealing a trace came to: how many rows it has, and whether a seal was written."""

    stored: int
    written: bool


@dataclass(slots=True)
class Open:
    """A trace that something came in for since it was last sealed for good.

    Times in ms: when something first and last came in for it, and since when it waits for its next seal. `landed`: rows
    that came in, `fresh`: that some of them came in since its last seal. `tries`: seals that missed some of them.
    """

    first: int
    last: int
    since: int
    landed: int = 0
    fresh: bool = False
    tries: int = 0


class Arrivals:
    """Traces by what came in. How far it is, is written down in `sealing_progress`: losing it costs time."""

    def __init__(self) -> None:
        self._seen: int | None = None
        self._kept = 0
        self._marks: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._marked: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._looked = False
        self.open: dict[Key, Open] = {}

    def look(self, client: Client, now: int) -> None:
        """Take in what is new, or a part of it when far behind. Raises ClickHouseError."""
        if self._seen is None:
            found = client.query(statement("seal_progress")).result_rows
            self._seen = self._kept = found[0][0] if found else 0
        while len(self.open) < _ENOUGH:
            since = self._seen - _OVERLAP
            if now - self._seen <= _BEHIND:
                newest = self._take(client, since, _FOREVER, now)
                self._seen = max(self._seen, min(newest, now))
                return
            # A long pause may lie here: go to where something is.
            found = client.query(statement("seal_next_arrival"), parameters={"since": since}).result_rows
            start = max(since, found[0][0]) if found else now
            if found and start < now - _BEHIND:
                self._take(client, start, start + _SLICE + _OVERLAP, now)
                self._seen = start + _SLICE + _OVERLAP
            else:
                self._seen = max(self._seen, min(start, now - _BEHIND))

    def due(self, now: int, quiet: int, open_at_most: int) -> list[Key]:
        """Traces that have been quiet for so long (ms), and those that have been open for longer, longest first."""
        due = [
            (trace.since, key)
            for key, trace in self.open.items()
            if now - trace.last >= quiet or now - trace.since >= open_at_most
        ]
        return [key for _, key in sorted(due)]

    def landed(self, keys: Iterable[Key]) -> dict[str, int]:
        """Rows that came in, by trace id."""
        rows: Counter[str] = Counter()
        for key in keys:
            rows[key[1]] += self.open[key].landed
        return rows

    def sealed(self, key: Key, outcome: Outcome, now: int, quiet: int) -> None:
        """A trace was sealed: it is done, if it was quiet and the seal saw what came in."""
        trace = self.open.get(key)
        if trace is None:
            return
        seen = outcome.stored >= trace.landed and (outcome.written or not trace.fresh)
        if now - trace.last < quiet:
            trace.since = now
            trace.fresh = not seen
        elif seen:
            del self.open[key]
        elif now - trace.first > _GIVE_UP:
            log.warning("spans that came in for a trace can't be found: were they deleted?")
            del self.open[key]
        else:
            # They are not visible yet: their insert is under way, or broke off and will be completed.
            trace.last = trace.since = now + quiet * (2**trace.tries - 1)
            trace.tries += 1

    def check(self, client: Client, keys: Iterable[Key]) -> None:
        """Of the traces whose last seal said nothing new, find out which are all there: the seal before may have seen
        rows of which nothing was known yet. Raises ClickHouseError.
        """
        doubtful = [key for key in keys if self.open[key].fresh and self.open[key].tries]
        for start in range(0, len(doubtful), _AT_ONCE):
            some = doubtful[start : start + _AT_ONCE]
            since = min(self.open[key].first for key in some) - _OVERLAP
            asked = {"ids": ",".join(sorted({trace_id for _, trace_id in some})), "since": max(since, 0)}
            for key in client.query(statement("seal_visible"), parameters=asked).result_rows:
                if key in self.open:
                    self.open[key].fresh = False

    def oldest(self) -> int | None:
        """When that came in which waits longest to be sealed, ms."""
        return min((trace.first for trace in self.open.values()), default=None)

    def keep(self, client: Client) -> None:
        """Write down what is done, and from when on a new start must look. Raises ClickHouseError."""
        through = min(self._seen or 0, self.oldest() or self._seen or 0)
        if through >= self._kept + _KEEP_EVERY:
            at = datetime.fromtimestamp(through / 1000, UTC)
            client.insert("sealing_progress", [[at]], column_names=["Through"], settings={"async_insert": 0})
            self._kept = through

    @staticmethod
    def mark(client: Client, keys: Sequence[Key], at: int) -> None:
        """Tell readers that traces were sealed with all that could be read at `at` (ms): to be called when their seals
        can be read. What a crash leaves out is looked at again. Raises ClickHouseError.
        """
        rows = pa.table(
            {
                "LandedAt": pa.repeat(pa.scalar(at, pa.timestamp("ms", "UTC")), len(keys)),
                "Org": [org for org, _ in keys],
                "TraceId": [trace_id for _, trace_id in keys],
                "Sealed": pa.repeat(True, len(keys)),
            }
        )
        client.insert_arrow("arrivals", rows, settings={"async_insert": 0})

    def _take(self, client: Client, since: int, until: int, now: int) -> int:
        """When the newest of these came in."""
        table = query_arrow(client, statement("seal_arrivals"), {"since": max(since, 0), "until": until})
        marks = table["mark"].to_numpy()
        landed = table["landed_ms"].to_numpy()
        new = ~np.isin(marks, self._marks)
        remembered = self._marked >= since
        self._marks = np.concatenate((self._marks[remembered], marks[new]))
        self._marked = np.concatenate((self._marked[remembered], landed[new]))
        rows = table.filter(pa.array(new))
        # After a start what is read was mostly sealed before.
        first_look, self._looked = not self._looked, True
        columns = [rows[name].to_pylist() for name in ("org", "trace_id", "spans", "landed_ms")]
        for org, trace_id, spans, landed_ms in zip(*columns, strict=True):
            at = min(landed_ms, now)
            trace = self.open.get((org, trace_id))
            if trace is None:
                trace = self.open[org, trace_id] = Open(at, at, at)
            trace.first = min(trace.first, at)
            trace.last = max(trace.last, at)
            trace.landed += spans
            trace.fresh = not first_look
        return int(landed.max(initial=0))
