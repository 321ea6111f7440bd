"""How fast packages are written, against the engine's own `SELECT … INTO OUTFILE` of the same rows in the same formats
and files: `python -m tests.bench.records --spans 1000000`. Into a directory, and through S3 (moto's server over HTTP).

Rounds take turns. Memory is the growth of this process while it exports.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import boto3
import psutil
from pydantic import SecretStr

from collector.store.connection import Store
from collector.store.contents import literal
from collector.store.migrate import migrate
from exporters import packages
from exporters.settings import RecordsSettings
from exporters.tables import BY_NAME, WRITTEN
from inventory.db import migrate as registry
from inventory.db.engine import Database
from inventory.db.records import Package
from tests.bench.machine import Noise, describe
from tests.bench.reads import Bench, _quiet, say
from tests.exporters.world import World
from tests.lifecycle.outside import aws

AIM = 0.6
_FORMAT = (
    WRITTEN.partition("engine_file_truncate_on_insert = 1, ")[2]
    .partition(", max_threads")[0]
    .replace("output_format_parallel_formatting = 0, ", "")
)


class Peak:
    """Resident memory above what it was, bytes, while it is entered."""

    def __enter__(self) -> Self:
        self._process = psutil.Process()
        self._before = self.most = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        return self.most - self._before

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            self.most = max(self.most, self._process.memory_info().rss)


def export(store: Store, directory: Path, settings: RecordsSettings | None = None) -> tuple[float, int, World, Package]:
    """Seconds, growth of memory, and the package: a registry of its own, so that nothing is archived yet."""
    directory.mkdir(parents=True)
    database = Database(f"sqlite:///{directory / 'registry.sqlite'}")
    registry.upgrade(database)
    world = World(store, database, directory, settings)
    services = store.client().query("SELECT DISTINCT ServiceName FROM otel_traces").result_rows
    world.agent("all", *(service for (service,) in services))
    world.publisher.run()
    today = datetime.now(UTC).date()
    name = world.ask("all", today - timedelta(days=60), today + timedelta(days=1))
    with Peak() as peak:
        started = time.perf_counter()
        done = world.work()
        seconds = time.perf_counter() - started
    assert done.state == "done", done.error
    return seconds, peak.growth, world, world.package(name)


def outfile(store: Store, world: World, package: Package, directory: Path) -> float:
    """The same rows and files by the engine alone."""
    directory.mkdir()
    chosen = world.records.worker._acts["export"].__self__._chosen(package)  # type: ignore[attr-defined]
    with world.registry.reading() as session:
        files = [one for one in packages.files(session, package) if one.source]
    started = time.perf_counter()
    for one in files:
        source = BY_NAME[one.source]
        columns = world.engine.columns(source.table)
        path = directory / one.path.replace("/", "~")
        form = "Parquet" if one.path.endswith(".parquet") else "JSONEachRow"
        sql = f"{source.rows(chosen, one.day, columns)} INTO OUTFILE {literal(str(path))} FORMAT {form}"
        store.client().command(f"{sql} SETTINGS {_FORMAT}")
    return time.perf_counter() - started


def measure(directory: Path, spans: int, rounds: int, *, with_s3: bool, with_engine: bool = True) -> list[str]:
    bench = Bench(directory, spans)
    took: dict[str, list[float]] = {"engine": [], "folder": [], "s3": []}
    growth: dict[str, int] = {"folder": 0, "s3": 0}
    told: list[str] = []
    with Store(bench._settings) as store:
        migrate(store)
        sealer = bench._sealer(store, 0.001)
        bench._fill_all(store)
        bench._seal(store, sealer)
        _quiet(store.client())
        say(f"{spans:,} spans are there and sealed")
        for number in range(rounds):
            seconds, more, world, package = export(store, directory / f"folder-{number}")
            took["folder"].append(seconds)
            growth["folder"] = max(growth["folder"], more)
            say(f"round {number + 1}: folder {seconds:.1f} s, memory grew by {more / 1e6:,.0f} MB")
            alone = outfile(store, world, package, directory / f"outfile-{number}") if with_engine else seconds
            took["engine"].append(alone)
            say(f"round {number + 1}: folder {seconds:.1f} s, the engine alone {alone:.1f} s, {alone / seconds:.2f}")
            told = [f"{package.rows:,} rows, {package.size / 1e6:,.0f} MB in {world.place(package)}"]
            if with_s3:
                seconds, more = through_s3(store, directory / f"s3-{number}")
                took["s3"].append(seconds)
                growth["s3"] = max(growth["s3"], more)
                say(f"round {number + 1}: S3 {seconds:.1f} s, {alone / seconds:.2f}")
            rows, size = package.rows, package.size
            for name in ("folder", "outfile", "s3"):
                shutil.rmtree(directory / f"{name}-{number}", ignore_errors=True)
    told = [f"{rows:,} rows, {size / 1e6:,.0f} MB"]
    alone = statistics.median(took["engine"])
    told.append(f"the engine alone: {alone:.1f} s, {size / alone / 1e6:.1f} MB/s")
    for name in ("folder", "s3"):
        if took[name]:
            seconds = statistics.median(took[name])
            told.append(
                f"{name}: {seconds:.1f} s, {size / seconds / 1e6:.1f} MB/s, {alone / seconds:.2f} of the engine alone "
                f"(aim {AIM}), memory grew by {growth[name] / 1e6:,.0f} MB at most"
            )
    return told


def through_s3(store: Store, directory: Path) -> tuple[float, int]:
    with aws() as url:
        given: dict[str, Any] = {
            "target": "s3://records/bench", "s3_endpoint": url, "s3_region": "us-east-1", "s3_key_id": "x",
            "s3_secret": SecretStr("y"),
        }  # fmt: skip
        boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        ).create_bucket(Bucket="records", ObjectLockEnabledForBucket=True)
        seconds, more, _, _ = export(store, directory, RecordsSettings(**given))
    return seconds, more


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.records", description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-s3", action="store_true")
    parser.add_argument("--memory", action="store_true", help="only export: ratios are of no meaning then")
    options = parser.parse_args()
    noise = Noise()
    noise.sample()
    with TemporaryDirectory(prefix="muster-bench-") as directory:
        lines = measure(
            Path(directory), options.spans, options.rounds, with_s3=not options.no_s3, with_engine=not options.memory
        )
    noise.sample()
    sys.stdout.write("\n".join([describe(), noise.report(), f"{options.spans:,} spans:", *lines]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
