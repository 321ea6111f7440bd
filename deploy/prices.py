"""`muster prices`: calls without a price, what a price's id means, and the prices that hold now.

A running collector is asked, since it holds the embedded engine; where none runs, the store itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich import box
from rich.console import Console
from rich.table import Table

from collector.price_book import PRICES_FILE_SETTING, PriceBook
from collector.price_file import PriceFileError
from collector.price_operations import MOST_DAYS, PriceReports
from collector.pricing import digits
from collector.receivers.auth import Anonymous
from collector.store.connection import Store, StoreError
from deploy.asking import HTTP, NoCollector, Token, ask
from deploy.settings import DeploySettings

prices_app = typer.Typer(no_args_is_help=True, help="Prices of model calls: what has none, what an id means.")
out = Console()

_Endpoint = Annotated[
    str | None,
    typer.Option(
        envvar="MUSTER_ENDPOINT", help="OTLP/HTTP address of the collector; without it, the local one or the store."
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
_Report = Callable[[PriceReports], Any]


@prices_app.command("unpriced")
def unpriced(
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How far back.")] = 30,
    endpoint: _Endpoint = None,
    token: Token = None,
    as_json: _Json = False,
) -> None:
    """List calls that have no price, by model and reason. Exit status 1: there are some."""
    org = Anonymous().verify(None).org
    found = _answer(f"/ops/prices/unpriced?days={days}", endpoint, token, lambda reports: reports.unpriced(org, days))
    if as_json:
        out.print_json(json.dumps(found))
    elif not found:
        out.print(f"[green]✓[/] every call of the last {days} days has a price", highlight=False)
    else:
        _list(found)
    if found:
        raise typer.Exit(1)


@prices_app.command("show")
def show(price_id: str, endpoint: _Endpoint = None, token: Token = None, as_json: _Json = False) -> None:
    """Say what the price id on a call means."""
    path = f"/ops/prices/{quote(price_id, safe='')}"
    found = _answer(path, endpoint, token, lambda reports: reports.price(price_id))
    if found is None:
        raise typer.BadParameter(f"no call was ever priced by {price_id}: ids are on the calls")
    if as_json:
        out.print_json(json.dumps(found))
    else:
        _explain(found)


@prices_app.command("book")
def book(endpoint: _Endpoint = None, token: Token = None, as_json: _Json = False) -> None:
    """Say which prices hold now."""
    found = _answer("/ops/prices/book", endpoint, token, PriceReports.book)
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("version", found["version"])
    table.add_row("prices of your own", f"{found['own_prices']:,}")
    table.add_row("then", found["list"])
    out.print(table, highlight=False)


def _answer(path: str, endpoint: str | None, token: str | None, report: _Report) -> Any:
    try:
        return ask("GET", endpoint or HTTP, path, token)
    except NoCollector:
        settings = DeploySettings()
        store = settings.store()
        if endpoint is not None or (store.dsn is None and not store.path.exists()):
            raise
    try:
        own = PriceBook.load(settings.collector().prices_file)
    except PriceFileError as error:
        raise StoreError(f"{error}: mend it, or unset {PRICES_FILE_SETTING}") from None
    try:
        with Store(store) as opened:
            return report(PriceReports(opened, own))
    except ClickHouseError as error:
        name = getattr(error, "name", None) or type(error).__name__
        raise StoreError(f"the store can't be asked ({name}): is it migrated? See `muster migrate --plan`") from None


def _list(found: list[dict[str, Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold")
    table.add_column("why", no_wrap=True)
    for column in ("calls", "input", "output", "last (UTC)"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in found:
        table.add_row(
            "/".join(filter(None, (row["provider"], row["model"]))) or "(none)",
            row["reason"].lower(),
            f"{row['calls']:,}",
            *("unknown" if row[name] is None else f"{row[name]:,}" for name in ("input_tokens", "output_tokens")),
            row["last"][:16].replace("T", " "),
        )
    out.print(table)
    for reason, words in {row["reason"]: row["words"] for row in found}.items():
        out.print(f"{reason.lower()}: {words}", highlight=False)
    out.print(f"{sum(row['calls'] for row in found):,} calls have no price: no total of costs holds them")
    out.print(f"give their models a price in a file named by {PRICES_FILE_SETTING}", highlight=False, soft_wrap=True)


def _explain(price: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("price", price["id"])
    table.add_row("from", price["source"])
    table.add_row("of", f"{price['provider'] or 'any provider'}, {price['model']}")
    table.add_row("holds", f"{price['start']} to {price['end'] or 'further notice'}")
    if price["until"] or price["since"] != "00:00:00":
        table.add_row("hours (UTC)", f"{price['since']} to {price['until'] or '24:00:00'}")
    if price["service_tier"]:
        table.add_row("service tier", price["service_tier"])
    for name, words in (("above", "above input tokens"), ("up_to", "up to input tokens")):
        if price[name] is not None:
            table.add_row(words, f"{price[name]:,}")
    for charge in price["charges"]:
        less = f" without {', '.join(map(_words, charge['less']))}" if charge["less"] else ""
        table.add_row(_words(charge["unit"]), f"${digits(Decimal(charge['rate']) * 1_000_000)} a million{less}")
    if price["request"] != "0":
        table.add_row("request", f"${price['request']} each")
    if price["others"]:
        table.add_row("not counted", ", ".join(map(_words, price["others"])))
    table.add_row("first used", f"{price['first_used'][:19].replace('T', ' ')} UTC, by book {price['price_book']}")
    out.print(table, highlight=False)


def _words(unit: str) -> str:
    return unit.replace("_", " ")
