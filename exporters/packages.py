"""Packages in the registry: asked for, listed, and how far they are."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from exporters import schedules
from inventory.contract.records import PackageKind
from inventory.db.models import Agent, Version
from inventory.db.records import Package, PackageFile
from inventory.registry import agents, pages
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Missing

KIND: Final = "package"
LIVE: Final = ("planned", "writing", "sealed")


def get(session: Session, org: str, name: str, *, change: bool = False) -> Package:
    """Raises Missing. `change`: nobody else changes it until the transaction's end."""
    row = session.get(Package, (org, name), with_for_update=change or None, populate_existing=change)
    if row is None:
        raise Missing(KIND, name)
    return row


def files(session: Session, package: Package) -> Sequence[PackageFile]:
    """In the order in which they are made."""
    asked = select(PackageFile).where(PackageFile.org == package.org, PackageFile.package == package.id)
    return session.scalars(asked.order_by(PackageFile.number, PackageFile.path)).all()


def listed(
    session: Session, org: str, limit: int, cursor: str | None, *, agent: str | None = None, state: str | None = None
) -> tuple[Sequence[Package], str | None]:
    asked = select(Package).where(Package.org == org)
    if agent is not None:
        asked = asked.where(Package.agent == agent)
    if state is not None:
        asked = asked.where(Package.state == state)
    return pages.by(session, asked, Package.id, ["packages", agent, state], limit, cursor)


def of_agent(session: Session, org: str, agent: str) -> Sequence[Package]:
    """The oldest period first."""
    asked = select(Package).where(Package.org == org, Package.agent == agent)
    return session.scalars(asked.order_by(Package.starts, Package.number)).all()


def begin(
    change: Change,
    agent: str,
    kind: PackageKind,
    starts: date,
    ends: date,
    target: str,
    mode: str,
    key: str | None = None,
) -> Package:  # fmt: skip
    """Ask for one; asked for again under its key, or while one of the same time is under way, it is that one.

    Raises Missing for the agent.
    """
    session, org = change.session, change.org
    row = agents.get(session, org, agent)
    if key is not None:
        found = session.scalars(select(Package).where(Package.org == org, Package.key == key)).first()
        if found is not None:
            return found
    same = [one for one in of_agent(session, org, agent) if one.starts == starts]
    for one in same:
        if one.state in LIVE and one.ends == ends:
            return one
    number = 1 + max((one.number for one in same), default=0)
    held = schedules.kept(session, org, row, ends, change.at, retired_at(session, row))
    if kind == "period" and any(one.state in ("committed", "disposed") for one in same):
        kind = "supplement"
    name = f"pkg_{secrets.token_hex(8)}"
    package = Package(
        org=org, id=name, agent=agent, kind=kind, starts=starts, ends=ends, number=number, key=key, state="planned",
        error="", attempts=0, try_at=None, snapshot="", cutoff=None, target=target, prefix=f"{org}/{agent}/{name}",
        plan={}, schedule=held.schedule, schedule_version=held.version, disposition=held.disposition, mode=mode,
        locked_until=None, sequence=None, manifest_sha256="", signature="", fingerprint="", rows=0, size=0,
        rows_expected=0, held=False, requested_by=change.actor, created_at=change.at, committed_at=None,
        verified_at=None, verdict="", disposed_at=None, certificate=None, restored="",
    )  # fmt: skip
    session.add(package)
    session.flush()
    change.record(
        "export", KIND, name, None, {"agent": agent, "kind": kind, "from": str(starts), "to": str(ends)},
    )  # fmt: skip
    return package


def retired_at(session: Session, agent: Agent) -> datetime | None:
    """When it became what it is now, if that is retired."""
    if agent.state != "retired":
        return None
    rows = session.scalars(
        select(Version)
        .where(Version.org == agent.org, Version.kind == "agent", Version.object == agent.id)
        .order_by(Version.revision.desc())
    )
    found = agent.updated_at
    for row in rows:
        if row.document is None or row.document.get("state") != "retired":
            break
        found = row.valid_from
    return found


def snapshots(session: Session, org: str, agent: str) -> list[str]:
    """Of the agent's packages that hold what they say: what they have isn't archived again."""
    asked = select(Package.snapshot).where(
        Package.org == org, Package.agent == agent, Package.snapshot != "",
        Package.state.in_(("sealed", "committed")),
    )  # fmt: skip
    return list(session.scalars(asked))


def whole(row: Package) -> Package:
    """Raises Clash for one that isn't kept (yet, or any more)."""
    if row.state != "committed":
        raise Clash(
            "The package isn't whole" if row.state != "disposed" else "The package was disposed of",
            f"{row.id} is {row.state}.",
            "wait until it is committed" if row.state != "disposed" else "its certificate says when and by whom",
            "package-state",
        )
    return row
