"""An engine that refuses, requests that it can't read, threads that die: all waits, all is told, nothing is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from collector import loader as loader_module
from collector.demo import fast
from collector.ingest import Ingest
from collector.operations import add_operations
from collector.receivers.auth import Anonymous
from collector.receivers.http import http_app
from collector.reconcile import reconcile, unaccounted
from collector.segment import Segment
from collector.selfobs import Observations
from collector.signals import Signal
from collector.store.connection import Store
from collector.store.writer import InsertError
from tests.collector.records import put, record, request, settings, spans_record
from tests.server import wait_for

SECRET = b"the customer's secret"


@dataclass
class Asked:
    """An ingest over the real engine, asked through its HTTP routes."""

    ingest: Ingest

    def __post_init__(self) -> None:
        self.app = http_app(self.ingest.intake, Anonymous(), max_body=1 << 24, max_decompressed=1 << 24)
        add_operations(self.app, self.ingest, Anonymous())

    def ask(self, method: str, path: str, content: bytes = b"") -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
                headers = {"content-type": "application/x-protobuf"} if content else {}
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(asked())

    def post(self, body: bytes) -> httpx.Response:
        return self.ask("POST", "/v1/traces", body)

    def problems(self) -> str:
        answer = self.ask("GET", "/readyz")
        assert (answer.status_code == 200) == answer.json()["ready"]
        return " ".join(answer.json()["problems"])

    def settle(self) -> None:
        wait_for(lambda: self.ingest.spool.state().segments == 0, "everything is stored", 60)

    def unaccounted(self) -> int:
        return int(self.ask("GET", "/ops/reconciliation?hours=2").json()["unaccounted"])

    def stored(self) -> tuple[int, int]:
        """(rows, different spans) of this collector's batches."""
        ((rows, spans),) = (
            self.ingest.store.client()
            .query(
                "SELECT count(), uniqExact(TraceId, SpanId) FROM otel_traces WHERE BatchId LIKE {own:String}",
                parameters={"own": f"{self.ingest.ledger.instance}-%"},
            )
            .result_rows
        )
        return rows, spans


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_module, "_FIRST_WAIT", 0.05)
    monkeypatch.setattr(loader_module, "_LONGEST_WAIT", 0.2)


def running(store: Store, directory: Path, **changes: object) -> Iterator[Asked]:
    observations = Observations()
    ingest = Ingest(settings(directory, **changes), store, observations)
    ingest.start()
    try:
        yield Asked(ingest)
    finally:
        ingest.stop()
        observations.close()


@pytest.fixture
def asked(store: Store, tmp_path: Path) -> Iterator[Asked]:
    yield from running(store, tmp_path)


@pytest.fixture
def batching(store: Store, tmp_path: Path) -> Iterator[Asked]:
    """One whose batches are full at 12 items and never before."""
    yield from running(store, tmp_path, batch_items=12, batch_linger=600)


def refusal(code: int, name: str) -> InsertError:
    return InsertError(DatabaseError(f"Code: {code}. {SECRET.decode()}", code=code, name=name))


# An engine that refuses


def test_a_table_that_is_away_is_waited_for(asked: Asked) -> None:
    client = asked.ingest.store.client()
    client.command("DETACH TABLE otel_traces")
    try:
        bodies = [request(10) for _ in range(5)]
        assert {asked.post(body).status_code for body in bodies} == {200}
        wait_for(lambda: "loading stands still" in asked.problems(), "/readyz says why")
        assert "UNKNOWN_TABLE" in asked.problems()
        assert asked.ask("GET", "/ops/reconciliation").status_code in (200, 503)
        metrics = asked.ask("GET", "/metrics").text
        assert 'muster_insert_failures_total{error="UNKNOWN_TABLE"}' in metrics
        # Repeats are absorbed all the while.
        assert asked.post(bodies[0]).status_code == 200
    finally:
        client.command("ATTACH TABLE otel_traces")
    asked.settle()
    assert asked.stored() == (50, 50)
    assert asked.problems() == ""
    assert asked.unaccounted() == 0


