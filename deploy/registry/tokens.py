"""`muster tokens`, `muster people` and `muster me`: who may ask."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from deploy.registry.output import AsJson, agent_names, err, fields, inventory, out, printed_json, table, told, when
from inventory.contract.agents import Reason
from inventory.contract.people import NewToken, PersonSpec, RoleGiven

tokens_app = typer.Typer(no_args_is_help=True, help="Tokens for machines and scripts.")
people_app = typer.Typer(no_args_is_help=True, help="People, and the roles they have here.")


@tokens_app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List tokens, without what they are."""
    with inventory() as client:
        found = list(client.iterate_tokens())
    if as_json:
        printed_json(found)
        return
    rows = [
        (one.id, one.kind, one.name, one.person or ", ".join(one.agents), ", ".join(one.scopes) or "all of its kind",
         "revoked" if one.revoked_at else when(one.expires_at), when(one.last_used_at) or "never")
        for one in found
    ]  # fmt: skip
    columns = ("token", "kind", "name", "of", "scopes", "until (UTC)", "last used (UTC)")
    table(columns, rows, "no tokens: issue one with muster tokens issue")


@tokens_app.command()
def issue(
    kind: Annotated[str, typer.Argument(help="agent, service, gateway or person.")],
    name: Annotated[str, typer.Option(help="What it is for.")],
    agent: Annotated[
        list[str] | None, typer.Option(help="Whose it is; several for a service.", autocompletion=agent_names)
    ] = None,
    person: Annotated[str | None, typer.Option(help="Whose it is, for kind person.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Narrow it to these; may be repeated.")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Until it expires.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Issue a token. It is shown this once: keep it where secrets are kept."""
    given: dict[str, Any] = {"kind": kind, "name": name, "agents": agent or [], "person": person, "days": days}
    with inventory() as client:
        found = client.issue_token(NewToken.model_validate({**given, "scopes": scope or []}))
    if as_json:
        printed_json(found)
        return
    err.print(f"{found.token.id} ({kind}, until {when(found.token.expires_at)} UTC). The token, shown this once:")
    out.print(found.secret, markup=False, highlight=False, soft_wrap=True)


@tokens_app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, tok_….")],
    reason: Annotated[str, typer.Option(help="For the audit log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Not accepted any more, ten seconds from now at the latest."""
    with inventory() as client:
        found = client.revoke_token(token, Reason(reason=reason).reason)
    told(found, as_json, f"{found.id} ({found.name}) is revoked")


@people_app.command("list")
def list_people(as_json: AsJson = False) -> None:
    """List people."""
    with inventory() as client:
        found = list(client.iterate_people())
    if as_json:
        printed_json(found)
        return
    rows = [
        (one.id, one.spec.name, one.spec.email, ", ".join(one.teams), "" if one.spec.active else "gone")
        for one in found
    ]
    table(("person", "name", "mail", "teams", ""), rows, "nobody: add somebody with muster people add")


@people_app.command()
def add(
    person: Annotated[str, typer.Argument(help="As the identity provider names them.")],
    name: Annotated[str, typer.Option()],
    email: Annotated[str, typer.Option()] = "",
    as_json: AsJson = False,
) -> None:
    """Add somebody who can own agents and decide."""
    with inventory() as client:
        found = client.put_person(person, PersonSpec(name=name, email=email))
    told(found, as_json, f"{found.id} is known; give roles with muster people roles {found.id} --role …")


@people_app.command()
def roles(
    person: Annotated[str, typer.Argument()],
    role: Annotated[
        list[str] | None, typer.Option(help="viewer, sre, owner, records, admin, auditor; for a team: role@team.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Take all roles away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show somebody's roles, or set all of them."""
    with inventory() as client:
        if role or none:
            given = [RoleGiven.model_validate({"role": one, "team": team or None})
                     for one, _, team in (text.partition("@") for text in role or [])]  # fmt: skip
            found = client.put_roles(person, given, client.get_person(person).revision)
        else:
            found = client.get_roles(person)
    said = ", ".join(one.role + (f" of {one.team}" if one.team else "") for one in found.roles)
    told(found, as_json, f"{person}: {said or 'no roles'}")


def me(as_json: AsJson = False) -> None:
    """Who you are here, and what you may do."""
    with inventory() as client:
        found = client.me()
    if as_json:
        printed_json(found)
        return
    fields(
        [
            ("actor", f"{found.actor} ({found.kind}) in {found.org}"),
            ("roles", ", ".join(one.role + (f" of {one.team}" if one.team else "") for one in found.roles)),
            *((scope, reach) for scope, reach in found.scopes.items()),
        ]
    )
