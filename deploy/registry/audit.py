"""`muster audit` and `muster search`."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.registry.output import AsJson, err, inventory, out, printed_json, say, table, when

audit_app = typer.Typer(no_args_is_help=True, help="Who changed what, and the proof that nobody changed that.")


@audit_app.command("list")
def list_audit(
    kind: Annotated[str, typer.Option(help="Of the object: agent, release, token, …")] = "",
    name: Annotated[str, typer.Option("--object", help="Its id.")] = "",
    actor: Annotated[str, typer.Option(help="As in person:alice@example.org.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest changes."""
    with inventory() as client:
        page = client.list_audit(kind=kind, object=name, actor=actor, limit=limit)
    if as_json:
        printed_json(page.entries)
        return
    rows = [(str(one.seq), when(one.at), one.actor, one.action, one.object) for one in page.entries]
    table(("no", "when (UTC)", "who", "did", "to"), rows, "nothing was changed yet")


@audit_app.command()
def verify(as_json: AsJson = False) -> None:
    """Walk the whole chain and compare it with the signed heads. Ends with 1 when it doesn't hold."""
    with err.status("walking the chain …"), inventory() as client:
        found = client.verify_audit()
    if as_json:
        printed_json(found)
    elif found.intact:
        anchored = (
            f"{found.anchors} signed heads, the newest of entry {found.last_anchored:,}"
            if found.last_anchored is not None
            else "no signed head yet: one is kept every hour"
        )
        out.print(f"[green]✓[/] {found.entries:,} entries hold; {anchored}", highlight=False)
    else:
        for one in found.breaks:
            err.print(f"[red]✗[/] entry {one.seq}: {one.reason}", highlight=False, soft_wrap=True)
    if not found.intact:
        raise typer.Exit(1)


def search(
    words: Annotated[list[str], typer.Argument(help="Beginnings of words.")],
    kind: Annotated[list[str] | None, typer.Option(help="agent, release, slo, person or team.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find agents, releases, definitions, people and teams."""
    with inventory() as client:
        page = client.find(" ".join(words), kind=kind or [])
    if as_json:
        printed_json(page.found)
        return
    rows = [(one.kind, one.id, one.name, one.agent if one.kind != "agent" else "", one.state) for one in page.found]
    table(("kind", "id", "name", "agent", ""), rows, "nothing has words that begin so")
    if page.truncated:
        say("there is more: ask with more words")
