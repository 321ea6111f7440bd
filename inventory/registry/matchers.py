"""Matchers of agents: which telemetry is theirs, and that it is nobody else's."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from inventory.auth.policy import Scope, reach
from inventory.contract import agents as wire
from inventory.db.models import Agent, Matcher
from inventory.matching import Telemetry, held, telemetry_of, wider
from inventory.registry.change import Change
from inventory.registry.errors import Clash


def set_matchers(change: Change, row: Agent, matchers: Iterable[wire.Matcher]) -> None:
    """Raises Clash, naming both owners, when telemetry would be two agents', or would be taken from an agent that is
    none of the caller's.
    """
    session, org = change.session, change.org
    wanted = {Telemetry(one.service, one.agent_id, one.agent_name, one.identity) for one in matchers}
    had = {
        telemetry_of(one) for one in session.scalars(select(Matcher).where(Matcher.org == org, Matcher.agent == row.id))
    }
    session.execute(delete(Matcher).where(Matcher.org == org, Matcher.agent == row.id))
    if not wanted:
        return
    for other, owner in _held(session, org, wanted):
        raise Clash(
            "Two agents claim the same telemetry",
            f"The matcher {_said(telemetry_of(other))} is {other.agent}'s (owner: {owner.owner or 'nobody'}), and "
            f"{row.id} (owner: {row.owner or 'nobody'}) claims it too.",
            f"settle it with {owner.owner or 'an admin'}: make one matcher more specific, or take it from "
            f"{other.agent}",
            "matcher-clash",
        )
    mine = reach(change.asking.caller, Scope.AGENTS_WRITE)
    for other, owner in _held(session, org, {one for new in wanted - had for one in wider(new)}):
        if other.agent != row.id and not mine.covers(
            owner.id, owners=(owner.owner, owner.backup_owner), team=owner.team
        ):
            raise Clash(
                "This would take telemetry from another agent",
                f"The matcher {_said(telemetry_of(other))} is {other.agent}'s (owner: {owner.owner or 'nobody'}), and "
                f"{row.id} (owner: {row.owner or 'nobody'}) claims a part of it.",
                f"ask {owner.owner or 'an admin'}: whoever may change {other.agent} can let it go",
                "matcher-clash",
            )
    session.execute(
        insert(Matcher),
        [
            {
                "org": org,
                "service": one.service,
                "telemetry_id": one.agent_id,
                "telemetry_name": one.agent_name,
                "identity": one.identity,
                "agent": row.id,
            }
            for one in sorted(wanted)
        ],
    )


def _held(session: Session, org: str, matchers: Collection[Telemetry]) -> list[tuple[Matcher, Agent]]:
    """Which of these are somebody's, and whose."""
    return [(one, session.get_one(Agent, (org, one.agent))) for one in held(session, org, matchers)]


def _said(matcher: Telemetry) -> str:
    return ", ".join(f"{name}={value}" for name, value in matcher._asdict().items() if value)
