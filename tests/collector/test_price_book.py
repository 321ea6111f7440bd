"""The price book: one version for the same prices, and ids that stay explained."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot

from collector.price_book import PriceBook
from collector.price_file import PriceFileError
from collector.price_records import PriceRecords, content, price_by_id
from collector.settings import CollectorSettings
from collector.store.connection import Store
from deploy.check import findings
from deploy.settings import DeploySettings
from tests.collector.test_costing import own_row

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)

CONTRACT = """
[[price]]
provider = "openai"
model = "gpt-4o"
from = 2026-01-01
[price.usd_per_million_tokens]
input = 1
output = 2
"""


def test_the_same_prices_are_the_same_version_and_others_another() -> None:
    book, again = PriceBook([own_row()]), PriceBook([own_row(source="moved to another line")])
    version = book.version
    book.prices.rows("openai", "gpt-4o")
    assert again.version == version == PriceBook([own_row()]).version
    assert len(version) == 12
    cheaper = own_row(request=Decimal("0.1"))
    shorter = DataSnapshot(get_snapshot().providers[1:], from_auto_update=False)
    others = [PriceBook(), PriceBook([cheaper]), PriceBook([own_row(), cheaper]), PriceBook([own_row()], shorter)]
    assert len({version, *(other.version for other in others)}) == 5


def test_own_prices_go_before_the_list_s(tmp_path: Path) -> None:
    path = tmp_path / "contract.toml"
    path.write_text(CONTRACT)
    book = PriceBook.load(path)
    assert [row.source for row in book.prices.rows("openai", "gpt-4o")][:2] == [
        "contract.toml #1",
        "genai-prices openai/gpt-4o",
    ]
    assert len(book.own) == 1
    assert PriceBook.load(None).own == ()


@pytest.mark.parametrize("amount", ["0.0000000000000000001", "1e9"])
def test_a_price_that_costs_could_not_be_stored_by_is_refused_by_name(tmp_path: Path, amount: str) -> None:
    path = tmp_path / "contract.toml"
    path.write_text(CONTRACT.replace("input = 1", f"input = {amount}"))
    with pytest.raises(PriceFileError, match=r"contract.toml, price 1, gpt-4o: .*(decimals|so high)"):
        PriceBook.load(path)


def test_check_says_what_is_wrong_with_a_price_file(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "contract.toml"
    path.write_text(CONTRACT.replace("from", "form"))
    monkeypatch.setattr(DeploySettings, "store", lambda _: store.settings)
    monkeypatch.setattr(
        DeploySettings,
        "collector",
        lambda _: CollectorSettings(prices_file=path, http_port=0, grpc_port=0, spool_path=tmp_path / "spool"),
    )
    monkeypatch.setenv("MUSTER_API_PORT", "0")
    settings = DeploySettings(data=tmp_path, dashboards=False)
    (problem,) = findings(settings)
    assert str(path) in problem
    assert "MUSTER_COLLECTOR_PRICES_FILE" in problem
    path.write_text(CONTRACT)
    assert findings(settings) == []


def test_every_price_of_the_book_can_be_read_back_as_it_was(store: Store) -> None:
    snapshot, records = get_snapshot(), PriceRecords(store)
    prices = PriceBook().prices
    rows = [row for p in snapshot.providers for model in p.models for row in prices._listed_rows(p, model)]
    rows.append(own_row(end=date(2027, 1, 1), service_tier="flex", above=5, up_to=10, request=Decimal("0.0010")))
    records.note(rows, "book", NOON)
    with store.reader() as client:
        for row in [*rows[::200], rows[-1]]:
            used = price_by_id(client, row.id)
            assert used is not None
            assert (replace(used.row, source=row.source), used.first_used, used.price_book) == (row, NOON, "book")
            assert used.row.id == row.id
        assert price_by_id(client, "0" * 16) is None


def test_a_price_is_noted_once_with_the_time_of_its_first_use(store: Store) -> None:
    row = own_row(model="noted-once")
    later = NOON.replace(year=2027)
    assert [PriceRecords(store).note([row, row], "first", NOON), PriceRecords(store).note([row], "second", later)] == [
        1,
        0,
    ]
    records = PriceRecords(store)
    assert [records.note([row], "third", later) for _ in range(2)] == [0, 0]
    with store.reader() as client:
        used = price_by_id(client, row.id)
    assert used is not None
    assert (used.first_used, used.price_book) == (NOON, "first")


def test_the_content_of_a_price_is_text_to_the_last_digit() -> None:
    assert '"rate": "0.000001"' in content(own_row())
