"""Whether the task envelopes that spans carry are what they say: checked when the trace is sealed, against the keys
that the registry had for the issuer when the span began.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from clickhouse_connect.driver.client import Client
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store import findings as store
from collector.store.findings import CarriedEnvelope, EnvelopeCheck
from inventory import wire
from inventory.db.models import Version
from inventory.envelope import EnvelopeError, differs, of_attributes

_AT_ONCE: Final = 50_000


def check_sealed(
    session: Session, client: Client, org: str, bounds_ns: tuple[int, int], sealed_ms: tuple[int, int], now: datetime
) -> int:
    """How many were checked. Raises `ReadError`."""
    carried = store.envelopes(client, org, bounds_ns, sealed_ms, _AT_ONCE)
    keys = Keys(session, org)
    store.keep_checks(client, [checked(org, one, keys) for one in carried], now)
    return len(carried)


class Keys:
    """Public keys of agents, as the registry had them then. Before an agent's first entry that one counts."""

    def __init__(self, session: Session, org: str) -> None:
        self._session, self._org = session, org
        self._known: dict[str, list[tuple[datetime, Sequence[str]]]] = {}

    def then(self, agent: str, at: datetime) -> Sequence[str]:
        if agent not in self._known:
            asked = (
                select(Version.valid_from, Version.document)
                .where(Version.org == self._org, Version.kind == "agent", Version.object == agent)
                .order_by(Version.revision)
            )
            self._known[agent] = [
                (since, (document or {}).get("spec", {}).get("envelope_keys", []))
                for since, document in self._session.execute(asked)
            ]
        versions = self._known[agent]
        held = [keys for since, keys in versions if since <= at]
        return held[-1] if held else versions[0][1] if versions else []


def checked(org: str, carried: CarriedEnvelope, keys: Keys) -> EnvelopeCheck:
    """What an envelope is worth."""
    at = wire.moment(carried.at_ns)
    issuer, key_id, result, detail = "", carried.attributes.get("muster.task.key_id", ""), "ok", ""
    try:
        sealed = of_attributes(carried.attributes)
        if sealed is None:
            raise EnvelopeError("unreadable", "there is a signature, and nothing that was signed")
        envelope = sealed.envelope
        issuer = envelope.issued_by
        sealed.verify(keys.then(issuer, at))
        if envelope.trace_id != carried.trace_id:
            raise EnvelopeError("other-trace", f"it was made for trace {envelope.trace_id}")
        if other := differs(envelope, carried.attributes):
            raise EnvelopeError("differs", f"muster.task.{other} of the span isn't what was signed")
        if envelope.hop_count > envelope.ttl:
            raise EnvelopeError("too-many-hops", f"hop {envelope.hop_count} of {envelope.ttl}")
        if envelope.deadline is not None and at > envelope.deadline:
            raise EnvelopeError("late", f"its deadline was {envelope.deadline.isoformat()}")
    except EnvelopeError as error:
        result, detail = error.result, error.detail
        if carried.redacted and result in ("differs", "bad-signature", "unreadable"):
            detail += "; redaction changed something of this span"
    return EnvelopeCheck(org, carried.trace_id, carried.span_id, at, issuer, key_id, result, detail[:500])