def test_a_rollup_that_is_away_is_completed_and_the_rest_is_not_doubled(asked: Asked) -> None:
    """A batch that landed in one table and failed at the next: the retry completes exactly what is missing."""
    client = asked.ingest.store.client()
    body = next(iter(fast.requests(500, 500, seed=time.time_ns() % 2**31, start=time.time_ns() - 10**12)))
    before = client.query("SELECT (SELECT sum(Spans) FROM agent_activity), (SELECT sum(Calls) FROM operation_minute)")
    client.command("DETACH TABLE agent_activity")
    try:
        assert asked.post(body).status_code == 200
        wait_for(lambda: "loading stands still" in asked.problems(), "/readyz says why")
    finally:
        client.command("ATTACH TABLE agent_activity")
    asked.settle()
    after = client.query("SELECT (SELECT sum(Spans) FROM agent_activity), (SELECT sum(Calls) FROM operation_minute)")
    ((spans_before, calls_before),), ((spans, calls),) = before.result_rows, after.result_rows
    ((expected,),) = client.query(
        "SELECT countIf(Operation != '') FROM otel_traces WHERE BatchId LIKE {own:String}",
        parameters={"own": f"{asked.ingest.ledger.instance}-%"},
    ).result_rows
    assert asked.stored() == (500, 500)
    assert (spans - spans_before, calls - calls_before) == (500, expected)
    assert asked.unaccounted() == 0


