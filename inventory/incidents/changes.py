"""What changed: what people and jobs did to agents, releases and policies."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.db.models import Audit, Release

_KINDS: Final = ("agent", "release", "policy", "case", "switch", "schedule", "token", "slo")
_MOST: Final = 200
_BEFORE: Final = timedelta(minutes=60)
_AFTER: Final = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class Change:
    """`agent`: whose it is, if it is one agent's."""

    at: datetime
    kind: str
    object: str
    action: str
    actor: str
    agent: str
    words: str
    suspect: bool = False


def recorded(session: Session, org: str, since: datetime, until: datetime) -> list[Change]:
    """Of the audit log, the newest first, at most 200."""
    asked = (
        select(Audit)
        .where(Audit.org == org, Audit.at >= since, Audit.at < until, Audit.kind.in_(_KINDS))
        .order_by(Audit.seq.desc())
        .limit(_MOST)
    )
    rows = list(session.scalars(asked))
    called = versions(session, org, {name for row in rows for name in _releases(row)})
    return [_change(row, called) for row in rows]


def versions(session: Session, org: str, ids: Collection[str]) -> dict[str, str]:
    """What people call releases, as far as the registry knows them."""
    asked = select(Release.id, Release.version).where(Release.org == org, Release.id.in_(ids))
    return {name: version for name, version in session.execute(asked) if version}


def judged(changes: Sequence[Change], since: datetime | None, involved: Collection[str]) -> list[Change]:
    """With those marked that came just before and have to do with it."""
    if since is None:
        return list(changes)
    return [
        replace(
            change,
            suspect=since - _BEFORE <= change.at <= since + _AFTER and (not change.agent or change.agent in involved),
        )
        for change in changes
    ]


def short(release: str, version: str = "") -> str:
    """A release as people read it."""
    plain = release.removeprefix("sha256:")
    return version or (plain[:12] if len(plain) > 24 else plain)


def _change(row: Audit, called: dict[str, str]) -> Change:
    before, after = _document(row.before), _document(row.after)
    action = row.action.partition(".")[2]
    agent, words = "", f"{row.kind} {row.object}: {action}"
    if row.kind == "agent":
        agent = row.object
        live = after.get("active_release")
        if live and live != before.get("active_release"):
            words = f"release {short(live, called.get(live, ''))} of {agent} went live"
        elif after.get("state") != before.get("state") and after.get("state"):
            words = f"agent {agent} {'was registered' if action == 'create' else 'became ' + after['state']}" + (
                f" (was {before['state']})" if before.get("state") else ""
            )
    elif row.kind == "release":
        agent, _, name = row.object.partition("/")
        words = f"release {short(name, called.get(name, ''))} of {agent}: {action}"
    elif row.kind == "case":
        agent = str(after.get("agent") or before.get("agent") or "")
        words = f"lifecycle of {agent}: {action}" if agent else f"lifecycle case {row.object}: {action}"
    elif row.kind == "switch":
        words = "enforcement was switched " + ("on" if after.get("enforcement") else "off")
    elif row.kind == "policy":
        words = f"lifecycle policy {row.object} was changed"
    return Change(row.at, row.kind, row.object, action, row.actor, agent, words)


def _releases(row: Audit) -> list[str]:
    if row.kind == "release":
        return [row.object.partition("/")[2]]
    return [live] if row.kind == "agent" and (live := _document(row.after).get("active_release")) else []


def _document(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
