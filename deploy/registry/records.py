"""`muster records`: archives written, verified, restored, held, disposed of; schedules, the calendar, keys."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.registry.output import (
    AgentName,
    AsJson,
    completed,
    err,
    fields,
    inventory,
    printed_json,
    say,
    table,
    told,
    when,
)
from exporters.settings import RecordsSettings
from exporters.targets.base import Target
from exporters.targets.folder import Folder
from exporters.targets.s3 import S3
from exporters.verifying import verify_all
from inventory.client import InventoryClient
from inventory.contract import records as wire

records_app = typer.Typer(no_args_is_help=True, help="Archives that prove themselves.")
schedules_app = typer.Typer(no_args_is_help=True, help="How long records are kept, by which authority.")
records_app.add_typer(schedules_app, name="schedules")

package_names = completed(lambda client: [one.id for one in client.list_packages(limit=500).packages])
PackageName = Annotated[str, typer.Argument(help="The package's id.", autocompletion=package_names)]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]
Later = Annotated[bool, typer.Option("--no-wait", help="Don't wait until it is done.")]
_SIGNS = {
    "complete": "●", "supplemented": "●+", "missing": "✗", "failed": "!", "held": "■", "disposed": "†", "open": "○",
    "empty": "·", "under-way": "…",
}  # fmt: skip


@records_app.command()
def export(
    agent: AgentName,
    month: Annotated[str | None, typer.Option(help="A month, as 2026-10.")] = None,
    starts: Annotated[str | None, typer.Option("--from", help="The first day.")] = None,
    ends: Annotated[str | None, typer.Option("--to", help="The day after the last.")] = None,
    later: Later = False,
    as_json: AsJson = False,
) -> None:
    """Archive what an agent did in a month, or from a day on until before another."""
    first, last = _days(month, starts, ends)
    with inventory() as client:
        made = client.export_records(agent, first, last)
        if later:
            told(made, as_json, f"{made.package.id} is being written; see muster records show {made.package.id}")
            return
        _done(client, made.work, as_json)
        found = client.get_package(made.package.id)
    if as_json:
        printed_json(found)
    elif found.state == "empty":
        say(f"nothing of {agent} from {first} to {last} is here that isn't archived already")
    else:
        _wrote(found)


@records_app.command("verify")
def verify_package(
    what: Annotated[str, typer.Argument(help="A package's id; or a directory or s3://bucket/prefix, read here.")],
    trusted: Annotated[
        list[str] | None, typer.Option("--key", help="Fingerprint of a key that may have signed; else any is believed.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check packages: digests, signature, counts, chain, locks. A directory needs no Muster that runs."""
    if not what.startswith("pkg_") or Path(what).exists():
        _offline(what, frozenset(trusted) if trusted else None)
        return
    with inventory() as client:
        work = _done(client, client.verify_package(what), as_json)
    if as_json:
        printed_json(work)
    for one in work.result["findings"]:
        say(one)
    if not work.result["good"]:
        raise typer.Exit(1)
    if not as_json:
        locked = f", locked until {work.result['locked_until'][:10]}" if work.result["locked_until"] else ""
        say(f"{what} is as it was signed: {work.result['rows']:,} rows in {work.result['files']} files{locked}")


@records_app.command()
def restore(
    package: PackageName,
    drop: Annotated[bool, typer.Option("--drop", help="Remove what was restored.")] = False,
    as_json: AsJson = False,
) -> None:
    """A package's rows into a database of their own, once it has verified."""
    with inventory() as client:
        work = _done(client, client.drop_restored(package) if drop else client.restore_package(package), as_json)
    if drop:
        told(work, as_json, f"{work.result['database']} is gone; the package stays")
    else:
        told(work, as_json, f"{work.result['rows']:,} rows are in the database {work.result['database']}")


@records_app.command()
def retry(package: PackageName, as_json: AsJson = False) -> None:
    """Go on with an export that failed."""
    with inventory() as client:
        _done(client, client.retry_export(package), as_json)
        found = client.get_package(package)
    if as_json:
        printed_json(found)
    else:
        _wrote(found)


