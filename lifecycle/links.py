"""Links in notices: signed, for one notice and recipient, used up by one decision, over at a deadline."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.anchors import Signer
from inventory.canonical import canonical
from inventory.db import cases as db
from inventory.registry.errors import Rejection


class LinkError(Rejection):
    """The link decides nothing any more; `title`, `detail` and `remedy` are for who opened it."""

    kind, status = "link", 410


@dataclass(frozen=True, slots=True)
class Link:
    """What a token says. `token` goes into the URL."""

    org: str
    notice: str
    case: str
    recipient: str
    policy_version: int
    expires_at: datetime
    token: str = ""


def mint(signer: Signer, notice: db.Notice, expires_at: datetime) -> Link:
    """The same notice has the same link, so that a mail that is sent again carries no other one."""
    link = Link(notice.org, notice.id, notice.case, notice.recipient, notice.policy_version, expires_at)
    said = _said(link)
    token = f"{_text(said.encode())}.{_text(base64.b64decode(signer.sign(said)))}"
    return replace(link, token=token)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def read(signer: Signer, session: Session, token: str, now: datetime) -> tuple[Link, db.Notice, db.Case]:
    """Who may decide what. Raises LinkError."""
    link = _parsed(signer, token)
    asked = select(db.Notice).where(db.Notice.digest == digest(token)).with_for_update()
    notice = None if link is None else session.scalar(asked.execution_options(populate_existing=True))
    if link is None or notice is None or (notice.org, notice.id) != (link.org, link.notice):
        raise LinkError(
            "This link is not one of ours", "It was cut off, changed, or never sent.", "open it as it was sent"
        )
    case = session.get_one(db.Case, (link.org, link.case))
    if notice.used_at is not None:
        raise LinkError(
            "This was decided already", f"The link was used on {notice.used_at:%Y-%m-%d %H:%M} UTC.",
            "a newer notice has a new link; who is signed in can decide without one",
        )  # fmt: skip
    if case.open_key is None:
        raise LinkError("There is nothing left to decide", f"The case is {case.state}.", "nothing needs to be done")
    if now >= link.expires_at:
        raise LinkError(
            "This link has expired", f"It could be used until {link.expires_at:%Y-%m-%d %H:%M} UTC.",
            "a newer notice has a new link; who is signed in can decide without one",
        )  # fmt: skip
    return link, notice, case


def form_seal(signer: Signer, token: str, action: str) -> str:
    """Goes with a form: it is for this link and this action, and for no other."""
    return _text(base64.b64decode(signer.sign(f"form:{action}:{hashlib.sha256(token.encode()).hexdigest()}")))


def _parsed(signer: Signer, token: str) -> Link | None:
    body, _, signature = token.partition(".")
    try:
        said = _bytes(body).decode()
        if not signer.verify(said, base64.b64encode(_bytes(signature)).decode()):
            return None
        found = json.loads(said)
        expires = datetime.fromtimestamp(found["expires"], UTC)
        return Link(found["org"], found["notice"], found["case"], found["to"], found["version"], expires, token)
    except (ValueError, KeyError, TypeError):
        return None


def _said(link: Link) -> str:
    return canonical(
        {
            "use": "review", "org": link.org, "notice": link.notice, "case": link.case, "to": link.recipient,
            "version": link.policy_version, "expires": int(link.expires_at.timestamp()),
        }
    )  # fmt: skip


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
