"""The limit: the same bytes, already stamped and joined into 100k-span batches, inserted into the same tables."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from collector.demo import fast
from collector.receivers.payload import batch_tail, decode
from collector.settings import StoreSettings
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.connection import Store
from collector.store.migrate import migrate
from collector.store.writer import Writer

BATCH = 100_000
ROOT = Path(__file__).parent.parent.parent


def measure(directory: Path, spans: int, inserters: int) -> float:
    """Spans a second, in a process of its own: an engine can't be opened twice in one."""
    command = [sys.executable, "-m", "tests.bench.limit", str(directory), str(spans), str(inserters)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return float(json.loads(done.stdout))


def run(directory: Path, spans: int, inserters: int) -> float:
    start = time.time_ns() - 60 * 10**9
    principal = Principal("default", "", Method.NONE)
    batches: list[list[bytes]] = []
    for request in fast.requests(spans, 1000, start=start, days=60 / 86_400):
        decoded = decode(Export(Signal.TRACES, Encoding.PROTOBUF, request, principal), start, "0" * 16)
        if not batches or len(batches[-1]) == BATCH // 1000:
            batches.append([])
        batches[-1].append(decoded.payload)
    joined = [b"".join([*batch, batch_tail(f"limit-{number}")]) for number, batch in enumerate(batches)]
    with Store(StoreSettings(path=directory / "engine")) as store:
        migrate(store)
        writer = Writer(store)
        todo = list(enumerate(joined))
        lock = threading.Lock()
        failures: list[Exception] = []

        def insert() -> None:
            while True:
                with lock:
                    if not todo:
                        return
                    number, body = todo.pop(0)
                try:
                    writer.insert(Signal.TRACES, writer.plan(f"limit-{number}"), [body])
                except Exception as error:
                    failures.append(error)
                    return

        started = time.perf_counter()
        threads = [threading.Thread(target=insert) for _ in range(inserters)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        if failures:
            raise failures[0]
        rows = int(str(store.client().command("SELECT count() FROM otel_traces")))
    assert rows == spans, f"{rows} rows of {spans} spans"
    return spans / seconds


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
