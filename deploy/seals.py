"""`muster seals`: how sealing goes, and pricing calls anew after prices have changed."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from collector.price_operations import MOST_DAYS
from deploy.asking import HTTP, Endpoint, Token, ask

seals_app = typer.Typer(no_args_is_help=True, help="Seals of traces: what spans mean together, and cost.")
out = Console()

_Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
_POLL = 1.0


@seals_app.command("status")
def status(endpoint: Endpoint = HTTP, token: Token = None, as_json: _Json = False) -> None:
    """Say how sealing goes. Exit status 1: nothing is sealed now."""
    found = ask("GET", endpoint, "/ops/seals", token)
    if as_json:
        out.print_json(json.dumps(found))
    else:
        _show(found)
    if found["problem"] or not found["alive"]:
        raise typer.Exit(1)


@seals_app.command("reprice")
def reprice(
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How far back.")],
    endpoint: Endpoint = HTTP,
    token: Token = None,
) -> None:
    """Price calls anew by the prices that hold now; what they cost before is kept. Ctrl-C ends the watching only."""
    progress = ask("POST", endpoint, f"/ops/seals/reprice?days={days}", token)["repricing"]
    with out.status("calls are looked at …") as shown:
        while progress["running"]:
            shown.update(f"{progress['report']['seals']:,} traces have new costs …")
            time.sleep(_POLL)
            progress = ask("GET", endpoint, "/ops/seals", token)["repricing"]
    if progress["problem"]:
        raise OSError(f"re-pricing: {progress['problem']}")
    out.print(f"[green]✓[/] {progress['report']['seals']:,} traces have new costs", highlight=False)
    if gone := progress["report"]["gone"]:
        out.print(f"{gone:,} traces keep their costs: some of their spans were deleted", highlight=False)


def _show(found: dict[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    last, total = found["last"], found["total"]
    table.add_row(
        "sealing", found["problem"] or ("runs" if found["alive"] else "does not run: see the collector's log")
    )
    table.add_row("last run", f"{_time(found['last_run'])}: {last['seals']:,} of {last['traces']:,} traces sealed")
    table.add_row("newest seal", _time(found["newest_seal"]))
    table.add_row("waiting", f"{found['backlog']:,} traces, for {found['lag']:.0f} s at most")
    table.add_row("since the start", f"{total['seals']:,} seals of {total['rows']:,} spans")
    table.add_row("price book", found["price_book"])
    if repricing := found["repricing"]:
        state = "under way" if repricing["running"] else repricing["problem"] or "done"
        table.add_row("re-pricing", f"{state}: {repricing['report']['seals']:,} traces have new costs")
    out.print(table, highlight=False)


def _time(text: str | None) -> str:
    return f"{text[:19].replace('T', ' ')} UTC" if text else "none since the start"