@records_app.command("list")
def list_packages(
    agent: Annotated[str | None, typer.Option()] = None,
    state: Annotated[str | None, typer.Option()] = None,
    as_json: AsJson = False,
) -> None:
    """Packages, and where they are."""
    with inventory() as client:
        found = list(client.iterate_packages(agent=agent, state=state))
    if as_json:
        printed_json(found)
        return
    rows = [
        (
            one.id, one.agent, f"{one.starts} to {one.ends}", one.kind, one.state + (" (held)" if one.held else ""),
            f"{one.rows:,}", _size(one.bytes), when(one.locked_until), one.error or one.verdict,
        )
        for one in found
    ]  # fmt: skip
    columns = ("package", "agent", "from, to", "kind", "state", "rows", "size", "locked until", "wrong")
    table(columns, rows, "no package yet: muster records export AGENT --month 2026-10")


@records_app.command()
def show(
    package: PackageName,
    manifest: Annotated[bool, typer.Option("--files", help="Its files too.")] = False,
    as_json: AsJson = False,
) -> None:
    """A package: what is in it, where, how long it is kept, what holds it."""
    with inventory() as client:
        found = client.get_package(package)
    if as_json:
        printed_json(found)
        return
    fields(
        [
            ("package", f"{found.id}, {found.kind} {found.number} of {found.agent}"),
            ("from, to", f"{found.starts} to {found.ends}, as received until {when(found.cutoff)} UTC"),
            ("state", found.state),
            ("wrong", found.error or found.verdict),
            ("where", f"{found.target}/{found.prefix}"),
            ("rows", f"{found.rows:,} of {found.rows_expected:,} in {len(found.files)} files, {_size(found.bytes)}"),
            ("chain", f"number {found.sequence}, {found.manifest_sha256}" if found.sequence else ""),
            ("signed with", found.fingerprint),
            ("schedule", f"{found.schedule}, then {found.disposition}" if found.schedule else "none"),
            ("locked until", f"{when(found.locked_until)} UTC ({found.mode})" if found.locked_until else "not locked"),
            ("verified", when(found.verified_at)),
            ("restored into", found.restored),
            ("disposed of", when(found.disposed_at)),
        ]
    )
    for one in found.holds:
        say(f"held for {one.number} by {one.placed_by} since {when(one.placed_at)} ({one.id}): {one.reason}")
    if manifest:
        rows = [(one.path, one.state, f"{one.rows or 0:,}", _size(one.bytes or 0)) for one in found.files]
        table(("file", "state", "rows", "size"), rows, "")


