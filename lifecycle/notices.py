"""Notices: queued in the transaction of what they tell of, sent afterwards, and followed until they are delivered.

queued → accepted (the server took it) → delivered (and did not return it in time)
       ↘ failed, bounced → the next recipient is told in their place
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.db.models import Agent
from inventory.registry.change import Change
from lifecycle import cases
from lifecycle.recipients import Recipient, chain

Stage = Literal["notice", "remind", "final", "disabled", "escalate", "restored", "retired"]
MAIL: Final = "mail"
_ENDED: Final = ("bounced", "failed")


def queue(
    change: Change, case: db.Case, agent: Agent, policy: PolicySpec, stage: Stage, expires: datetime | None
) -> db.Notice | None:
    """To the first who can be reached. None: there is nobody, which the case's history says."""
    people = chain(change.session, agent, policy)
    if not people:
        cases.note(change, case, "nobody-to-tell", case.state, {"stage": stage})
        return None
    return _add(change, case, stage, _next_round(change.session, case, stage), 0, people[0], expires)


def returned(change: Change, notice: db.Notice, policy: PolicySpec, how: str, response: str) -> db.Notice | None:
    """It did not reach its recipient: whoever is next is told. `how`: bounced or failed."""
    notice.state, notice.response, notice.settled_at = how, response[:2000], change.at
    case = cases.hold(change.session, notice.org, notice.case)
    agent = change.session.get_one(Agent, (notice.org, notice.agent))
    people = chain(change.session, agent, policy)
    tried = set(
        change.session.scalars(
            select(db.Notice.recipient).where(
                db.Notice.org == notice.org, db.Notice.case == notice.case, db.Notice.stage == notice.stage,
                db.Notice.round == notice.round,
            )
        )
    )  # fmt: skip
    left = [one for one in people if one.person not in tried]
    details = {"notice": notice.id, "stage": notice.stage, "recipient": notice.recipient, "response": response[:500]}
    told = left[0] if left and case.open_key is not None else None
    cases.note(change, case, f"notice-{how}", case.state, {**details, "next": told.person if told else None})
    if told is None:
        return None
    stage: Stage = notice.stage  # type: ignore[assignment]
    return _add(change, case, stage, notice.round, notice.rank + 1, told, notice.expires_at)


def supersede(session: Session, case: db.Case) -> None:
    """What isn't sent yet has nothing to tell any more, and links that were sent decide nothing."""
    mine = (db.Notice.org == case.org, db.Notice.case == case.id)
    session.execute(update(db.Notice).where(*mine, db.Notice.state == "queued").values(state="superseded"))


def settle(session: Session, org: str, policies: dict[str, PolicySpec], now: datetime) -> list[str]:
    """Accepted notices that weren't returned in time are delivered: their ids."""
    settled: list[str] = []
    asked = select(db.Notice, db.Case.policy).join(
        db.Case, (db.Case.org == db.Notice.org) & (db.Case.id == db.Notice.case)
    ).where(db.Notice.org == org, db.Notice.state == "accepted")  # fmt: skip
    for notice, policy in session.execute(asked).all():
        hours = policies[policy].freshness.bounce_hours if policy in policies else 24
        if notice.sent_at is not None and notice.sent_at + timedelta(hours=hours) <= now:
            notice.state, notice.settled_at = "delivered", now
            settled.append(notice.id)
    return settled


def of_case(session: Session, case: db.Case) -> Sequence[db.Notice]:
    asked = select(db.Notice).where(db.Notice.org == case.org, db.Notice.case == case.id)
    return session.scalars(asked.order_by(db.Notice.created_at, db.Notice.rank, db.Notice.id)).all()


def _next_round(session: Session, case: db.Case, stage: str) -> int:
    asked = select(func.max(db.Notice.round)).where(
        db.Notice.org == case.org, db.Notice.case == case.id, db.Notice.stage == stage
    )
    return (session.scalar(asked) or 0) + 1


def _add(
    change: Change, case: db.Case, stage: Stage, number: int, rank: int, to: Recipient, expires: datetime | None
) -> db.Notice:
    row = db.Notice(
        org=case.org, id=f"ntc_{secrets.token_hex(8)}", case=case.id, agent=case.agent, stage=stage, round=number,
        rank=rank, recipient=to.person, address=to.address, channel=MAIL, state="queued", message="", response="",
        attempts=0, policy_version=case.policy_version, digest=None, expires_at=expires, used_at=None,
        created_at=change.at, try_at=change.at, sent_at=None, settled_at=None,
    )  # fmt: skip
    change.session.add(row)
    change.session.flush()
    return row
