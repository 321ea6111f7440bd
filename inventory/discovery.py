"""Where registry and telemetry differ, both ways, and since when.

shadow      telemetry that is no registered agent's
ghost       a registered agent of which no telemetry ever came
duplicate   agents that were told the same, or that call the same tools for the same service
orphan      an agent whose owner is nobody, or somebody who is gone
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store import registry as seen
from collector.store.registry import Identity
from inventory import wire
from inventory.db.models import Agent, Discovery, Json, Person, Release
from inventory.matching import Matchers
from inventory.publishing import telemetry
from inventory.readers import Readers
from inventory.registry.change import Registry

Kind = Literal["shadow", "ghost", "duplicate", "orphan"]
_LATELY: Final = timedelta(days=7)
_FEW_TOOLS: Final = 3
"""Fewer tools in common say nothing: many agents search and mail."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Of a subject: a key of telemetry (16 hex digits), an agent, or agents joined by +."""

    kind: Kind
    subject: str
    details: Json


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What telemetry holds, that discovery asks."""

    identities: Sequence[Identity]
    tools: Mapping[int, Sequence[str]]
    prompts: Mapping[int, Sequence[str]]


def look(store: Readers, org: str, now: datetime) -> Telemetry:
    """Raises `ReadError`."""
    since = int((now - _LATELY).timestamp()) * 10**9
    with store.reader() as client:
        return Telemetry(
            seen.identities(client, org), seen.tools_of(client, org, since), seen.prompts_of(client, org, since)
        )


def refresh(registry: Registry, store: Readers, org: str) -> Sequence[Discovery]:
    """Compare now, and note what began and what ended: all that is open. Raises DatabaseError, ReadError."""
    telemetry_now = look(store, org, registry.now())
    with registry.database.writing() as session:
        now = registry.now()
        found: dict[tuple[str, str], Difference] = {
            (one.kind, one.subject): one for one in differences(session, org, telemetry_now)
        }
        for row in _open(session, org):
            still = found.pop((row.kind, row.subject), None)
            if still is None:
                row.closed_at, row.outcome = now, "gone"
            else:
                row.seen_at, row.details = now, still.details
        for one in found.values():
            session.add(
                Discovery(
                    org=org, kind=one.kind, subject=one.subject, opened_at=now, seen_at=now, closed_at=None, outcome="",
                    details=one.details,
                )
            )  # fmt: skip
        session.flush()
        return _open(session, org)


def history(session: Session, org: str, limit: int) -> Sequence[Discovery]:
    """What is closed, the newest first."""
    asked = select(Discovery).where(Discovery.org == org, Discovery.closed_at.is_not(None))
    return session.scalars(asked.order_by(Discovery.closed_at.desc(), Discovery.subject).limit(limit)).all()


def differences(session: Session, org: str, now: Telemetry) -> list[Difference]:
    """What differs, in one order."""
    matchers = Matchers.of(session, org)
    agent_of = {one.key: matchers.agent(telemetry(one)) for one in now.identities}
    agents = session.scalars(select(Agent).where(Agent.org == org, Agent.state != "retired").order_by(Agent.id)).all()
    return [
        *_shadows(now.identities, agent_of),
        *_ghosts(agents, set(agent_of.values())),
        *_duplicates(session, org, agents, now, agent_of),
        *_orphans(session, org, agents),
    ]


def _open(session: Session, org: str) -> Sequence[Discovery]:
    asked = select(Discovery).where(Discovery.org == org, Discovery.closed_at.is_(None))
    return session.scalars(asked.order_by(Discovery.kind, Discovery.subject)).all()


def _shadows(identities: Iterable[Identity], agent_of: Mapping[int, str | None]) -> list[Difference]:
    return [
        Difference("shadow", f"{one.key:016x}", {
            "service": one.service, "agent_id": one.agent_id, "agent_name": one.agent, "identity": one.identity,
            "spans": one.spans, "model_calls": one.model_calls, "tool_calls": one.tool_calls,
            "first_seen": _when(one.first_ns), "last_seen": _when(one.last_ns),
        })
        for one in identities
        if agent_of[one.key] is None
    ]  # fmt: skip


def _ghosts(agents: Iterable[Agent], with_telemetry: set[str | None]) -> list[Difference]:
    return [
        Difference("ghost", row.id, {"state": row.state, "owner": row.owner, "matchers": len(row.document["matchers"])})
        for row in agents
        if row.id not in with_telemetry
    ]


def _duplicates(
    session: Session, org: str, agents: Sequence[Agent], now: Telemetry, agent_of: Mapping[int, str | None]
) -> list[Difference]:
    """Of registered agents; what they were told is of telemetry, and of the prompts of their active releases."""
    reasons: dict[str, set[str]] = defaultdict(set)
    said: dict[str, set[str]] = defaultdict(set)
    for key, prompts in now.prompts.items():
        for prompt in prompts:
            said[prompt].add(agent_of.get(key) or "")
    for row in agents:
        if row.active_release is None:
            continue
        for part in session.get_one(Release, (org, row.id, row.active_release)).parts:
            if part["kind"] == "prompt":
                said[part["digest"]].add(row.id)
    for together in said.values():
        _note(reasons, together, "the same prompt")
    tools: dict[str, set[str]] = defaultdict(set)
    for key, names in now.tools.items():
        tools[agent_of.get(key) or ""].update(names)
    services = {row.id: {one["service"] for one in row.document["matchers"] if one["service"]} for row in agents}
    same: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name, called in tools.items():
        if len(called) >= _FEW_TOOLS:
            same[tuple(sorted(called))].add(name)
    for together in same.values():
        for service in set().union(*(services.get(name, set()) for name in together)):
            _note(
                reasons,
                {name for name in together if service in services.get(name, set())},
                f"the same tools in {service}",
            )
    known = {row.id for row in agents}
    return [
        Difference("duplicate", subject, {"agents": subject.split("+"), "reasons": sorted(why)})
        for subject, why in sorted(reasons.items())
        if set(subject.split("+")) <= known
    ]


def _note(reasons: dict[str, set[str]], agents: set[str], reason: str) -> None:
    together = sorted(agents - {""})
    if len(together) > 1:
        reasons["+".join(together)].add(reason)


def _orphans(session: Session, org: str, agents: Iterable[Agent]) -> list[Difference]:
    gone = set(session.scalars(select(Person.id).where(Person.org == org, Person.active.is_(False))))
    return [
        Difference("orphan", row.id, _orphan(row, gone)) for row in agents if row.owner is None or row.owner in gone
    ]


def _orphan(row: Agent, gone: set[str]) -> dict[str, Any]:
    backup = row.backup_owner if row.backup_owner not in gone else None
    return {"owner": row.owner, "backup_owner": backup, "state": row.state}


def _when(nanoseconds: int) -> str:
    return wire.moment(nanoseconds).isoformat(timespec="seconds")
