"""The job of findings: look at what was sealed since, keep what was found, open and close in the registry."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from collector.store import findings as store
from inventory import wire
from inventory.auth.caller import Caller, Kind
from inventory.db.findings import FindingProgress
from inventory.findings.envelopes import check_sealed
from inventory.findings.looking import Looked, look, spread
from inventory.publishing import Publisher
from inventory.readers import Writers
from inventory.registry import approvals
from inventory.registry import findings as registry_findings
from inventory.registry.change import Asking, Registry
from inventory.registry.findings import Kept, Opened

log = logging.getLogger(__name__)
ACTOR: Final = "muster:findings"
_AGAIN: Final = timedelta(minutes=5)
"""Looked at once more: an approval may have been published, or a log record come in, after its trace was sealed."""
_BEGIN: Final = timedelta(days=30)


class Findings:
    """One at a time looks; several processes may, and find the same."""

    def __init__(
        self, registry: Registry, store: Writers, publisher: Publisher, opened: Opened | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._registry = registry
        self._store = store
        self._publisher = publisher
        self.opened = opened
        self._clock = clock
        self._turn = threading.Lock()

    def run(self, org: str) -> Mapping[str, Any]:
        """Everything that was sealed since the last time. Raises DatabaseError, ReadError or ClickHouseError."""
        with self._turn:
            # Held against the registry as it is: what was said of agents and approvals must have arrived.
            self._publisher.run()
            overdue = self._overdue(org)
            looked = self._look(org)
            kept = self._keep(org)
        return {
            "traces": looked.traces, "seconds": round(sum(looked.seconds.values()), 2), "opened": kept.opened,
            "closed": kept.closed, "standing": kept.standing, "timed_out": overdue,
        }  # fmt: skip

    def _overdue(self, org: str) -> int:
        with self._registry.changing(_asking(org)) as change:
            done = approvals.overdue(change)
        if done:
            self._publisher.run()
        return done

    def _look(self, org: str) -> Looked:
        client = self._store.client()
        now = self._clock()
        since = self._since(org, now)
        whole = Looked()
        while True:
            cut = spread(client, org, since, now)
            if cut.traces:
                with self._registry.reading() as session:
                    check_sealed(session, client, org, cut.bounds_ns, cut.sealed_ms, now)
            looked = look(client, org, cut, self._clock(), last=cut.until >= now)
            whole.traces += looked.traces
            for name, seconds in looked.seconds.items():
                whole.seconds[name] = whole.seconds.get(name, 0.0) + seconds
            self._reached(org, cut.until, whole)
            if cut.until >= now:
                return whole
            since = cut.until

    def _keep(self, org: str) -> Kept:
        since = wire.nanoseconds(self._registry.now() - registry_findings.QUIET)
        groups = store.groups(self._store.client(), org, since)
        with self._registry.changing(_asking(org)) as change:
            return registry_findings.keep(change, groups, self.opened)

    def _since(self, org: str, now: datetime) -> datetime:
        with self._registry.reading() as session:
            row = session.get(FindingProgress, org)
            return now - _BEGIN if row is None else min(row.until, now) - _AGAIN

    def _reached(self, org: str, until: datetime, whole: Looked) -> None:
        with self._registry.database.writing() as session:
            row = session.get(FindingProgress, org)
            if row is None:
                row = FindingProgress(org=org)
                session.add(row)
            row.until, row.looked_at, row.traces = until, self._registry.now(), whole.traces
            row.seconds = {name: round(seconds, 3) for name, seconds in whole.seconds.items()}


def _asking(org: str) -> Asking:
    return Asking(Caller(org, ACTOR, Kind.LOCAL), "findings")
