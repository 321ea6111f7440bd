"""`muster slo`: service level objectives of agents, as OpenSLO."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from deploy.registry.output import AsJson, completed, fields, inventory, out, printed_json, say, table, told

slo_app = typer.Typer(no_args_is_help=True, help="Service level objectives, as OpenSLO v1.")
SloName = Annotated[
    str,
    typer.Argument(
        help="The objective's id.",
        autocompletion=completed(lambda client: [one.id for one in client.list_slos(limit=500).slos]),
    ),
]


@slo_app.command("list")
def list_slos(
    agent: Annotated[str | None, typer.Argument(help="Of this agent; of all without.")] = None, as_json: AsJson = False
) -> None:
    """List objectives."""
    with inventory() as client:
        found = list(client.iterate_slos(agent))
    if as_json:
        printed_json(found)
        return
    rows = [
        (one.id, one.agent, one.indicator, one.target or f"≤ {one.value}", one.window, str(len(one.alerts)))
        for one in found
    ]
    columns = ("objective", "agent", "indicator", "target", "window", "alerts")
    table(columns, rows, "no objectives: take some in with muster slo import -f slos.yaml")


@slo_app.command()
def show(slo: SloName, as_json: AsJson = False, as_yaml: Annotated[bool, typer.Option("--yaml")] = False) -> None:
    """What an objective counts, and when its alerts fire."""
    with inventory() as client:
        found = client.get_slo(slo)
    if as_yaml:
        out.file.write(yaml.safe_dump(found.openslo, sort_keys=False, allow_unicode=True))
        return
    if as_json:
        printed_json(found)
        return
    fields(
        [
            ("objective", f"{found.id} of {found.agent}"),
            ("indicator", f"{found.indicator}. {found.counts}"),
            ("target", found.target or f"at most {found.value}"),
            ("window", found.window),
            ("minimum events", str(found.minimum_events)),
        ]
    )
    rows = [(one.severity, one.burn, one.long, one.short, one.fires_above) for one in found.alerts]
    table(("alert", "burn", "long", "short", "fires above"), rows, "above its value it pages")


@slo_app.command("import")
def import_slos(
    file: Annotated[Path, typer.Option("--file", "-f", help="OpenSLO v1, one or more YAML documents.")],
    replace: Annotated[bool, typer.Option("--replace", help="Change those that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take in objectives: all of a file, or none. One whose alerts can never fire is refused."""
    with inventory() as client:
        found = client.import_slos(file.read_text(), replace=replace)
    told(
        found, as_json, f"{len(found.created)} created, {len(found.updated)} changed, {len(found.unchanged)} unchanged"
    )


@slo_app.command()
def export(agent: Annotated[str | None, typer.Argument(help="Of this agent; of all without.")] = None) -> None:
    """All objectives as OpenSLO."""
    with inventory() as client:
        documents = [one.openslo for one in client.iterate_slos(agent)]
    out.file.write(yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True))


@slo_app.command()
def remove(slo: SloName) -> None:
    """Remove an objective; what it was stays in the audit log."""
    with inventory() as client:
        client.delete_slo(slo, client.get_slo(slo).revision)
    say(f"{slo} is removed")
