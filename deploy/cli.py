"""The `muster` command."""

from __future__ import annotations

import logging
import sys
import time
from typing import Annotated

import typer
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collector.demo import fast, progress, traffic
from collector.demo.outlet import SendError
from collector.demo.replay import bodies, replay
from collector.price_file import PriceFileError
from collector.receivers.auth import SettingsError
from collector.redaction.policy import PolicyError, policy_of
from collector.retention.policy import PolicyError as RetentionError
from collector.store.connection import Store, StoreError
from collector.store.migrate import Status, load, migrate, plan
from deploy.asking import HTTP, Endpoint, Token, ask
from deploy.check import findings
from deploy.inventory_service import database_of
from deploy.price import price
from deploy.prices import prices_app
from deploy.redaction import redaction_app
from deploy.registry.agents import agents_app
from deploy.registry.approvals import approvals_app
from deploy.registry.audit import audit_app, search
from deploy.registry.demo import register
from deploy.registry.discover import discover_app
from deploy.registry.evidence import controls, evidence
from deploy.registry.files import apply, export
from deploy.registry.findings import findings_app
from deploy.registry.lifecycle import jobs_app, lifecycle_app
from deploy.registry.output import inventory
from deploy.registry.records import records_app
from deploy.registry.releases import releases_app
from deploy.registry.slos import slo_app
from deploy.registry.tokens import me, people_app, tokens_app
from deploy.retention import retention_app
from deploy.seals import seals_app
from deploy.settings import DeploySettings
from deploy.up import serve_collector
from deploy.up import up as run_up
from inventory.auth.local import LocalTokenError
from inventory.auth.oidc_settings import MappingError
from inventory.client import ClientError
from inventory.db import migrate as registry
from inventory.db.engine import DatabaseError

app = typer.Typer(no_args_is_help=True, add_completion=True, help="Muster: every agent accounted for.")
dead_app = typer.Typer(no_args_is_help=True, help="Requests that the store could not read.")
app.add_typer(dead_app, name="dead")
app.add_typer(prices_app, name="prices")
app.add_typer(redaction_app, name="redaction")
app.add_typer(seals_app, name="seals")
app.add_typer(retention_app, name="retention")
app.add_typer(agents_app, name="agents")
app.add_typer(releases_app, name="releases")
app.add_typer(tokens_app, name="tokens")
app.add_typer(people_app, name="people")
app.add_typer(audit_app, name="audit")
app.add_typer(slo_app, name="slo")
app.add_typer(discover_app, name="discover")
app.add_typer(lifecycle_app, name="lifecycle")
app.add_typer(records_app, name="records")
app.add_typer(jobs_app, name="jobs")
app.add_typer(approvals_app, name="approvals")
app.add_typer(findings_app, name="findings")
out = Console()
err = Console(stderr=True)

GRPC = "http://127.0.0.1:4317"


_SAID = (
    StoreError, SettingsError, PriceFileError, PolicyError, RetentionError, SendError, DatabaseError, LocalTokenError,
    MappingError, ClientError, OSError,
)  # fmt: skip


def main() -> None:
    """Run a command; what a person can mend is said in a line, not a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        app()
    except ValidationError as error:
        for problem in error.errors():
            where = "_".join(str(part) for part in problem["loc"])
            name = f"setting {where.upper()}" if error.title.endswith("Settings") else where or error.title
            err.print(f"[red]error:[/] {name}: {escape(problem['msg'])}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except _SAID as error:
        err.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)


@app.command()
def up(
    dashboards: Annotated[bool, typer.Option(help="Start the pages too.")] = True,
) -> None:
    """Start everything here in one process: collector, API, embedded engine, pages."""
    settings = DeploySettings()
    run_up(settings.model_copy(update={"dashboards": settings.dashboards and dashboards}), _say)


@app.command()
def collector() -> None:
    """Start a collector alone (OTLP on HTTP and gRPC) against the configured store."""
    serve_collector(DeploySettings(), _say)


@app.command("migrate")
def migrate_command(
    show_plan: Annotated[bool, typer.Option("--plan", help="Say what would run; change nothing.")] = False,
) -> None:
    """Bring the store's tables to this version."""
    settings = DeploySettings()
    migrations = load(policy=policy_of(settings.collector()))
    with Store(settings.store()) as store:
        if not show_plan:
            ran = migrate(store, migrations)
            out.print(f"{store.where}: {len(ran)} migrations applied" if ran else f"{store.where}: nothing to do")
            _migrate_registry(settings, show_plan)
            return
        table = Table("version", "migration", "status", "checksum")
        steps = plan(store, migrations)
        for step in steps:
            checksum = step.migration.checksum[:12]
            table.add_row(str(step.migration.version), step.migration.name, step.status, checksum)
        out.print(table)
        pending = sum(step.status is not Status.DONE for step in steps)
        out.print(f"{store.where}: {pending} of {len(steps)} to run")
    _migrate_registry(settings, show_plan)


def _migrate_registry(settings: DeploySettings, show_plan: bool) -> None:
    database = database_of(settings)
    try:
        done = registry.waiting(database) if show_plan else registry.upgrade(database)
        said = f"{len(done)} to run" if show_plan else f"{len(done)} migrations applied" if done else "nothing to do"
        out.print(f"registry in {database.where}: {said}", highlight=False, soft_wrap=True)
    finally:
        database.close()


app.command()(price)
app.command()(apply)
app.command()(export)
app.command()(search)
app.command()(me)
app.command()(evidence)
app.command()(controls)


