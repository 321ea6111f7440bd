"""Mail: one message in text, HTML and with a calendar entry, handed to an SMTP server whose answer is kept."""

from __future__ import annotations

import email.policy
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from icalendar import Calendar, Event

from lifecycle.settings import MailSettings

_LATER: Final = range(400, 500)
_WHOLE_LINES: Final = email.policy.SMTP.clone(max_line_length=900)
"""A subject that is folded before its first word is shown with a blank by some readers."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A message to one address. `id`: the Message-ID, always the same for the same message."""

    to: str
    subject: str
    text: str
    html: str
    id: str
    at: datetime
    events: Sequence[Appointment] = ()
    auto: bool = True


@dataclass(frozen=True, slots=True)
class Appointment:
    """A date in the reader's calendar. The same `uid` with a higher `sequence` moves it."""

    uid: str
    sequence: int
    at: datetime
    summary: str
    description: str
    url: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a message. `outcome`: accepted, refused (for good) or later; `response`: the server's words."""

    outcome: str
    response: str


class Mailer:
    """Hands messages to one server, a connection for each batch."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return f"Mailer({self._settings.host}:{self._settings.port})"

    @property
    def ready(self) -> bool:
        """Whether there is a server to hand it to."""
        return bool(self._settings.host)

    def message_id(self, name: str) -> str:
        return f"<{name}@{self._settings.sender.partition('@')[2]}>"

    def send(self, mails: Sequence[Mail]) -> list[Answered]:
        """An answer for each. Never raises for what a server or a network does."""
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            return [Answered("later", _words(error)) for _ in mails]
        try:
            return [self._hand(server, mail) for mail in mails]
        finally:
            _quit(server)

    def _connect(self) -> smtplib.SMTP:
        chosen = self._settings
        if chosen.security == "tls":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(chosen.host, chosen.port, timeout=chosen.timeout, context=context)
        else:
            server = smtplib.SMTP(chosen.host, chosen.port, timeout=chosen.timeout)
        try:
            if chosen.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if chosen.password is not None:
                server.login(chosen.user, chosen.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _hand(self, server: smtplib.SMTP, mail: Mail) -> Answered:
        """Step by step, since `sendmail` keeps the server's last word to itself."""
        try:
            raw = message(mail, self._settings.sender).as_bytes(policy=_WHOLE_LINES)
            server.ehlo_or_helo_if_needed()
            for code, words in (
                server.mail(self._settings.sender),
                server.rcpt(mail.to),
            ):
                if code // 100 != 2:
                    server.rset()
                    return _answered(code, words)
            return _answered(*server.data(raw))
        except smtplib.SMTPResponseException as error:
            return _answered(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return Answered("later", _words(error))


def message(mail: Mail, sender: str) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = mail.subject
    made["From"] = f"Muster <{sender}>"
    made["To"] = mail.to
    made["Date"] = format_datetime(mail.at)
    made["Message-ID"] = mail.id
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: answering machines leave it alone
    made.set_content(mail.text)
    made.add_alternative(mail.html, subtype="html")
    for event in mail.events:
        method = "CANCEL" if event.cancelled else "PUBLISH"
        made.add_attachment(
            calendar(event, mail.at), maintype="text", subtype="calendar", filename="muster.ics",
            params={"method": method},
        )  # fmt: skip
    return made


def calendar(appointment: Appointment, now: datetime) -> bytes:
    found = Calendar()
    found.add("prodid", "-//Muster//lifecycle//EN")
    found.add("version", "2.0")
    found.add("method", "CANCEL" if appointment.cancelled else "PUBLISH")
    event = Event()
    event.add("uid", appointment.uid)
    event.add("sequence", appointment.sequence)
    event.add("dtstamp", now)
    event.add("dtstart", appointment.at)
    event.add("dtend", appointment.at + timedelta(minutes=30))
    event.add("summary", appointment.summary)
    event.add("description", appointment.description)
    event.add("url", appointment.url)
    event.add("status", "CANCELLED" if appointment.cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    found.add_component(event)
    return bytes(found.to_ical())


def _answered(code: int, words: bytes | str) -> Answered:
    said = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    if code // 100 == 2:
        return Answered("accepted", said)
    return Answered("later" if code in _LATER else "refused", said)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _quit(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()
