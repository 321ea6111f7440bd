"""`muster discover`: where registry and telemetry differ, and the one step that mends a shadow."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.registry.output import AgentName, AsJson, inventory, printed_json, say, table, told
from inventory.contract.agents import AgentSpec, Matcher
from inventory.contract.discovery import Claim, Discovered

discover_app = typer.Typer(invoke_without_command=True, help="Where registry and telemetry differ.")


@discover_app.callback()
def discover(
    context: typer.Context,
    history: Annotated[bool, typer.Option("--history", help="What is no longer so.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shadows (telemetry of no agent), ghosts (agents without telemetry), duplicates, orphans."""
    if context.invoked_subcommand is not None:
        return
    with inventory() as client:
        found = client.discovery_history() if history else client.discover()
    if as_json:
        printed_json(found)
        return
    rows = [(one.kind, _said(one), one.opened_at.strftime("%Y-%m-%d %H:%M"),
             one.closed_at.strftime("%Y-%m-%d %H:%M") if one.closed_at else "") for one in found.found]  # fmt: skip
    table(("kind", "what", "since (UTC)", "until (UTC)"), rows, "registry and telemetry agree")
    if any(one.kind == "shadow" for one in found.found) and not history:
        say("claim a shadow: muster discover claim AGENT --service … --agent-name …")


@discover_app.command()
def claim(
    agent: AgentName,
    service: Annotated[str, typer.Option()] = "",
    agent_name: Annotated[str, typer.Option()] = "",
    agent_id: Annotated[str, typer.Option()] = "",
    identity: Annotated[str, typer.Option()] = "",
    new: Annotated[str | None, typer.Option("--new", help="Register the agent with this name, as a draft.")] = None,
    owner: Annotated[str | None, typer.Option(help="Of the new agent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Telemetry of this service, agent name, agent id or identity is this agent's: also all that came before."""
    matcher = Matcher(service=service, agent_name=agent_name, agent_id=agent_id, identity=identity)
    spec = None if new is None else AgentSpec(name=new, owner=owner)
    with inventory() as client:
        found = client.claim(Claim(agent=agent, matcher=matcher, spec=spec))
    became = "is registered" if found.created else "has a new matcher"
    moved = "telemetry changes hands in seconds" if found.keys is None else f"{found.keys} kinds of telemetry moved"
    told(found, as_json, f"{found.agent} {became}; {moved}, with all that came before")


def _said(one: Discovered) -> str:
    details = one.details
    if one.kind == "shadow":
        named = [
            f"{name}={details[name]}" for name in ("service", "agent_name", "agent_id", "identity") if details[name]
        ]
        return f"{', '.join(named)} ({details['spans']:,} spans, last {details['last_seen'][:10]})"
    if one.kind == "duplicate":
        return f"{' and '.join(details['agents'])}: {', '.join(details['reasons'])}"
    if one.kind == "orphan":
        return f"{one.subject}: {'owner ' + details['owner'] + ' is gone' if details['owner'] else 'nobody owns it'}"
    return f"{one.subject} ({details['state']}, {details['matchers']} matchers)"
