"""The accounts tell a row too few and a row too many, whatever the loader believes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.ingest import Ingest
from collector.reconcile import HOUR, Account, reconcile, unaccounted
from collector.selfobs import Observations
from collector.store.connection import Store
from tests.collector.records import export, put, record, request, settings, spans_record
from tests.server import wait_for


@pytest.fixture
def ingest(store: Store, tmp_path: Path) -> Iterator[Ingest]:
    observations = Observations()
    ingest = Ingest(settings(tmp_path), store, observations)
    ingest.start()
    yield ingest
    ingest.stop()
    observations.close()


def accounts(ingest: Ingest) -> list[Account]:
    until = int(time.time()) // HOUR * HOUR + HOUR
    return reconcile(ingest.store, ingest.writer, ingest.ledger, ingest.spool, until - 2 * HOUR, until)


def settle(ingest: Ingest) -> None:
    wait_for(lambda: ingest.spool.state().segments == 0, "everything is stored")


def test_every_item_is_in_one_place(ingest: Ingest) -> None:
    body = request(4)
    for _ in range(3):
        asyncio.run(ingest.intake.consume(export(body)))
    assert unaccounted(accounts(ingest)) == 0
    settle(ingest)
    found = accounts(ingest)
    assert unaccounted(found) == 0
    assert sum(a.received for a in found) == 12
    assert sum(a.stored for a in found) == 4
    assert sum(a.absorbed for a in found) == 8


def test_a_deleted_row_shows(ingest: Ingest) -> None:
    put(ingest.spool, [spans_record(5)])
    settle(ingest)
    client = ingest.store.client()
    client.command(
        "DELETE FROM otel_traces WHERE BatchId LIKE {own:String} AND SpanId = "
        "(SELECT min(SpanId) FROM otel_traces WHERE BatchId LIKE {own:String})",
        parameters={"own": f"{ingest.ledger.instance}-%"},
    )
    (account,) = accounts(ingest)
    assert (account.received, account.stored, account.difference) == (5, 4, 1)


def test_an_extra_row_shows(ingest: Ingest) -> None:
    put(ingest.spool, [spans_record(5)])
    settle(ingest)
    ingest.store.client().command(
        "INSERT INTO otel_traces SELECT * FROM otel_traces WHERE BatchId LIKE {own:String} LIMIT 1",
        parameters={"own": f"{ingest.ledger.instance}-%"},
    )
    (account,) = accounts(ingest)
    assert (account.received, account.stored, account.difference) == (5, 6, -1)


def test_a_loader_that_only_says_it_stored_is_found_out(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.writer, "insert", lambda *_: None)
    put(ingest.spool, [spans_record(3)])
    settle(ingest)
    assert unaccounted(accounts(ingest)) == 3


def test_requests_of_other_hours_stay_out(ingest: Ingest) -> None:
    put(ingest.spool, [record(2, b"", received_at=time.time_ns() - 5 * HOUR * 10**9)])
    assert accounts(ingest) == []