@records_app.command()
def hold(
    number: Annotated[str, typer.Argument(help="Of the legal case.")],
    reason: Why,
    agent: Annotated[str | None, typer.Option(help="All of this agent.")] = None,
    package: Annotated[str | None, typer.Option(help="This package.")] = None,
    trace: Annotated[str | None, typer.Option(help="This trace.")] = None,
    everything: Annotated[bool, typer.Option("--everything", help="All of the organisation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Place a legal hold: nothing of it leaves the store or the archive until it is released."""
    given = {"agent": agent, "package": package, "trace": trace, "organisation": "" if everything else None}
    named = [(scope, name) for scope, name in given.items() if name is not None]
    if len(named) != 1:
        raise typer.BadParameter("say what is held: one of --agent, --package, --trace, --everything")
    ((scope, name),) = named
    asked = wire.NewHold.model_validate({"number": number, "scope": scope, "object": name, "reason": reason})
    with inventory() as client:
        made = client.place_hold(asked)
    told(made, as_json, f"{made.id} holds {name or 'everything'} for {number}")


@records_app.command()
def release(
    hold_id: Annotated[str, typer.Argument(help="The hold's id.")], reason: Why, as_json: AsJson = False
) -> None:
    """Release a legal hold."""
    with inventory() as client:
        made = client.release_hold(hold_id, reason)
    told(made, as_json, f"{made.id} ({made.number}) is released")


@records_app.command()
def holds(every: Annotated[bool, typer.Option("--all")] = False, as_json: AsJson = False) -> None:
    """Legal holds."""
    with inventory() as client:
        found = [one for one in client.list_holds() if every or one.released_at is None]
    if as_json:
        printed_json(found)
        return
    rows = [
        (one.id, one.number, one.scope, one.object, one.placed_by, when(one.placed_at), when(one.released_at))
        for one in found
    ]
    table(("hold", "case", "of", "", "by", "since (UTC)", "released (UTC)"), rows, "nothing is held")


@records_app.command()
def dispose(package: PackageName, reason: Why, as_json: AsJson = False) -> None:
    """Ask for a package's destruction: its time is over and nothing holds it. A second person approves."""
    with inventory() as client:
        made = client.request_disposition(package, reason)
    told(made, as_json, f"{made.id}: somebody else approves it with muster records approve {made.id}")


@records_app.command()
def approve(
    disposition: Annotated[str, typer.Argument(help="The disposition's id.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Say no.")] = False,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """The second person's word on a destruction that another asked for."""
    with inventory() as client:
        made = client.decide_disposition(disposition, approve=not refuse, reason=reason)
    word = "is being destroyed; its certificate: muster records certificate" if made.approved else "stays;"
    told(made, as_json, f"{made.package} {word} {made.package}")


@records_app.command()
def certificate(package: PackageName) -> None:
    """What was destroyed, by whose word, and what was counted: JSON, signed."""
    with inventory() as client:
        found = client.get_package(package)
    if found.certificate is None or found.disposed_at is None:
        raise typer.BadParameter(f"{package} is {found.state}: there is a certificate once it is disposed of")
    sys.stdout.write(yaml.safe_dump(found.certificate, sort_keys=False))


@records_app.command()
def calendar(
    agent: Annotated[str | None, typer.Option()] = None,
    months: Annotated[int, typer.Option(min=1, max=240)] = 12,
    as_json: AsJson = False,
) -> None:
    """What became of each month of each agent."""
    with inventory() as client:
        found = client.calendar(agent, months)
    if as_json:
        printed_json(found)
        return
    columns = sorted({cell.month for row in found for cell in row.months})[-months:]
    rows = []
    for row in found:
        cells = {cell.month: cell for cell in row.months}
        rows.append((row.agent, *(_SIGNS[cells[one].state] if one in cells else "" for one in columns)))
    table(("agent", *(f"{one:%y-%m}" for one in columns)), rows, "no agent yet")
    say("  ".join(f"{sign} {name}" for name, sign in _SIGNS.items()))
    for row in found:
        for cell in row.months:
            if cell.state in ("missing", "failed"):
                say(f"{row.agent} {cell.month:%Y-%m} is {cell.state}: {cell.why}")


@records_app.command()
def keys(
    rotate: Annotated[str, typer.Option("--rotate", help="Sign with a new key from now on; say why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Fingerprints of the keys that sign packages: write them down where nobody can change them."""
    with inventory() as client:
        if rotate:
            client.rotate_key(rotate)
        found = client.list_keys()
    if as_json:
        printed_json(found)
        return
    rows = [(one.fingerprint, when(one.since), when(one.until) or "signs now") for one in found]
    table(("fingerprint (SHA-256)", "since (UTC)", "until (UTC)"), rows, "no key yet")


@schedules_app.command("list")
def list_schedules(as_json: AsJson = False) -> None:
    """Schedules, and whether ended months are archived by them."""
    with inventory() as client:
        found = client.list_schedules()
    if as_json:
        printed_json(found)
        return
    rows = [
        (
            one.id, one.spec.title, one.spec.authority, one.spec.period, one.spec.cutoff, one.spec.disposition,
            one.spec.verified_by or "unverified", "enabled" if one.spec.enabled else "", str(one.revision),
        )
        for one in found
    ]  # fmt: skip
    columns = ("schedule", "title", "authority", "kept for", "from", "then", "verified by", "", "version")
    table(columns, rows, "no schedule")


@schedules_app.command("show")
def show_schedule(schedule: str) -> None:
    """A schedule as YAML, to be edited and put back."""
    with inventory() as client:
        found = {one.id: one for one in client.list_schedules()}
    if schedule not in found:
        raise typer.BadParameter(f"there is no schedule {schedule}: use one of {', '.join(sorted(found))}")
    sys.stdout.write(yaml.safe_dump(found[schedule].spec.model_dump(mode="json"), sort_keys=False))


@schedules_app.command("put")
def put_schedule(
    schedule: str,
    file: Annotated[Path, typer.Option("-f", "--file", exists=True, dir_okay=False, help="YAML, as show prints it.")],
    as_json: AsJson = False,
) -> None:
    """Add or change a schedule: a new version."""
    given: Any = yaml.safe_load(file.read_text())
    spec = wire.ScheduleSpec.model_validate(given)
    with inventory() as client:
        known = {one.id: one.revision for one in client.list_schedules()}
        made = client.put_schedule(schedule, spec, known.get(schedule))
    told(made, as_json, f"{made.id} is at version {made.revision}{', enabled' if made.spec.enabled else ''}")


def _days(month: str | None, starts: str | None, ends: str | None) -> tuple[date, date]:
    try:
        if month is not None and starts is None and ends is None:
            first = date.fromisoformat(f"{month}-01")
            return first, (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        if month is None and starts is not None and ends is not None:
            return date.fromisoformat(starts), date.fromisoformat(ends)
    except ValueError:
        pass
    raise typer.BadParameter("say which time: --month 2026-10, or --from 2026-10-01 --to 2026-11-01")


def _offline(what: str, trusted: frozenset[str] | None) -> None:
    """Packages below a place, with nothing but their files."""
    target: Target
    if what.startswith("s3://"):
        target = S3(RecordsSettings(target=what))
    else:
        if not Path(what).is_dir():
            raise typer.BadParameter(f"{what} is no package's id, no directory and no s3://bucket/prefix")
        target = Folder(Path(what).resolve())
    with _bar("reading", None) as step:
        verdicts = verify_all(target, trusted=trusted, told=lambda path, size: step(path, size))
    for verdict in verdicts:
        for finding in verdict.findings:
            say(str(finding))
        if verdict.good:
            word = "was destroyed, as its certificate says" if verdict.disposed else "is as it was signed"
            say(f"{verdict.package or what} {word}: {verdict.rows:,} rows, key {verdict.fingerprint}")
    if not verdicts:
        raise typer.BadParameter(f"there is no package in {what}")
    if trusted is None:
        say("compare the key with one that was published elsewhere: muster records keys")
    if not all(verdict.good for verdict in verdicts):
        raise typer.Exit(1)


def _done(client: InventoryClient, work: wire.Work, quiet: bool) -> wire.Work:
    """Wait for it, with a bar. Exits where it failed."""
    with _bar(work.kind, 0 if quiet else 1) as step:
        while work.state in ("waiting", "running"):
            step(f"{work.what} {work.error}".strip(), work.bytes, work.done, work.total)
            time.sleep(0.3)
            work = client.get_work(work.id)
    if work.state == "failed":
        say(f"{work.kind} of {work.package} failed: {work.error}")
        raise typer.Exit(1)
    return work


@contextmanager
def _bar(kind: str, shown: int | None) -> Iterator[Any]:
    columns = (
        TextColumn("[bold]{task.fields[kind]}"), BarColumn(), TextColumn("{task.completed:,.0f}/{task.fields[of]}"),
        TimeElapsedColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=err, transient=True, disable=shown == 0) as progress:
        task = progress.add_task("", total=None, kind=kind, of="?")
        seen = 0

        def step(what: str, size: int = 0, done: int | None = None, total: int | None = None) -> None:
            nonlocal seen
            seen = seen + 1 if done is None else done
            told = f"{what} {_size(size)}" if size else what
            of = f"{total:,}" if total else "?"
            progress.update(task, description=told, completed=seen, total=total or None, of=of)

        yield step


def _wrote(found: wire.Package) -> None:
    until = f", locked until {when(found.locked_until)} UTC ({found.mode})" if found.locked_until else ", not locked"
    say(
        f"{found.id}: {found.rows:,} rows, {_size(found.bytes)} in {found.target}/{found.prefix}, number "
        f"{found.sequence} of the chain{until}"
    )


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
