"""`muster retention`: a policy checked, what would go, a run of it, and what went. The running collector is asked."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from collector.retention.operations import MOST_DAYS
from collector.retention.policy import Kind, Periods, Rule, load, rule_name
from deploy.asking import HTTP, Endpoint, Token, ask

retention_app = typer.Typer(no_args_is_help=True, help="How long what is kept.")
out = Console()

_LOOK_EVERY = 1.0

_Days = Annotated[int | None, typer.Option(min=1, max=MOST_DAYS, help="Days at once, oldest first.")]
_Clock = Annotated[bool, typer.Option("--confirm-clock", help="The clock is right, though it seems to have jumped.")]
_Json = Annotated[bool, typer.Option("--json", help="For scripts.")]


@retention_app.command("check")
def check(file: Path) -> None:
    """Read a policy and show its periods."""
    policy = load(file)
    table = Table("for", *Kind, box=box.SIMPLE_HEAD, pad_edge=False)
    for number, rule in enumerate(policy.rule, 1):
        table.add_row(f"{rule_name(rule, number)}: {_whom(rule)}", *(_period(rule, kind, "") for kind in Kind))
    table.add_row("all others", *(_period(policy.default, kind, "forever") for kind in Kind))
    out.print(table)
    today = datetime.now(UTC)
    out.print(f"policy {policy.id}; of today ({today:%Y-%m-%d}), what is older than this may go:", highlight=False)
    for kind in Kind:
        border = policy.latest(kind, today)
        words = f"{datetime.fromtimestamp(border // 10**9, UTC):%Y-%m-%d}" if border else "nothing goes"
        out.print(f"  {kind}: {words}", highlight=False)


@retention_app.command("plan")
def plan(
    endpoint: Endpoint = HTTP,
    token: Token = None,
    days: _Days = None,
    confirm_clock: _Clock = False,
    as_json: _Json = False,
) -> None:
    """Say what would go. Removes nothing."""
    found = _plan(endpoint, token, days, confirm_clock)
    if as_json:
        out.print_json(json.dumps(found))
    else:
        _show(found)


@retention_app.command("run")
def run(
    endpoint: Endpoint = HTTP,
    token: Token = None,
    days: _Days = None,
    confirm_clock: _Clock = False,
    most_rows: Annotated[int | None, typer.Option(min=1, help="Stop if more rows would go.")] = None,
    most_percent: Annotated[float | None, typer.Option(max=100, help="Stop if more of a table would go.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Plan, show the plan, ask, and remove what it says. A run that was broken off is finished first."""
    found = _plan(endpoint, token, days, confirm_clock)
    _show(found)
    if not found["rows"] and not found["resumed"]:
        return
    if not yes:
        typer.confirm("Remove this for good?", abort=True)
    given = {"most_rows": most_rows, "most_percent": most_percent}
    query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    state = ask("POST", endpoint, f"/ops/retention/run/{found['plan']}?{query}", token)
    with out.status("…") as status:
        while not state["finished"]:
            status.update(f"{state['done']:,} of {state['rows']:,} rows")
            time.sleep(_LOOK_EVERY)
            state = ask("GET", endpoint, "/ops/retention/run", token)
    if state["error"]:
        raise OSError(state["error"])
    out.print(f"[green]✓[/] {state['done']:,} rows are gone, and none of them was found again", highlight=False)


@retention_app.command("removals")
def removals(
    endpoint: Endpoint = HTTP,
    token: Token = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How far back.")] = 30,
    as_json: _Json = False,
) -> None:
    """List what went."""
    found = ask("GET", endpoint, f"/ops/retention/removals?days={days}", token)
    if as_json:
        out.print_json(json.dumps(found))
        return
    table = Table("when (UTC)", "day", "table", "class", "policy", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("rows", "MB", "held"):
        table.add_column(column, justify="right")
    for row in found:
        when = row["at"][:16].replace("T", " ")
        figures = (f"{row['rows']:,}", _mb(row["bytes"]), f"{row['held']:,}")
        table.add_row(when, row["day"], row["table"], row["class"], row["policyid"], *figures)
    out.print(table)


def _plan(endpoint: str, token: str | None, days: int | None, confirm_clock: bool) -> dict[str, Any]:
    query = f"?confirm_clock={str(confirm_clock).lower()}" + (f"&days={days}" if days else "")
    found: dict[str, Any] = ask("POST", endpoint, f"/ops/retention/plan{query}", token)
    return found


def _show(plan: dict[str, Any]) -> None:
    if plan["resumed"]:
        out.print(f"plan {plan['plan']} was begun and broken off; this is left of it:", highlight=False)
    if not plan["items"]:
        out.print("nothing is due", highlight=False)
        return
    table = Table("day", "table", "organisation", "class", "why", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("rows", "MB", "held"):
        table.add_column(column, justify="right")
    for item in plan["items"]:
        names = (item["day"], item["table"], item["org"], item["class"], item["reason"])
        table.add_row(*names, f"{item['rows']:,}", _mb(item["bytes"]), f"{item['held']:,}")
    out.print(table)
    later = "; more is due on later days" if plan["later"] else ""
    out.print(f"{plan['rows']:,} rows, {_mb(plan['bytes'])} MB, by policy {plan['policy']}{later}", highlight=False)


def _whom(rule: Rule) -> str:
    named = {"org": rule.org, "service": rule.service, "agent": rule.agent, "environment": rule.environment}
    return ", ".join(f"{name} {' or '.join(values)}" for name, values in named.items() if values)


def _period(scope: Periods, kind: Kind, otherwise: str) -> str:
    period = scope.period(kind)
    return period.text if period else otherwise


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"
