"""Legal holds: placed by case number over everything, an agent, a package or a trace; they win over every schedule."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from clickhouse_connect.driver.client import Client
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store.connection import Store
from exporters import packages, schedules
from inventory.contract import records as wire
from inventory.db.cases import Case
from inventory.db.models import Agent
from inventory.db.records import Package, RecordHold
from inventory.registry.change import Change, Registry
from inventory.registry.errors import Clash, Missing

KIND: Final = "legal hold"
_AT_ONCE: Final = 2_000


def listed(session: Session, org: str, *, active: bool) -> Sequence[RecordHold]:
    asked = select(RecordHold).where(RecordHold.org == org)
    if active:
        asked = asked.where(RecordHold.released_at.is_(None))
    return session.scalars(asked.order_by(RecordHold.placed_at, RecordHold.id)).all()


def over(session: Session, store: Store, package: Package) -> list[RecordHold]:
    """Holds that keep a package: of everything, its agent, itself, or a trace in it. Raises ClickHouseError."""
    found = [
        one
        for one in listed(session, package.org, active=True)
        if one.scope == "organisation" or one.object in (package.agent, package.id) or one.scope == "trace"
    ]
    traces = [one.object for one in found if one.scope == "trace"]
    inside = _inside(store.client(), package, traces) if traces and package.snapshot else frozenset()
    return [one for one in found if one.scope != "trace" or one.object in inside]


def _inside(client: Client, package: Package, traces: Sequence[str]) -> frozenset[str]:
    rows = client.query(
        "SELECT TraceId FROM record_traces WHERE Org = {org:String} AND Snapshot = {snapshot:String} "
        "AND TraceId IN {traces:Array(String)}",
        parameters={"org": package.org, "snapshot": package.snapshot, "traces": list(traces)},
    ).result_rows
    return frozenset(trace for (trace,) in rows)


def touched(session: Session, store: Store, hold: RecordHold) -> list[Package]:
    """Packages whose objects must be looked at when a hold is placed or released."""
    asked = select(Package).where(Package.org == hold.org, Package.state.in_((*packages.LIVE, "committed")))
    if hold.scope == "agent":
        asked = asked.where(Package.agent == hold.object)
    elif hold.scope == "package":
        asked = asked.where(Package.id == hold.object)
    rows = session.scalars(asked.order_by(Package.id)).all()
    if hold.scope != "trace":
        return list(rows)
    client = store.client()
    return [row for row in rows if row.snapshot and _inside(client, row, [hold.object])]


def agents_held(session: Session, org: str) -> set[str]:
    """Agents under a hold of the records, or with a case of the lifecycle that is on hold."""
    placed = select(RecordHold.object).where(
        RecordHold.org == org, RecordHold.released_at.is_(None), RecordHold.scope == "agent"
    )
    cases = select(Case.agent).where(Case.org == org, Case.held.is_(True), Case.open_key.is_not(None))
    return {*session.scalars(placed), *session.scalars(cases)}


def place(change: Change, given: wire.NewHold) -> RecordHold:
    """Raises Missing for an object that isn't there, Clash for a hold that there is."""
    session, org = change.session, change.org
    if given.scope == "agent" and session.get(Agent, (org, given.object)) is None:
        raise Missing("agent", given.object)
    if given.scope == "package" and session.get(Package, (org, given.object)) is None:
        raise Missing("package", given.object)
    for one in listed(session, org, active=True):
        if (one.number, one.scope, one.object) == (given.number, given.scope, given.object):
            raise Clash(
                "It is held already", f"{one.id} holds it for {one.number}.", "release that one, or use it",
                "already-held",
            )  # fmt: skip
    row = RecordHold(
        org=org, id=f"hold_{secrets.token_hex(8)}", number=given.number, scope=given.scope, object=given.object,
        reason=given.reason, placed_by=change.actor, placed_at=change.at, released_by=None, released_at=None,
        release_reason="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    change.record("place", KIND, row.id, None, given.model_dump(mode="json"))
    return row


def release(change: Change, name: str, reason: str) -> RecordHold:
    """Raises Missing, or Clash for one that was released."""
    row = change.session.get(RecordHold, (change.org, name), with_for_update=True)
    if row is None:
        raise Missing(KIND, name)
    if row.released_at is not None:
        raise Clash("It was released already", f"{row.released_by} released it.", "read it again", "already-released")
    row.released_by, row.released_at, row.release_reason = change.actor, change.at, reason
    change.record("release", KIND, row.id, {"number": row.number}, {"reason": reason})
    return row


class Held:
    """What the retention job asks before anything leaves the store.

    Held are traces under a hold, traces of an agent or a package under one, and, where a schedule wants an agent's
    periods archived, its traces that are in no package yet: nothing leaves before its record is kept.
    """

    def __init__(self, registry: Registry, store: Store) -> None:
        self._registry = registry
        self._store = store

    def everything(self, org: str) -> bool:
        """Whether all of an organisation stays. Raises DatabaseError."""
        with self._registry.reading() as session:
            asked = select(RecordHold.id).where(
                RecordHold.org == org, RecordHold.released_at.is_(None), RecordHold.scope == "organisation"
            )
            return session.scalars(asked.limit(1)).first() is not None

    def held(self, org: str, traces: Sequence[str]) -> AbstractSet[str]:
        """Raises DatabaseError or ClickHouseError."""
        with self._registry.reading() as session:
            holds = listed(session, org, active=True)
            agents = agents_held(session, org)
            wanted = schedules.archived_agents(session, org, self._registry.now())
            archives = session.scalars(
                select(Package).where(Package.org == org, Package.committed_at.is_not(None), Package.snapshot != "")
            ).all()
            kept: dict[str, set[str]] = defaultdict(set)
            for one in archives:
                kept[one.agent].add(one.snapshot)
            snapshots = {one.snapshot for one in archives if any(hold.object == one.id for hold in holds)}
        found = {one.object for one in holds if one.scope == "trace"}.intersection(traces)
        if not (agents or wanted or snapshots):
            return found
        client = self._store.client()
        for some in _cut(traces):
            found |= self._of(client, org, some, agents, wanted, snapshots, kept)
        return found

    @staticmethod
    def _of(
        client: Client,
        org: str,
        traces: Sequence[str],
        agents: set[str],
        wanted: set[str],
        held: set[str],
        kept: Mapping[str, set[str]],
    ) -> set[str]:
        whose = client.query(
            "SELECT TraceId, groupUniqArray(toString(Agent)) FROM ("
            "SELECT TraceId, arrayJoin(AgentKeys) AS AgentKey FROM trace_summaries "
            "WHERE Org = {org:String} AND TraceId IN {traces:Array(String)}) AS t "
            "INNER JOIN (SELECT AgentKey, Agent FROM agent_resolutions FINAL WHERE Org = {org:String} AND Agent != '') "
            "AS r USING AgentKey GROUP BY TraceId",
            parameters={"org": org, "traces": list(traces)},
        ).result_rows
        archived: dict[str, set[str]] = {}
        if held or wanted:
            rows = client.query(
                "SELECT TraceId, groupUniqArray(toString(Snapshot)) FROM record_traces "
                "WHERE Org = {org:String} AND TraceId IN {traces:Array(String)} GROUP BY TraceId",
                parameters={"org": org, "traces": list(traces)},
            ).result_rows
            archived = {trace: set(snapshots) for trace, snapshots in rows}
        found = {trace for trace, snapshots in archived.items() if snapshots & held}
        for trace, owners in whose:
            there = archived.get(trace, set())
            if agents.intersection(owners) or any(not there & kept.get(one, set()) for one in wanted & set(owners)):
                found.add(trace)
        return found


def _cut(traces: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(traces), _AT_ONCE):
        yield traces[start : start + _AT_ONCE]
