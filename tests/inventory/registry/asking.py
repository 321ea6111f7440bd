"""Requests as somebody would make them, without HTTP."""

from __future__ import annotations

from typing import Any

from inventory.auth.caller import Caller, Kind
from inventory.auth.roles import Grant, Role
from inventory.contract.agents import AgentSpec
from inventory.contract.people import PersonSpec
from inventory.db.engine import Database
from inventory.registry import agents, people
from inventory.registry.change import Asking, Registry

ADMIN = Caller("default", "local:admin", Kind.LOCAL)


def person(name: str, *roles: Role, org: str = "default") -> Caller:
    return Caller(org, f"person:{name}", Kind.PERSON, name, tuple(Grant(role, org) for role in roles))


def asking(
    caller: Caller = ADMIN, *, if_match: int | str | None = None, key: str | None = None, what: str = ""
) -> Asking:
    tag = f'"{if_match}"' if isinstance(if_match, int) else if_match
    return Asking(caller, "request-1", tag, key, what)


def spec(name: str = "Support drafter", **fields: Any) -> AgentSpec:
    return AgentSpec.model_validate({"name": name, **fields})


def ready(owner: str = "alice", **fields: Any) -> AgentSpec:
    """All that an active agent needs."""
    return spec(owner=owner, runbook="https://runbooks.example.org/a", pager="support", **fields)


def registry(database: Database, *known: str) -> Registry:
    """With these people in it."""
    opened = Registry(database)
    for name in known:
        with opened.changing(asking()) as change:
            people.put_person(change, name, PersonSpec(name=name.title()))
    return opened


def add(opened: Registry, name: str, wanted: AgentSpec | None = None, caller: Caller = ADMIN) -> int:
    """A registered agent's revision."""
    with opened.changing(asking(caller)) as change:
        return agents.create(change, name, wanted or spec()).revision