@app.command()
def check() -> None:
    """Say what is wrong with the configuration before anything starts."""
    problems = findings(DeploySettings())
    for problem in problems:
        err.print(f"[red]✗[/] {problem}", highlight=False, soft_wrap=True)
    if problems:
        raise typer.Exit(1)
    out.print("[green]✓[/] the configuration can be started")


@app.command()
def demo(
    endpoint: Annotated[str | None, typer.Option(help="Where to send; the local collector by default.")] = None,
    protocol: Annotated[str, typer.Option(help="http or grpc.")] = "http",
    days: Annotated[float, typer.Option(help="Spread the traces over this many days back.")] = 14,
    traces: Annotated[int | None, typer.Option(help="How many traces; live without it: no end.")] = None,
    live: Annotated[bool, typer.Option(help="Send as it happens, at --rate traces a second.")] = False,
    rate: Annotated[float, typer.Option(help="Traces a second when live.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Same seed, same traffic.")] = 7,
    spans: Annotated[int | None, typer.Option("--fast", help="Send this many pre-serialised spans instead.")] = None,
    registry: Annotated[bool, typer.Option(help="Register the agents too, where none is registered.")] = True,
    token: Token = None,
) -> None:
    """Send realistic agent traffic through OpenTelemetry exporters."""
    if protocol not in ("http", "grpc"):
        raise typer.BadParameter("protocol is http or grpc")
    if spans is not None:
        _fast(endpoint or HTTP, spans, days, seed, token)
        return
    target = endpoint or (GRPC if protocol == "grpc" else HTTP)
    if registry:
        _register()
    count = traces if live or traces is not None else 2000
    with progress.bar(count, console=err) as advance:
        totals = traffic.send(
            target,
            protocol="grpc" if protocol == "grpc" else "http",
            token=token,
            days=days,
            traces=count,
            seed=seed,
            live=live,
            rate=rate,
            progress=advance,
        )
    out.print(
        f"sent {totals.traces:,} traces: {totals.spans:,} spans, {totals.logs:,} logs, {totals.points:,} data points, "
        f"{totals.approvals:,} approvals, {totals.tool_calls:,} tool calls, {totals.errors:,} errors",
        highlight=False,
    )


def _register() -> None:
    """Whoever can't be asked has a demo without a registry."""
    try:
        with inventory() as client:
            number = register(client)
    except ClientError as error:
        err.print(f"[yellow]![/] the demo's agents were not registered: {error}", highlight=False)
        return
    if number:
        out.print(f"registered {number} agents with their people and teams", highlight=False)


def _fast(endpoint: str, spans: int, days: float, seed: int, token: str | None) -> None:
    start = time.time_ns() - int(days * 86_400e9)
    per_request = 1000
    with err.status(f"sending {spans:,} spans …"):
        report = replay(
            endpoint,
            bodies(spans, per_request, seed=seed, start=start, days=days, profile=fast.Profile.BENCH, gzip=False),
            token=token,
        )
    summary = report.summary()
    out.print(f"sent {summary['spans']:,} spans at {summary['spans_per_second']:,} spans/s", highlight=False)


@app.command()
def reconcile(
    hours: Annotated[int, typer.Option(min=1, max=168, help="How far back.")] = 24,
    endpoint: Endpoint = HTTP,
    token: Token = None,
) -> None:
    """Does it add up? received = stored + absorbed + rejected + waiting + dead, per hour and sender."""
    report = ask("GET", endpoint, f"/ops/reconciliation?hours={hours}", token)
    columns = ("received", "stored", "absorbed", "rejected", "waiting", "dead", "difference")
    table = Table("hour (UTC)", "signal", "sender", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for account in report["accounts"]:
        table.add_row(
            account["hour"][5:13].replace("T", " ") + "h",
            account["signal"],
            f"{account['org']}/{account['identity'] or '(anonymous)'}",
            *(f"{account[column]:,}" for column in columns),
        )
    if report["accounts"]:
        out.print(table)
    else:
        out.print(f"nothing was received in the last {hours} hours")
    if report["unaccounted"]:
        err.print(f"[red]✗[/] {report['unaccounted']:,} items are not accounted for")
        raise typer.Exit(1)
    out.print("[green]✓[/] every item is accounted for")


@dead_app.command("list")
def dead_list(endpoint: Endpoint = HTTP, token: Token = None) -> None:
    """List dead letters with their errors."""
    letters = ask("GET", endpoint, "/ops/dead", token)
    if not letters:
        out.print("no dead letters")
        return
    table = Table("name", "signal", "org", "sender", "items", "buried (UTC)", "error")
    for letter in letters:
        table.add_row(
            letter["name"],
            letter["signal"],
            letter["org"],
            letter["identity"] or "(anonymous)",
            str(letter["items"]),
            letter["buried_at"][:19].replace("T", " "),
            letter["error"],
        )
    out.print(table)


@dead_app.command("requeue")
def dead_requeue(name: str, endpoint: Endpoint = HTTP, token: Token = None) -> None:
    """Put a dead letter back, once what made it unreadable is mended."""
    answer = ask("POST", endpoint, f"/ops/dead/{name}/requeue", token)
    out.print(f"requeued {answer['requeued']:,} items")


def _say(line: str) -> None:
    out.print(line, highlight=False, soft_wrap=True)
    out.file.flush()


if __name__ == "__main__":
    main()
