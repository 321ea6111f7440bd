"""How fast reads are over many spans, and what the spans take on disk: `python -m tests.bench.reads --spans
5000000`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.costing import Costing
from collector.demo import fast
from collector.price_book import PriceBook
from collector.receivers.payload import batch_tail, decode
from collector.sealing.sealer import Sealer
from collector.settings import CollectorSettings, StoreSettings
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store import latency, one_trace, search, spend, trace_list
from collector.store.connection import Store
from collector.store.migrate import migrate
from collector.store.trace_filters import TraceFilters
from collector.store.writer import Writer

ORG = "default"
DAYS = 30
BATCH = 50_000
ROOT = Path(__file__).parent.parent.parent
CAPACITY = 40_000
"""Spans a second that the pipeline is meant to take in; a fifth of it is the load in the background."""
AIMS_MS = {
    "tree of a trace by id": 20,
    "all columns of a trace": 40,
    "last 50 failed traces of an agent in a day": 50,
    "traces by an attribute, a day": 150,
    "traces by an attribute, 30 days": 150,
    "text search, a rare word in 30 days": 150,
    "text search, a common word": 150,
    "spend by model and day, 30 days": 100,
    "p95 per agent and minute, 6 hours": 100,
}
_DAY = 86_400 * 10**9
_HOUR = 3_600 * 10**9


@dataclass(frozen=True, slots=True)
class Report:
    """Medians in ms, alone and with ingest in the background; bytes on disk by part of the store."""

    spans: int
    alone: dict[str, float]
    loaded: dict[str, float]
    loaded_rate: float
    bytes: dict[str, float] = field(default_factory=dict)


def measure(directory: Path, spans: int) -> Report:
    """In a process of its own: an engine can't be opened twice in one."""
    command = [sys.executable, "-m", "tests.bench.reads", "--spans", str(spans), "--in", str(directory)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError("the bench of reads failed")
    return Report(**json.loads(done.stdout))


def report(found: Report) -> list[str]:
    """Lines for people."""
    lines = [f"\n{f'reads over {found.spans:,} spans, ms (median)':<52}{'alone':>10}{'loaded':>10}{'aim':>8}"]
    for name, aim in AIMS_MS.items():
        lines.append(f"{name:<52}{found.alone[name]:>10.1f}{found.loaded[name]:>10.1f}{aim:>8}")
    lines.append(f"loaded: {found.loaded_rate:,.0f} spans/s came in meanwhile")
    lines.append(f"\n{'bytes a span on disk':<52}{'':>10}")
    lines += [f"{name:<62}{size:>10.1f}" for name, size in found.bytes.items()]
    return lines


class Bench:
    """A filled and sealed store, and what is asked of it."""

    def __init__(self, directory: Path, spans: int) -> None:
        self.spans = spans
        self.now = time.time_ns() // _DAY * _DAY
        self._directory = directory
        self._settings = StoreSettings(path=directory / "engine")
        # No trace is sent twice.
        self._seeds = itertools.count(1)

    def run(self) -> Report:
        with Store(self._settings) as store:
            migrate(store)
            writer = Writer(store)
            sealer = self._sealer(store, 0.001)
            started = time.perf_counter()
            self._fill_all(store)
            say(f"filled: {time.perf_counter() - started:,.0f} s")
            self._seal(store, sealer)
            say(f"sealed: {time.perf_counter() - started:,.0f} s")
            _quiet(store.client())
            # The last seconds of what landed are looked at as if they might wait: let them be an ordinary few.
            time.sleep(20)
            self._fill(writer, 1_000, time.time_ns(), 1 / 86_400, "last")
            self._seal(store, sealer)
            say(f"merged: {time.perf_counter() - started:,.0f} s")
            sizes = {name: size / self.spans for name, size in _bytes(store.client()).items()}
            with store.reader() as client, store.reader() as beside:
                questions = self._questions(client, beside)
                alone = {name: _median(ask) for name, ask in questions.items()}
                stop = threading.Event()
                taken: list[int] = []
                background = threading.Thread(target=self._trickle, args=(writer, stop, taken))
                sealer = self._sealer(store, 10.0)
                background.start()
                sealer.start()
                time.sleep(5)
                began, before = time.perf_counter(), sum(taken)
                loaded = {name: _median(ask) for name, ask in questions.items()}
                rate = (sum(taken) - before) / (time.perf_counter() - began)
                stop.set()
                background.join()
                sealer.stop()
        return Report(self.spans, alone, loaded, rate, sizes)

    def _fill_all(self, store: Store) -> None:
        """Half of the days in each of two threads."""
        half = DAYS // 2
        with ThreadPoolExecutor(2) as pool:
            halves = [
                pool.submit(
                    self._fill, Writer(store), self.spans // 2, self.now - (DAYS - half * n) * _DAY, half, f"fill-{n}"
                )
                for n in range(2)
            ]
        for done in halves:
            done.result()

    def _fill(self, writer: Writer, spans: int, start: int, days: float, name: str) -> None:
        principal = Principal(ORG, "", Method.NONE)
        payloads: list[bytes] = []
        number = 0
        requests = fast.requests(spans, 1000, next(self._seeds), start, days, fast.Profile.SPOKEN)
        for request in requests:
            export = Export(Signal.TRACES, Encoding.PROTOBUF, request, principal)
            payloads.append(decode(export, time.time_ns(), "0" * 16).payload)
            if len(payloads) == BATCH // 1000:
                self._insert(writer, f"{name}-{number}", payloads)
                number, payloads = number + 1, []
        if payloads:
            self._insert(writer, f"{name}-{number}", payloads)

    def _insert(self, writer: Writer, batch: str, payloads: list[bytes]) -> None:
        writer.insert(Signal.TRACES, writer.plan(batch), [b"".join([*payloads, batch_tail(batch)])])

    def _sealer(self, store: Store, quiet: float) -> Sealer:
        settings = CollectorSettings(seal_quiet=quiet)
        return Sealer(store, Costing(PriceBook()), self._directory / "sealing", settings)

    @staticmethod
    def _seal(store: Store, sealer: Sealer) -> None:
        """Until there is nothing left to look at, as where a sealer had the days for it."""
        while sealer.run_once().traces or trace_list.waiting_traces(store.client(), ORG).traces:
            pass

    def _trickle(self, writer: Writer, stop: threading.Event, taken: list[int]) -> None:
        """A fifth of capacity, a batch each two seconds as the loader makes them."""
        each = CAPACITY // 5 * 2
        number = 0
        due = time.perf_counter()
        while not stop.is_set():
            self._fill(writer, each, time.time_ns(), 2 / 86_400, f"trickle-{number}")
            taken.append(each)
            number += 1
            due += 2
            stop.wait(max(0.0, due - time.perf_counter()))

    def _questions(self, client: Client, beside: Client) -> dict[str, Callable[[], Any]]:
        day = self.now - 3 * _DAY
        listed = trace_list.list_traces(client, ORG, TraceFilters(day, day + _DAY, limit=500)).traces
        ids = [row.trace_id for row in listed]
        rare, common = _word(client, day), "of"
        number = iter(range(10**9))

        def one() -> str:
            return ids[next(number) % len(ids)]

        agent = listed[0].agents[0]
        failed = TraceFilters(day, day + _DAY, agent=agent, failed=True)
        wide = (self.now - DAYS * _DAY, self.now)
        by = (spend.By.MODEL,)
        spent = spend.SpendQuery(*wide, by, spend.Bucket.DAY)
        conversation = {"gen_ai.conversation.id": _conversation(client, day)}
        return {
            "tree of a trace by id": lambda: one_trace.trace_tree(client, ORG, one(), 5_000),
            "all columns of a trace": lambda: one_trace.get_trace(client, ORG, one(), 5_000, beside),
            "last 50 failed traces of an agent in a day": lambda: trace_list.list_traces(client, ORG, failed),
            "traces by an attribute, a day": lambda: trace_list.list_traces(
                client, ORG, TraceFilters(day, day + _DAY, attributes=conversation)
            ),
            "traces by an attribute, 30 days": lambda: trace_list.list_traces(
                client, ORG, TraceFilters(*wide, attributes=conversation)
            ),
            "text search, a rare word in 30 days": lambda: search.search(client, ORG, search.Search(*wide, rare)),
            "text search, a common word": lambda: search.search(client, ORG, search.Search(*wide, common)),
            "spend by model and day, 30 days": lambda: spend.spend(client, ORG, spent),
            "p95 per agent and minute, 6 hours": lambda: latency.latency(client, ORG, day, day + 6 * _HOUR),
        }


def _word(client: Client, day: int) -> str:
    """A word that stands in one text of that day."""
    sql = """SELECT arrayJoin(tokens(lower(Content), 'splitByNonAlpha')) AS word FROM contents
        WHERE Day = toDate(fromUnixTimestamp64Nano({day:Int64})) AND length(word) >= 8
        GROUP BY word HAVING count() = 1 ORDER BY word LIMIT 1"""
    return str(client.query(sql, parameters={"day": day}).result_rows[0][0])


def _conversation(client: Client, day: int) -> str:
    sql = """SELECT any(SpanAttributes['gen_ai.conversation.id']) FROM otel_traces
        WHERE ConversationId != '' AND toDate(Timestamp) = toDate(fromUnixTimestamp64Nano({day:Int64}))"""
    return str(client.query(sql, parameters={"day": day}).result_rows[0][0])


def _median(ask: Callable[[], Any], times: int = 15, warm: int = 3) -> float:
    took: list[float] = []
    for number in range(times + warm):
        started = time.perf_counter()
        ask()
        if number >= warm:
            took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def _quiet(client: Client, at_most: float = 300.0) -> None:
    """Merges of what was loaded at once would be over long ago where it came in day by day."""
    ends = time.monotonic() + at_most
    calm = 0
    while calm < 5 and time.monotonic() < ends:
        calm = 0 if int(str(client.command("SELECT count() FROM system.merges"))) else calm + 1
        time.sleep(1)


def _bytes(client: Client) -> dict[str, float]:
    """By table; of the large ones by group of columns, and by index."""
    found: dict[str, float] = {}
    tables = """SELECT table, sum(bytes_on_disk) AS size FROM system.parts
        WHERE active AND database = currentDatabase() GROUP BY table ORDER BY size DESC"""
    rows = client.query(tables).result_rows
    found["all tables"] = sum(size for _, size in rows)
    found |= {f"  {table}": size for table, size in rows if size}
    columns = """SELECT table, multiIf(
            column LIKE 'Events%' OR column LIKE 'Event%', 'events',
            column LIKE 'Link%', 'links',
            column LIKE 'SpanAttribute%', 'span attributes',
            column LIKE 'ResourceAttribute%' OR column LIKE 'Scope%', 'resource and scope',
            column IN ('TraceId', 'SpanId', 'ParentSpanId', 'ResponseId', 'ToolCallId', 'RequestId', 'BatchId'), 'ids',
            column IN ('Texts', 'TextBytes', 'Id', 'Content', 'ArgumentsDigest', 'Requester'), column, 'other columns'
        ) AS kind, sum(column_data_compressed_bytes) AS size
        FROM system.parts_columns WHERE active AND database = currentDatabase()
            AND table IN ('otel_traces', 'contents', 'span_facts', 'trace_summaries')
        GROUP BY table, kind ORDER BY table, size DESC"""
    found |= {f"    {table}: {kind}": size for table, kind, size in client.query(columns).result_rows if size}
    indexes = """SELECT table, name, data_compressed_bytes + marks_bytes FROM system.data_skipping_indices
        WHERE database = currentDatabase() ORDER BY table, 3 DESC"""
    found |= {f"    {table}, index {name}": size for table, name, size in client.query(indexes).result_rows if size}
    return found


def say(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reads", description=__doc__)
    parser.add_argument("--spans", type=int, default=5_000_000)
    parser.add_argument("--in", type=Path, dest="directory", help="fill this directory, and write the figures as JSON")
    options = parser.parse_args()
    if options.directory:
        sys.stdout.write(json.dumps(asdict(Bench(options.directory, options.spans).run())))
        return 0
    with TemporaryDirectory(prefix="muster-bench-") as directory:
        sys.stdout.write("\n".join(report(measure(Path(directory), options.spans))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
