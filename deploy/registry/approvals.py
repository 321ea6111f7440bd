"""`muster approvals`: what agents ask for, and what people say."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from deploy.registry.output import AsJson, fields, inventory, printed_json, table, told, when
from inventory.contract.approvals import DecideApproval, Word

approvals_app = typer.Typer(no_args_is_help=True, help="Approvals: asked for by agents, decided by people.")
Name = Annotated[str, typer.Argument(help="The approval's id, apr_…")]
Why = Annotated[str, typer.Option(help="It stands in the audit log.")]
Over = Annotated[bool, typer.Option("--override", help="Although others were asked.")]


@approvals_app.command("list")
def list_approvals(
    state: Annotated[str | None, typer.Option(help="pending, approved, modified, denied …")] = None,
    agent: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """Newest first."""
    with inventory() as client:
        page = client.list_approvals(state=state, agent=agent, limit=limit)
    if as_json:
        printed_json(page.approvals)
        return
    rows = [
        (one.id, one.state, one.agent, one.tool, one.policy_id, one.approver or one.decided_by, when(one.requested_at))
        for one in page.approvals
    ]
    table(("id", "state", "agent", "tool", "policy", "by", "asked (UTC)"), rows, "no agent has asked for anything")


@approvals_app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """What exactly is asked for, and what was done on it."""
    with inventory() as client:
        found = client.get_approval(name)
    if as_json:
        printed_json(found)
        return
    one = found.approval
    fields(
        [
            ("approval", f"{one.tool} of {one.agent}"), ("state", one.state), ("enforced", one.enforced),
            ("for", one.requester), ("arguments", one.arguments or "(masked)"), ("shown", one.shown or "(masked)"),
            ("why", one.why), ("policy", f"{one.policy_id} {one.policy_version} says {one.verdict}"),
            ("asked", ", ".join(one.approvers)), ("until", f"{when(one.expires_at)} UTC"),
            ("decided", f"{one.decided_by}, {when(one.decided_at)} UTC" if one.decided_at else ""),
            ("reason", one.reason), ("trace", one.trace_id),
        ]
    )  # fmt: skip
    rows = [
        (call.span_id, when(call.at), {True: "as allowed", False: "other arguments", None: "not known"}[call.matches],
         "in time" if call.in_time else "too late")
        for call in found.executions
    ]  # fmt: skip
    table(("span", "when (UTC)", "arguments", "time"), rows, "nothing was done on it yet")


def _say(name: str, decision: Word, reason: str, override: bool, arguments: str | None, as_json: bool) -> None:
    try:
        given = None if arguments is None else json.loads(arguments)
        said = DecideApproval(decision=decision, reason=reason, override=override, arguments=given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with inventory() as client:
        found = client.decide_approval(name, said)
    told(found, as_json, f"{name} is {found.state}")


@approvals_app.command()
def approve(name: Name, reason: Why = "", override: Over = False, as_json: AsJson = False) -> None:
    """Let it happen."""
    _say(name, "approve", reason, override, None, as_json)


@approvals_app.command()
def modify(name: Name, arguments: Annotated[str, typer.Argument(help="JSON: what may be done instead.")], reason: Why,
           override: Over = False, as_json: AsJson = False) -> None:  # fmt: skip
    """Let it happen with other arguments."""
    _say(name, "modify", reason, override, arguments, as_json)


@approvals_app.command()
def deny(name: Name, reason: Why, override: Over = False, as_json: AsJson = False) -> None:
    """Don't let it happen."""
    _say(name, "deny", reason, override, None, as_json)
