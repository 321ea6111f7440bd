"""`muster findings`: what failed, and who lives with it until when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from deploy.registry.output import AsJson, fields, inventory, printed_json, say, table, told, when

findings_app = typer.Typer(no_args_is_help=True, help="Findings: controls that failed.")
Name = Annotated[str, typer.Argument(help="The finding's id, fnd_…")]
Why = Annotated[str, typer.Option(help="It stands in the audit log.")]


@findings_app.command("list")
def list_findings(
    state: Annotated[str | None, typer.Option(help="open, accepted or closed; those that stand without it.")] = None,
    severity: Annotated[str | None, typer.Option(help="critical, high, medium or low.")] = None,
    agent: Annotated[str | None, typer.Option()] = None,
    control: Annotated[str | None, typer.Option(help="As AC-6.")] = None,
    as_json: AsJson = False,
) -> None:
    """The most severe first."""
    with inventory() as client:
        page = client.list_findings(state=state, severity=severity, agent=agent, control=control, limit=500)
    if as_json:
        printed_json(page.findings)
        return
    rows = [
        (one.severity, one.title, one.key, str(one.hits), when(one.last_at), one.state, one.owner, one.id)
        for one in page.findings
    ]
    looked = when(page.looked) or "never"
    table(("severity", "finding", "about", "times", "last (UTC)", "state", "owner", "id"), rows,
          f"no findings; it was looked for them at {looked}")  # fmt: skip


@findings_app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """With its history, and what exactly was done."""
    with inventory() as client:
        found = client.get_finding(name)
    if as_json:
        printed_json(found)
        return
    one = found.finding
    fields(
        [
            ("finding", f"{one.title} ({one.finding}, {one.severity})"), ("about", one.key),
            ("controls", ", ".join(one.controls)), ("owner", one.owner), ("state", one.state),
            ("since", f"{when(one.opened_at)} UTC, {one.hits} times"), ("case", one.case), ("why", found.why),
            ("remedy", found.remedy),
        ]
    )  # fmt: skip
    rows = [
        (when(hit.at), hit.trace_id, hit.span_id, ", ".join(f"{key} {value}" for key, value in hit.details.items()))
        for hit in found.hits
    ]
    table(("when (UTC)", "trace", "span", "what"), rows, "nothing of it is kept any more")
    table(("when (UTC)", "what", "by"), [(when(one.at), one.what, one.by) for one in found.events], "")


@findings_app.command()
def accept(name: Name, reason: Why, until: Annotated[str, typer.Option(help="A day, as 2027-01-31.")],
           as_json: AsJson = False) -> None:  # fmt: skip
    """Live with it until a day; it stands again afterwards."""
    try:
        day = datetime.fromisoformat(until)
    except ValueError:
        raise typer.BadParameter("until is a day, as 2027-01-31") from None
    with inventory() as client:
        found = client.accept_finding(name, reason, day if day.tzinfo else day.replace(tzinfo=UTC))
    told(found, as_json, f"{name} is accepted until {when(found.accepted_until)} UTC")


@findings_app.command()
def reopen(name: Name, reason: Why = "", as_json: AsJson = False) -> None:
    """Don't live with it any more."""
    with inventory() as client:
        found = client.reopen_finding(name, reason)
    told(found, as_json, f"{name} stands again")


@findings_app.command()
def week(days: Annotated[int, typer.Option(min=1, max=31)] = 7, as_json: AsJson = False) -> None:
    """Overrides, rejections, decisions that nobody made, findings that recur."""
    with inventory() as client:
        found = client.review_list(days=days)
    if as_json:
        printed_json(found)
        return
    rows = [(when(one.at), one.kind, one.what, one.trace_id) for one in found.items]
    table(("when (UTC)", "kind", "what", "trace"), rows, "nothing to talk about")
    say(", ".join(f"{name} {number}" for name, number in found.counts.items()))
