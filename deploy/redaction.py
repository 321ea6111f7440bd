"""`muster redaction`: a policy checked, tried on a text, and run over what is stored without changing it."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from collector.redaction.dry_run import DryRun
from collector.redaction.policy import Policy, PolicyError, Rule, load, shipped
from collector.redaction.redactor import Redactor
from collector.store.connection import Store, StoreError
from deploy.settings import DeploySettings

redaction_app = typer.Typer(no_args_is_help=True, help="What may not be stored as it was sent.")
out = Console()
err = Console(stderr=True)

_File = Annotated[Path | None, typer.Argument(help="The policy. Left out: the shipped rules.")]


@redaction_app.command()
def check(file: _File = None) -> None:
    """Read a policy and show its rules in the order in which they are applied."""
    policy = _load(file)
    table = Table(
        "rule", "action", "what", "organisations", "attributes", "not in", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for rule in policy.rules:
        table.add_row(
            rule.name,
            rule.action.value,
            _what(rule),
            _list(rule.orgs, "all"),
            _list(rule.attributes, "" if rule.attribute else "all"),
            _list(rule.except_attributes, ""),
        )
    out.print(table)
    out.print(f"policy {policy.id}: {len(policy.rules)} rules", highlight=False)


@redaction_app.command("try")
def try_text(
    file: _File = None,
    text: Annotated[str, typer.Option(help="The text; - reads it from standard input.")] = "-",
    attribute: Annotated[str, typer.Option(help="The attribute it stands in; left out: none.")] = "",
    org: Annotated[str, typer.Option(help="The organisation it is from.")] = "default",
) -> None:
    """Say what becomes of a text. Tokens are made with a key for this once."""
    redactor = Redactor(_load(file), secrets.token_hex(32))
    redacted = redactor.redact(org, attribute, sys.stdin.read() if text == "-" else text)
    out.print(redacted.text, highlight=False, markup=False, soft_wrap=True)
    for rule, count in redacted.counts.items():
        err.print(f"{rule}: {count}", highlight=False, markup=False)


@redaction_app.command("dry-run")
def dry_run(
    file: _File = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How far back.")] = 1,
    ids: Annotated[int, typer.Option(min=0, max=100, help="Rows named for each rule.")] = 5,
) -> None:
    """Say what a policy would do to what is stored. Changes nothing and shows no content."""
    policy = _load(file)
    settings = DeploySettings()
    settings.enter()
    last = datetime.now(UTC).date()
    try:
        with Store(settings.store()) as store, err.status("…") as status:
            run = DryRun(store.client(), policy, most_ids=ids)
            for number, day in enumerate(run.days(last - timedelta(days=days - 1), last), 1):
                status.update(f"{day}: {number} of {days} days")
            _show(run)
    except StoreError as error:
        if "in use" not in str(error):
            raise
        raise StoreError(
            "the embedded store is open in another process, and only one can have it: stop `muster up`, run this, and "
            "start it again (a ClickHouse server has no such limit)"
        ) from None


def _show(run: DryRun) -> None:
    if not run.findings:
        out.print("nothing that is stored would be redacted")
        return
    table = Table("rule", "table", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("matches", "rows"):
        table.add_column(column, justify="right")
    for column in ("first day", "last day", "some of them"):
        table.add_column(column)
    for found in run.findings:
        counts = f"{found.matches:,}", f"{found.rows:,}"
        table.add_row(found.rule, found.table, *counts, str(found.first), str(found.last), " ".join(found.ids))
    out.print(table)


def _load(file: Path | None) -> Policy:
    try:
        return shipped() if file is None else load(file)
    except PolicyError as error:
        for line in str(error).splitlines():
            err.print(f"[red]✗[/] {line}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _what(rule: Rule) -> str:
    if rule.attribute:
        return f"the attribute {rule.attribute}"
    patterns = "a pattern" if len(rule.pattern) == 1 else f"{len(rule.pattern)} patterns"
    return f"{patterns}, checked ({rule.check})" if rule.check else patterns


def _list(names: tuple[str, ...] | None, otherwise: str) -> str:
    return ", ".join(names) if names else otherwise
