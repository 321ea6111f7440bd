"""Sends what is queued: one mail per notice, or one for all that a person gets at once; and reads what came back."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.anchors import Signer
from inventory.auth.caller import Caller, Kind
from inventory.canonical import sha256
from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.db.models import Agent
from inventory.registry import agents
from inventory.registry.change import Asking, Registry
from lifecycle import links, notices, plans, telling
from lifecycle.chat import Chat
from lifecycle.lease import Lease
from lifecycle.looking import policies_of
from lifecycle.mail import Answered, Appointment, Mail, Mailer
from lifecycle.recipients import chain
from lifecycle.telling import About

log = logging.getLogger(__name__)
_AT_ONCE: Final = 200
_ATTEMPTS: Final = 12
_RETRY: Final = timedelta(minutes=5)
_LONGEST: Final = timedelta(hours=6)
_ACTOR: Final = "muster:lifecycle"
_URGENT: Final = ("final", "disabled")
"""Sent alone: what is urgent isn't buried in a digest."""


@dataclass(slots=True)
class Sent:
    """How many notices were accepted, refused for good, and put off."""

    accepted: int = 0
    refused: int = 0
    later: int = 0
    settled: int = 0

    def summary(self) -> dict[str, Any]:
        return {"accepted": self.accepted, "refused": self.refused, "later": self.later, "delivered": self.settled}


