"""The prices that were ever put on a call, kept so that each id can be explained years later."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.pricing import Charge, PriceRow, digits
from collector.store.connection import Store
from collector.store.reads import statement

_COLUMNS = ["Id", "Source", "Provider", "Model", "Content", "FirstUsed", "PriceBook"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UsedPrice:
    """A price as it was when it was first put on a call, and the book that had it then."""

    row: PriceRow
    first_used: datetime
    price_book: str


class PriceRecords:
    """Notes prices before they are put on calls. Noting one again changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._noted: set[str] = set()

    def note(self, rows: Iterable[PriceRow], price_book: str, now: datetime) -> int:
        """Note what is new, durably; how many that were. Call it before the facts with these ids are stored."""
        new = {row.id: row for row in rows}
        for known in self._noted & new.keys():
            del new[known]
        if not new:
            return 0
        client = self._store.client()
        found = client.query(statement("prices_noted"), parameters={"ids": list(new)}).result_rows
        for (known,) in found:
            del new[known]
            self._noted.add(known)
        if new:
            values = [
                [price_id, row.source, row.provider, row.model, content(row), now, price_book]
                for price_id, row in new.items()
            ]
            client.insert("prices", values, column_names=_COLUMNS, settings={"async_insert": 0})
            self._noted |= new.keys()
        return len(new)


def price_by_id(client: Client, price_id: str) -> UsedPrice | None:
    """The price that calls name by this id; None if no call ever did."""
    found = list(client.query(statement("price_by_id"), parameters={"id": price_id}).named_results())
    if not found:
        return None
    noted = found[0]
    first_used = _EPOCH + timedelta(microseconds=noted["first_used_ns"] // 1000)
    return UsedPrice(_row(noted), first_used, noted["price_book"])


def content(row: PriceRow) -> str:
    """All that decides whether and how the price applies, as JSON; amounts are texts."""
    return json.dumps(
        {
            "start": row.start.isoformat(),
            "end": row.end and row.end.isoformat(),
            "since": row.since.isoformat(),
            "until": row.until and row.until.isoformat(),
            "service_tier": row.service_tier,
            "above": row.above,
            "up_to": row.up_to,
            "request": digits(row.request),
            "charges": [
                {"unit": charge.unit, "less": charge.less, "rate": digits(charge.rate)} for charge in row.charges
            ],
            "overlaps": row.overlaps,
            "others": row.others,
        }
    )


def _row(noted: dict[str, Any]) -> PriceRow:
    said = json.loads(noted["content"])
    return PriceRow(
        source=noted["source"],
        provider=noted["provider"],
        model=noted["model"],
        start=date.fromisoformat(said["start"]),
        end=date.fromisoformat(said["end"]) if said["end"] else None,
        since=time.fromisoformat(said["since"]),
        until=time.fromisoformat(said["until"]) if said["until"] else None,
        service_tier=said["service_tier"],
        above=said["above"],
        up_to=said["up_to"],
        request=Decimal(said["request"]),
        charges=tuple(Charge(c["unit"], tuple(c["less"]), Decimal(c["rate"])) for c in said["charges"]),
        overlaps=tuple((one, other) for one, other in said["overlaps"]),
        others=tuple(said["others"]),
    )
