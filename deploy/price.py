"""`muster price`: what a model call would cost, and by which price."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from collector.price_file import PriceFileError, load
from collector.pricing import Cost, PriceRow, Prices, Unpriced, digits

out = Console()
_Tokens = Annotated[int | None, typer.Option(min=0, show_default=False)]


def price(
    model: Annotated[str, typer.Argument(help="As calls name it: gpt-4o-2024-08-06.")],
    provider: Annotated[str, typer.Option(help="As calls name it: openai. Left out: told by the model.")] = "",
    input: _Tokens = 1_000_000,  # noqa: A002 (the option's name)
    output: _Tokens = 0,
    cache_read: _Tokens = None,
    cache_write: _Tokens = None,
    reasoning: _Tokens = None,
    input_audio: _Tokens = None,
    output_audio: _Tokens = None,
    at: Annotated[datetime | None, typer.Option(help="UTC; now by default.")] = None,
    service_tier: Annotated[str, typer.Option(help="As the answer reports it: flex, priority.")] = "",
    prices: Annotated[Path | None, typer.Option(help="A file of your own prices, which go first.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Say what a model call costs, and by which price. Exit status 1: nobody can say."""
    try:
        book = Prices(load(prices) if prices else ())
    except PriceFileError as error:
        raise typer.BadParameter(str(error)) from None
    usage = {
        "input_tokens": input,
        "output_tokens": output,
        "cache_read_tokens": cache_read,
        "cache_write_tokens": cache_write,
        "output_reasoning_tokens": reasoning,
        "input_audio_tokens": input_audio,
        "output_audio_tokens": output_audio,
    }
    cost = book.cost(provider, model, at.replace(tzinfo=UTC) if at else datetime.now(UTC), usage, service_tier)
    if as_json:
        out.print_json(json.dumps(_plain(cost)))
    elif isinstance(cost, Unpriced):
        out.print(f"[yellow]unpriced[/]: {cost.value}", highlight=False)
    else:
        _show(cost)
    if isinstance(cost, Unpriced):
        raise typer.Exit(1)


def _show(cost: Cost) -> None:
    out.print(f"[bold]{_usd(cost.usd)}[/]", highlight=False)
    if cost.tier_unknown:
        out.print("[yellow]the service tier has no price of its own: this is the standard one[/]", highlight=False)
    row = cost.row
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("price", row.id)
    table.add_row("from", row.source)
    table.add_row("holds", _when(row))
    for charge in row.charges:
        less = f" without {', '.join(map(_words, charge.less))}" if charge.less else ""
        table.add_row(_words(charge.unit), f"{_usd(charge.rate * 1_000_000)} a million{less}")
    if row.request:
        table.add_row("request", f"{_usd(row.request)} each")
    if row.others:
        table.add_row("not counted", ", ".join(map(_words, row.others)))
    out.print(table, highlight=False)


def _when(row: PriceRow) -> str:
    parts = [f"{row.start} to {row.end or 'further notice'}"]
    if row.until or row.since.hour or row.since.minute:
        parts.append(f"{row.since:%H:%M} to {f'{row.until:%H:%M}' if row.until else '24:00'} UTC")
    if row.service_tier:
        parts.append(f"tier {row.service_tier}")
    if row.above is not None:
        parts.append(f"above {row.above:,} input tokens")
    if row.up_to is not None:
        parts.append(f"up to {row.up_to:,} input tokens")
    return ", ".join(parts)


def _usd(amount: Decimal) -> str:
    return f"${digits(amount)}"


def _words(unit: str) -> str:
    return unit.replace("_", " ")


def _plain(cost: Cost | Unpriced) -> dict[str, object]:
    if isinstance(cost, Unpriced):
        return {"usd": None, "unpriced": cost.value}
    return {
        "usd": digits(cost.usd),
        "price_id": cost.row.id,
        "source": cost.row.source,
        "tier_unknown": cost.tier_unknown,
        "not_counted": cost.row.others,
    }
