"""`muster evidence`, `muster controls`: what can be proved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from deploy.registry.output import AsJson, inventory, out, printed_json, say, table, when
from inventory.contract.evidence import Evidence

_MARKS: Final = {
    "verified": "[green]✓ verified[/]", "claimed": "[yellow]○ claimed[/]", "missing": "[red]✕ missing[/]",
    "not-needed": "[dim]– not needed[/]", "pass": "[green]✓ pass[/]", "fail": "[red]✕ fail[/]",
    "not-assessed": "[dim]– not assessed[/]",
}  # fmt: skip
Html = Annotated[Path | None, typer.Option(help="Write the page to print into this file.")]


def evidence(trace: Annotated[str, typer.Argument(help="The trace's id, 32 hex digits.")], as_json: AsJson = False,
             html: Html = None) -> None:  # fmt: skip
    """Who asked, what ran, what it used, who approved, how to undo it: verified, claimed or missing."""
    with inventory() as client:
        if html is not None:
            html.write_text(client.evidence_page(trace))
            say(f"written to {html}")
            return
        found = client.evidence(trace)
    if as_json:
        printed_json(found)
        return
    _told(found)


def _told(found: Evidence) -> None:
    out.print(f"[bold]{escape(found.name)}[/]  {found.trace_id}  {when(found.start)} UTC", highlight=False)
    agents = ", ".join(found.agents) or "none known"
    out.print(f"answered {found.completeness:.0%}, verified {found.verified:.0%}; agents: {agents}", highlight=False)
    for one in found.answers:
        out.print(f"\n{_MARKS[one.standing]}  [bold]{one.asks}[/]\n  {escape(one.answer)}", highlight=False)
        for source in one.sources[:6]:
            line = f"{source.says}  ({source.kind} {source.id})"
            out.print(f"    {_MARKS[source.standing]}  {escape(line)}", highlight=False, soft_wrap=True)
        for remedy in one.missing:
            out.print(f"    [dim]to know it: {escape(remedy)}[/]", highlight=False, soft_wrap=True)
    for number, step in enumerate(found.undo, 1):
        how = escape(step.how or "nobody says how")
        out.print(f"\nundo {number}. {escape(step.what)}: {how}", highlight=False, soft_wrap=True)


def controls(days: Annotated[int, typer.Option(min=1, max=366)] = 30, as_json: AsJson = False,
             html: Html = None) -> None:  # fmt: skip
    """Which controls hold, which failed, and which can't be assessed."""
    with inventory() as client:
        if html is not None:
            html.write_text(client.controls_page(days=days))
            say(f"written to {html}")
            return
        found = client.controls(days=days)
    if as_json:
        printed_json(found)
        return
    table(
        ("control", "result", "why"),
        [(f"{one.id} {one.title}", one.result, one.why) for one in found.controls],
        "no controls",
    )
    say(", ".join(f"{number} {name}" for name, number in found.counts.items()))
