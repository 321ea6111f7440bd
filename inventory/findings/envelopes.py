"""Whether the task envelopes that spans carry are what they say: checked when the trace is sealed, against the keys
that the registry had for the issuer when the span began.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from clickhouse_connect.driver.client import Client
from sqlalchemy.orm import Session

from collector.store import findings as store
from collector.store.findings import CarriedEnvelope, EnvelopeCheck
from inventory import wire
from inventory.envelope import EnvelopeError, of_attributes
from inventory.registry.entries import Entries

_AT_ONCE: Final = 50_000


def check_sealed(
    session: Session, client: Client, org: str, bounds_ns: tuple[int, int], sealed_ms: tuple[int, int], now: datetime
) -> int:
    """How many were checked. Raises `ReadError`."""
    carried = store.envelopes(client, org, bounds_ns, sealed_ms, _AT_ONCE)
    entries = Entries(session, org)
    store.keep_checks(client, [checked(org, one, entries) for one in carried], now)
    return len(carried)


def checked(org: str, carried: CarriedEnvelope, entries: Entries) -> EnvelopeCheck:
    """What an envelope is worth."""
    at = wire.moment(carried.at_ns)
    issuer, key_id, result, detail = "", carried.attributes.get("muster.task.key_id", ""), "ok", ""
    try:
        sealed = of_attributes(carried.attributes)
        if sealed is None:
            raise EnvelopeError("unreadable", "there is a signature, and nothing that was signed")
        issuer = sealed.envelope.issued_by
        sealed.check(entries.then(issuer, at).get("envelope_keys", ()), carried.trace_id, at, carried.attributes)
    except EnvelopeError as error:
        result, detail = error.result, error.detail
        if carried.redacted and result in ("differs", "bad-signature", "unreadable"):
            detail += "; redaction changed something of this span"
    return EnvelopeCheck(org, carried.trace_id, carried.span_id, at, issuer, key_id, result, detail[:500])
