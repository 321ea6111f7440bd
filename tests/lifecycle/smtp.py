"""A real SMTP server on loopback, that takes, refuses, puts off and returns mail as it is told."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

_LINK = re.compile(r"https?://\S+/review/\S+")


@dataclass(frozen=True)
class Received:
    to: str
    message: EmailMessage

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    @property
    def html(self) -> str:
        body = self.message.get_body(("html",))
        assert body is not None
        return str(body.get_content())

    @property
    def links(self) -> list[str]:
        return list(dict.fromkeys(_LINK.findall(self.text)))

    @property
    def calendar(self) -> str:
        (part,) = (one for one in self.message.iter_attachments() if one.get_content_type() == "text/calendar")
        return str(part.get_content())


@dataclass
class Box:
    """What came in, and whose mail is refused (for good), put off, or returned later."""

    received: list[Received] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    put_off: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return "550 5.1.1 no such mailbox"
        if address in self.put_off:
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        with self.lock:
            self.received.append(Received(envelope.rcpt_tos[0], parsed))
            number = len(self.received)
        return f"250 2.0.0 taken as {number}"

    def to(self, address: str) -> list[Received]:
        with self.lock:
            return [one for one in self.received if one.to == address]

    def bounces(self, since: int) -> list[bytes]:
        """What a server would return of what came in since, for those whose mailbox isn't there after all."""
        with self.lock:
            return [report(one) for one in self.received[since:] if one.to in self.returned]


def report(received: Received) -> bytes:
    """A delivery status notification as Postfix writes it."""
    return f"""From: MAILER-DAEMON@mail.example.org
To: muster@muster.example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Final-Recipient: rfc822; {received.to}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such mailbox

--b
Content-Type: text/rfc822-headers

Message-ID: {received.id}
Subject: {received.subject}

--b--
""".replace("\n", "\r\n").encode()


@contextmanager
def serving() -> Iterator[Box]:
    box = Box()
    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
