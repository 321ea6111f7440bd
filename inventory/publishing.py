"""What the engine is told of the registry: whose telemetry is whose, and what was true when.

Publishing again changes nothing, so a publisher that was killed between two steps just publishes again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from collector.store import registry as published
from collector.store.registry import Identity, PublishedVersion, Resolution
from inventory.audit import head
from inventory.canonical import canonical
from inventory.db.models import Version
from inventory.matching import Matchers, Telemetry
from inventory.readers import Writers
from inventory.registry import people
from inventory.registry.change import Registry

_AT_ONCE = 2_000
_LOOKS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Published:
    """How many versions, and keys whose agent has changed."""

    versions: int = 0
    resolutions: int = 0


class Publisher:
    """One thread at a time publishes; several processes may, and say the same."""

    def __init__(self, registry: Registry, store: Writers) -> None:
        self._registry = registry
        self._store = store
        self._turn = threading.Lock()
        self._kept: dict[str, tuple[Matchers, int]] = {}
        self._looked: dict[str, tuple[int, datetime]] = {}

    def run(self) -> Published:
        """Everything that isn't published as it is. Raises DatabaseError, ReadError or ClickHouseError.

        Whose telemetry is whose is looked at when the registry has changed, and every half minute for who is new in
        telemetry: all that ever was active is read for it.
        """
        with self._turn:
            return Published(self._versions(), sum(self._lately(org) for org in self._organisations()))

    def resolve(self, org: str) -> int:
        """Whose telemetry is whose, of one organisation: how many keys have changed."""
        with self._turn:
            return self._resolutions(org)

    def _lately(self, org: str) -> int:
        with self._registry.reading() as session:
            newest = head(session).seq
        now = self._registry.now()
        at, looked = self._looked.get(org, (-1, now))
        if at == newest and timedelta() <= now - looked < _LOOKS:
            return 0
        changed = self._resolutions(org)
        self._looked[org] = newest, now
        return changed

    def _matchers(self, org: str) -> Matchers:
        """Read again when anything was changed since: every change is in the audit log."""
        with self._registry.reading() as session:
            newest = head(session).seq
            kept, at = self._kept.get(org, (None, -1))
            if kept is None or at != newest:
                kept = Matchers.of(session, org)
                self._kept[org] = kept, newest
        return kept

    def _organisations(self) -> list[str]:
        with self._registry.reading() as session:
            return people.organisations(session)

    def _versions(self) -> int:
        done = 0
        while True:
            with self._registry.reading() as session:
                rows = session.scalars(
                    select(Version).where(Version.published.is_(False)).order_by(Version.seq).limit(_AT_ONCE)
                ).all()
            if not rows:
                return done
            published.publish_versions(self._store.client(), [_published(row) for row in rows], self._registry.now())
            self._note(rows)
            done += len(rows)

    def _note(self, rows: Iterable[Version]) -> None:
        """They are published as they were read: one that was closed since is published again."""
        with self._registry.database.writing() as session:
            for row in rows:
                unchanged = Version.valid_to.is_(None) if row.valid_to is None else Version.valid_to == row.valid_to
                session.execute(update(Version).where(Version.seq == row.seq, unchanged).values(published=True))

    def _resolutions(self, org: str) -> int:
        client = self._store.client()
        matchers = self._matchers(org)
        known = published.resolutions(client, org)
        now = int(self._registry.now().timestamp() * 1e6)
        changed = [
            Resolution(org, identity.key, agent, now)
            for identity in published.identities(client, org)
            if known.get(identity.key) != (agent := matchers.agent(telemetry(identity)) or "")
        ]
        published.publish_resolutions(client, changed)
        return len(changed)


def telemetry(identity: Identity) -> Telemetry:
    return Telemetry(identity.service, identity.agent_id, identity.agent, identity.identity)


def _published(row: Version) -> PublishedVersion:
    gone = row.document is None
    document = "" if gone else canonical(row.document)
    return PublishedVersion(row.org, row.kind, row.object, row.revision, row.valid_from, row.valid_to, gone, document)