def test_refusals_are_repeated_until_the_engine_takes_the_batch(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    real = asked.ingest.writer.insert
    answers = iter([(241, "MEMORY_LIMIT_EXCEEDED"), (243, "NOT_ENOUGH_SPACE"), (252, "TOO_MANY_PARTS")])

    def insert(*arguments: Any) -> None:
        real(*arguments)  # it lands, and the answer is lost: the worst that a refusal can be
        for code, name in answers:
            raise refusal(code, name)

    monkeypatch.setattr(asked.ingest.writer, "insert", insert)
    assert asked.post(request(20)).status_code == 200
    asked.settle()
    assert next(answers, None) is None
    assert asked.stored() == (20, 20)
    assert asked.unaccounted() == 0


# Requests that the engine can't read


def test_poison_is_kept_apart_and_the_rest_lands(batching: Asked) -> None:
    garbage = replace(record(3, b"\x0a\x7f" + SECRET), items=3, received=3)
    put(batching.ingest.spool, [spans_record(4), garbage, spans_record(5)])
    batching.settle()
    assert batching.stored() == (9, 9)
    (letter,) = batching.ask("GET", "/ops/dead").json()
    assert letter["items"] == 3
    assert "(code " in letter["error"]
    assert SECRET.decode() not in str(letter)
    assert batching.unaccounted() == 0
    assert batching.problems() == ""
    assert b"muster_dead_letters" in batching.ask("GET", "/metrics").content
    # Put back unmended, it dies again, alone.
    assert batching.ask("POST", f"/ops/dead/{letter['name']}/requeue").json() == {"requeued": 3}
    put(batching.ingest.spool, [spans_record(9)])
    batching.settle()
    (again,) = batching.ask("GET", "/ops/dead").json()
    assert again["name"] != letter["name"]
    assert batching.stored() == (18, 18)
    assert batching.unaccounted() == 0


def test_no_log_line_quotes_what_was_sent(batching: Asked, caplog: pytest.LogCaptureFixture) -> None:
    put(batching.ingest.spool, [record(12, b"\x0a\x7f" + SECRET)])
    batching.settle()
    assert "kept as a dead letter" in caplog.text
    assert SECRET.decode() not in caplog.text


def test_a_requeued_letter_lands_once_when_it_was_mended(batching: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky = spans_record(5)
    writer = batching.ingest.writer

    def insert(*_: object) -> NoReturn:
        monkeypatch.setattr(writer, "insert", real)
        raise refusal(117, "INCORRECT_DATA")

    def try_alone(_: Signal, body: bytes) -> None:
        if body == unlucky.payload:
            raise refusal(117, "INCORRECT_DATA")

    real = writer.insert
    monkeypatch.setattr(writer, "insert", insert)
    monkeypatch.setattr(writer, "try_alone", try_alone)
    put(batching.ingest.spool, [spans_record(7), unlucky])
    batching.settle()
    assert batching.stored() == (7, 7)
    (letter,) = batching.ask("GET", "/ops/dead").json()
    assert letter["error"] == "INCORRECT_DATA (code 117)"
    assert batching.ask("POST", f"/ops/dead/{letter['name']}/requeue").status_code == 200
    assert batching.ask("POST", f"/ops/dead/{letter['name']}/requeue").status_code == 404
    assert batching.unaccounted() == 0
    put(batching.ingest.spool, [spans_record(7)])
    batching.settle()
    assert batching.stored() == (19, 19)
    assert batching.ask("GET", "/ops/dead").json() == []
    assert batching.unaccounted() == 0


def test_a_dead_letter_nobody_has_is_not_found(asked: Asked) -> None:
    answer = asked.ask("POST", "/ops/dead/nothing/requeue")
    assert answer.status_code == 404
    assert "/ops/dead" in answer.json()["message"]


# Threads that die


def test_a_dead_loader_stops_readiness(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> NoReturn:
        raise RuntimeError("a bug")

    monkeypatch.setattr(asked.ingest.writer, "insert", bug)
    assert asked.problems() == ""
    assert asked.post(request(1)).status_code == 200
    wait_for(lambda: "a loader thread is not running" in asked.problems(), "/readyz says why")
    assert "muster_ready 0.0" in asked.ask("GET", "/metrics").text
    assert asked.ask("GET", "/healthz").status_code == 200


def test_a_dead_spool_writer_stops_readiness_and_answers_senders(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked.post(request(4)).status_code == 200

    def bug(*_: object) -> NoReturn:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Segment, "append", bug)
    for _ in range(2):
        answer = asked.post(request(1))
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
    wait_for(lambda: "the spool's writer is not running" in asked.problems(), "/readyz says why")
    asked.settle()  # what was acknowledged is stored all the same
    assert asked.stored() == (4, 4)


# Back-pressure


def test_too_many_waiting_bytes_slow_senders_down(store: Store, tmp_path: Path) -> None:
    for asked in running(store, tmp_path, spool_max_bytes=1000, batch_linger=600):
        assert asked.post(request(50)).status_code == 200
        answer = asked.post(request(1))
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "5"
        assert b"spool_max_bytes" in answer.content
        assert "spool_max_bytes" in asked.problems()


def test_a_request_waiting_too_long_sends_senders_away(store: Store, tmp_path: Path) -> None:
    for asked in running(store, tmp_path, spool_max_age=0.05, batch_linger=600):
        assert asked.post(request(1)).status_code == 200
        wait_for(lambda asked=asked: asked.ingest.spool.state().oldest > 0.05, "time goes by")  # type: ignore[misc]
        answer = asked.post(request(1))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
        assert b"the store is behind or down" in answer.content
        assert "the store is behind or down" in asked.problems()


def test_a_disk_nearly_full_takes_nothing_in(store: Store, tmp_path: Path) -> None:
    for asked in running(store, tmp_path, spool_min_free_bytes=1 << 60):
        answer = asked.post(request(1))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
        assert b"make room" in answer.content
        assert "spool_min_free_bytes" in asked.problems()


# Memory


def test_a_read_over_its_cap_fails_alone(asked: Asked) -> None:
    store = asked.ingest.store
    stop = threading.Event()
    refused: list[str] = []
    other: list[str] = []

    def greedy() -> None:
        while not stop.is_set():
            try:
                with store.reader() as client:
                    client.query("SELECT length(groupArray(toString(number))) FROM numbers(100000000)")
                other.append("a read over the cap succeeded")
            except DatabaseError as error:
                (refused if error.code == 241 else other).append(str(error.code))

    readers = [threading.Thread(target=greedy) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        bodies = list(fast.requests(20_000, 1000, seed=time.time_ns() % 2**31, start=time.time_ns() - 10**12))
        assert {asked.post(body).status_code for body in bodies} == {200}
        asked.settle()
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert refused
    assert other == []
    assert asked.stored() == (20_000, 20_000)
    assert "muster_insert_failures_total" not in asked.ask("GET", "/metrics").text
    now = int(time.time())
    accounts = reconcile(store, asked.ingest.writer, asked.ingest.ledger, asked.ingest.spool, now - 7200, now + 3600)
    assert unaccounted(accounts) == 0
