"""What mail servers return (RFC 3464): which notice it was, and that it did not arrive."""

from __future__ import annotations

import email
import email.policy
import mailbox
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from inventory.auth.caller import Caller, Kind
from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.registry.change import Asking, Registry
from lifecycle import notices
from lifecycle.lease import Lease
from lifecycle.looking import policies_of

_ACTOR: Final = "muster:lifecycle"
_MOST_BYTES: Final = 1_000_000
_ID: Final = re.compile(r"<[^<>\s]+@[^<>\s]+>")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A message that did not arrive: its Message-ID, for whom, and why."""

    message: str
    recipient: str
    why: str


def read(raw: bytes) -> list[Bounce]:
    """The failures that a delivery status notification tells; none for any other mail, and for delays."""
    if len(raw) > _MOST_BYTES:
        return []
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    original = _original(parsed)
    if parsed.get_content_type() != "multipart/report" or original is None:
        return []
    return [
        Bounce(original, recipient, why)
        for part in parsed.walk()
        if part.get_content_type() == "message/delivery-status"
        for recipient, why in _failures(part)
    ]


class Bounces:
    """Takes them in: the notice is marked, and whoever is next is told."""

    def __init__(self, registry: Registry, directory: Path | None = None) -> None:
        self._registry = registry
        self._directory = directory

    def run(self, lease: Lease) -> int:
        """All of the Maildir; what was read is moved away in it. How many notices came back."""
        if self._directory is None or not self._directory.exists():
            return 0
        box = mailbox.Maildir(self._directory, create=False)
        done = 0
        for key in list(box.keys()):
            kept = box[key]
            if kept.get_subdir() != "new":
                continue
            done += self.take(read(box.get_bytes(key)), lease)
            kept.set_subdir("cur")
            kept.set_flags("S")
            box[key] = kept
        return done

    def take(self, bounces: Iterable[Bounce], lease: Lease | None = None) -> int:
        """Raises DatabaseError or Fenced. The same one twice changes nothing."""
        done = 0
        for bounce in bounces:
            with self._registry.reading() as session:
                found = [(row.org, row.id) for row in session.scalars(_sent_as(bounce.message))]
            for org, name in found:
                done += self._mark(org, name, bounce, lease)
        return done

    def _mark(self, org: str, name: str, bounce: Bounce, lease: Lease | None) -> bool:
        asking = Asking(Caller(org, _ACTOR, Kind.LOCAL), bounce.message[:80])
        with self._registry.changing(asking) as change:
            if lease is not None:
                lease.check(change.session)
            row = change.session.get_one(db.Notice, (org, name), with_for_update=True)
            if row.state not in ("accepted", "delivered") or row.address.casefold() != bounce.recipient.casefold():
                return False
            case = change.session.get_one(db.Case, (org, row.case))
            held = policies_of(change.session, org).get(case.policy)
            spec = held.spec if held else PolicySpec(reason=case.reason)  # type: ignore[arg-type]
            notices.returned(change, row, spec, "bounced", bounce.why)
            return True


def _sent_as(message: str) -> Any:
    return select(db.Notice).where(db.Notice.message == message, db.Notice.message != "")


def _original(parsed: EmailMessage) -> str | None:
    for part in parsed.walk():
        if part.get_content_type() in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"):
            payload = part.get_payload()
            inner: Any = payload[0] if isinstance(payload, list) else email.message_from_string(
                part.get_content() if isinstance(part, EmailMessage) else str(payload)
            )  # fmt: skip
            found = _ID.search(str(inner.get("Message-ID", "")))
            if found:
                return found[0]
    return None


def _failures(part: Message) -> Iterator[tuple[str, str]]:
    for block in part.get_payload():
        if not isinstance(block, Message) or str(block.get("Action", "")).strip().lower() != "failed":
            continue
        recipient = str(block.get("Original-Recipient") or block.get("Final-Recipient") or "").partition(";")[2].strip()
        why = " ".join(str(block.get(name, "")).strip() for name in ("Status", "Diagnostic-Code"))
        if recipient:
            yield recipient, why.strip()