class Sender:
    """Sends and settles. What it hands over twice after a crash has the same Message-ID both times."""

    def __init__(
        self,
        registry: Registry,
        signer: Signer,
        mailer: Mailer,
        *,
        public_url: str,
        zone: str = "UTC",
        chat: Chat | None = None,
    ) -> None:
        self._registry = registry
        self._signer = signer
        self._mailer = mailer
        self._url = public_url.rstrip("/")
        self._zone = zone
        self._chat = chat

    def run(self, org: str, lease: Lease) -> Sent:
        """All that is due, then what has settled. Raises DatabaseError or Fenced."""
        done = Sent()
        if self._mailer.ready:
            for group in self._groups(org):
                self._send(org, group, lease, done)
        with self._registry.database.writing() as session:
            lease.check(session)
            specs = {name: held.spec for name, held in policies_of(session, org).items()}
            done.settled = len(notices.settle(session, org, specs, self._registry.now()))
        return done

    def _groups(self, org: str) -> list[list[str]]:
        """Ids of notices that go into one mail each."""
        with self._registry.reading() as session:
            asked = select(db.Notice).where(
                db.Notice.org == org, db.Notice.state == "queued", db.Notice.try_at <= self._registry.now()
            )
            rows = session.scalars(asked.order_by(db.Notice.recipient, db.Notice.agent, db.Notice.id)).all()
        groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for row in rows:
            alone = (row.id,) if row.stage in _URGENT else ()
            groups[(row.address, *alone)].append(row.id)
        return [list(islice(ids, start, start + _AT_ONCE)) for ids in groups.values()
                for start in range(0, len(ids), _AT_ONCE)]  # fmt: skip

    def _send(self, org: str, ids: Sequence[str], lease: Lease, done: Sent) -> None:
        mail = self._prepared(org, ids, lease)
        if mail is None:
            return
        (answered,) = self._mailer.send([mail])
        asking = Asking(Caller(org, _ACTOR, Kind.LOCAL), mail.id)
        with self._registry.changing(asking) as change:
            lease.check(change.session)
            specs = {name: held.spec for name, held in policies_of(change.session, org).items()}
            for name in ids:
                notice = change.session.get_one(db.Notice, (org, name), with_for_update=True)
                if notice.state != "queued":
                    continue
                notice.attempts += 1
                case = change.session.get_one(db.Case, (org, notice.case))
                spec = specs.get(case.policy, PolicySpec(reason=case.reason))  # type: ignore[arg-type]
                _count(done, answered)
                if answered.outcome == "accepted":
                    notice.state, notice.sent_at = "accepted", change.at
                    notice.message, notice.response = mail.id, answered.response[:2000]
                    change.record("accepted", "notice", name, None, _evidence(notice))
                elif answered.outcome == "refused" or notice.attempts >= _ATTEMPTS:
                    notices.returned(change, notice, spec, "failed", answered.response)
                else:
                    notice.response = answered.response[:2000]
                    notice.try_at = change.at + min(_LONGEST, _RETRY * 2 ** (notice.attempts - 1))
        if answered.outcome == "accepted" and self._chat is not None:
            self._chat.post(f"{mail.subject} (told {mail.to})")

    def _prepared(self, org: str, ids: Sequence[str], lease: Lease) -> Mail | None:
        """The mail, its links known to the database before it leaves."""
        now = self._registry.now()
        with self._registry.database.writing() as session:
            lease.check(session)
            abouts: list[About] = []
            for name in ids:
                notice = session.get_one(db.Notice, (org, name), with_for_update=True)
                if notice.state == "queued":
                    link = links.mint(self._signer, notice, notice.expires_at or now + timedelta(days=30))
                    notice.digest = links.digest(link.token)
                    abouts.append(self._about(session, notice, f"{self._url}/review/{link.token}"))
            if not abouts:
                return None
            values = [telling.body(about, self._zone) for about in abouts]
        address = abouts[0].notice.address
        name = abouts[0].notice.id if len(abouts) == 1 else f"dig_{sha256(''.join(sorted(ids)))[:16]}"
        appointments = [one for about in abouts if (one := self._appointment(about)) is not None]
        if len(abouts) == 1:
            text, html = (telling.render(values[0], f"notice.{kind}") for kind in ("txt", "html"))
            subject = values[0]["subject"]
        else:
            subject = f"{len(abouts)} of your agents are disabled unless somebody answers for them"
            each = [{**one, "text": telling.render(one, "notice.txt")} for one in values]
            text, html = (
                telling.render({"notices": each, "subject": subject}, f"digest.{kind}") for kind in ("txt", "html")
            )
        return Mail(address, subject, text, html, self._mailer.message_id(name), now, appointments)

    def _about(self, session: Session, notice: db.Notice, link: str) -> About:
        case = session.get_one(db.Case, (notice.org, notice.case))
        agent = session.get_one(Agent, (notice.org, notice.agent))
        held = policies_of(session, notice.org).get(case.policy)
        spec = held.spec if held else PolicySpec(reason=case.reason)  # type: ignore[arg-type]
        because = next(
            (one.why for one in chain(session, agent, spec) if one.person == notice.recipient), "you were its owner"
        )
        steps = [step for step in plans.rows(session, case) if step.stage == "disable"]
        past = [one for one in notices.of_case(session, case) if one.sent_at is not None and one.id != notice.id]
        needed_by = agents.used_by(session, notice.org, agent.id)
        return About(notice, case, agent, spec, because, link, steps, needed_by, past)

    def _appointment(self, about: About) -> Appointment | None:
        """When it is disabled, in the reader's calendar: each notice of the case moves the same entry."""
        stage, case, agent = about.notice.stage, about.case, about.agent
        if stage not in ("notice", "remind", "final", "restored"):
            return None
        return Appointment(
            uid=f"{case.id}@muster", sequence=len(about.past), at=telling.disables_at(about),
            summary=f"{agent.name} is disabled unless somebody answers for it",
            description=f"Muster, case {case.id}. The notice by mail has the link to decide.",
            url=self._url, cancelled=stage == "restored",
        )  # fmt: skip


def _count(done: Sent, answered: Answered) -> None:
    done.accepted += answered.outcome == "accepted"
    done.refused += answered.outcome == "refused"
    done.later += answered.outcome == "later"


def _evidence(notice: db.Notice) -> dict[str, Any]:
    return {
        "case": notice.case, "stage": notice.stage, "recipient": notice.recipient, "message": notice.message,
        "response": notice.response,
    }  # fmt: skip
