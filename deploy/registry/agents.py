"""`muster agents`: registered agents."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deploy.registry.output import AgentName, AsJson, fields, inventory, printed_json, table, told, when
from inventory.contract.agents import Agent, AgentSpec

agents_app = typer.Typer(no_args_is_help=True, help="Registered agents: who answers for each.")
Reason = Annotated[str, typer.Option(help="For the audit log.")]


@agents_app.command("list")
def list_agents(
    owner: Annotated[str | None, typer.Option(help="Owner or backup owner.")] = None,
    team: Annotated[str | None, typer.Option()] = None,
    state: Annotated[str | None, typer.Option(help="draft, active, disabled or retired.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Has this tag; may be repeated.")] = None,
    high_impact: Annotated[bool | None, typer.Option(help="Only those, or only others.")] = None,
    needs: Annotated[str | None, typer.Option(help="Depends on it: agent:NAME, tool:NAME, …")] = None,
    as_json: AsJson = False,
) -> None:
    """List agents."""
    filters: dict[str, Any] = {
        "owner": owner, "team": team, "state": state, "tag": tag, "high_impact": high_impact, "needs": needs,
    }  # fmt: skip
    with inventory() as client:
        found = list(client.iterate_agents(**filters))
    if as_json:
        printed_json(found)
        return
    rows = [
        (
            one.id,
            one.state,
            one.owner,
            one.team,
            "yes" if one.high_impact else "",
            ", ".join(one.tags),
            when(one.updated_at),
        )
        for one in found
    ]
    empty = "no agents: register one with muster agents register, or many with muster apply -f"
    table(("agent", "state", "owner", "team", "high impact", "tags", "changed (UTC)"), rows, empty)


@agents_app.command()
def show(agent: AgentName, as_json: AsJson = False) -> None:
    """All that is said of an agent."""
    with inventory() as client:
        found = client.get_agent(agent)
        used_by = [] if as_json else client.used_by(agent)
    if as_json:
        printed_json(found)
        return
    spec = found.spec
    matchers = [
        ", ".join(f"{name}={value}" for name, value in one.model_dump().items() if value) for one in spec.matchers
    ]
    fields(
        [
            ("agent", f"{found.id} ({spec.name})"),
            ("state", found.state),
            ("purpose", spec.purpose),
            ("owner", spec.owner),
            ("backup owner", spec.backup_owner),
            ("team", spec.team),
            ("pager", spec.pager),
            ("runbook", spec.runbook),
            ("classification", spec.classification + (", high impact" if spec.high_impact else "")),
            ("active release", found.active_release),
            ("tools", ", ".join([*spec.tools.read, *(f"{tool} (writes)" for tool in spec.tools.write)])),
            ("needs", ", ".join(f"{one.kind}:{one.needs}" for one in spec.dependencies)),
            ("used by", ", ".join(used_by)),
            ("telemetry", "; ".join(matchers) or "none is this agent's: it has no matchers"),
            ("tags", ", ".join(spec.tags)),
            ("changed", f"{when(found.updated_at)} UTC, revision {found.revision}"),
        ]
    )


@agents_app.command()
def register(
    agent: Annotated[str, typer.Argument(help="Its id: lower-case letters, digits and -.")],
    name: Annotated[str, typer.Option(help="For people.")],
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    team: Annotated[str | None, typer.Option()] = None,
    service: Annotated[str, typer.Option(help="Telemetry of this service.name is its.")] = "",
    agent_name: Annotated[str, typer.Option(help="Telemetry of this gen_ai.agent.name is its.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register an agent, as a draft. For all of its fields use muster apply -f."""
    matchers = [{"service": service, "agent_name": agent_name}] if service or agent_name else []
    spec = AgentSpec.model_validate({"name": name, "owner": owner, "team": team, "matchers": matchers})
    with inventory() as client:
        done(client.register_agent(agent, spec), as_json)


def _move(agent: str, move: str, reason: str, as_json: bool) -> None:
    with inventory() as client:
        done(client.move_agent(agent, move, client.get_agent(agent).revision, reason), as_json)


@agents_app.command()
def activate(agent: AgentName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Make it active: it needs an owner, a runbook and a pager."""
    _move(agent, "activate", reason, as_json)


@agents_app.command()
def retire(agent: AgentName, reason: Reason = "", as_json: AsJson = False) -> None:
    """It runs no more; what is known of it stays. Undo: muster agents reopen."""
    _move(agent, "retire", reason, as_json)


@agents_app.command()
def reopen(agent: AgentName, reason: Reason = "", as_json: AsJson = False) -> None:
    """A retired agent becomes a draft again."""
    _move(agent, "reopen", reason, as_json)


def done(agent: Agent, as_json: bool) -> None:
    told(agent, as_json, f"{agent.id} is {agent.state} (revision {agent.revision})")
