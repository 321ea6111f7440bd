"""Approvals: asked for by agents, decided by people, once; never by whoever it was asked for."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from collector.store.digests import arguments_digest
from collector.store.digests import canonical as canonical_arguments
from inventory.auth.caller import Caller, Kind
from inventory.auth.policy import Scope, reach
from inventory.canonical import canonical
from inventory.contract import approvals as wire
from inventory.db.approvals import Approval
from inventory.db.models import Agent, Json
from inventory.registry import agents, pages
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Forbidden, Unfit
from inventory.registry.objects import found, locked

KIND: Final = "approval"
PENDING: Final = "pending"
_STATES: Final[dict[wire.Word, wire.ApprovalState]] = {"approve": "approved", "modify": "modified", "deny": "denied"}
_AT_ONCE: Final = 500
_LONGEST: Final = 200_000


class Digests:
    """Digests of arguments and of what was shown, under the key that spans' digests are made with. Prints nothing."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __call__(self, text: str) -> str:
        return arguments_digest(text, self._key)

    def __repr__(self) -> str:
        return "Digests(…)"


def ask(change: Change, asked: wire.AskApproval, digests: Digests) -> Approval:
    """Raises Missing for an agent that isn't, Unfit for what can't be kept."""
    agent = agents.get(change.session, change.org, asked.agent)
    if agent.state in ("disabled", "retired"):
        raise Clash(
            f"{agent.id} is {agent.state}", "It may do nothing, approved or not.",
            "see its case in /v1/lifecycle/cases", "state-conflict",
        )  # fmt: skip
    arguments = _written("body.arguments", asked.arguments)
    shown = asked.shown or f"{asked.tool} {arguments}"
    row = Approval(
        org=change.org, id=f"apr_{secrets.token_hex(8)}", agent=asked.agent, state=PENDING, revision=0,
        tool=asked.tool, arguments=arguments, arguments_digest=digests(arguments),
        shown=shown, shown_digest=digests(shown), requester=asked.requester, requested_by=change.actor,
        requested_at=change.at, expires_at=change.at + timedelta(minutes=asked.minutes),
        approvers=list(dict.fromkeys(asked.approvers)), policy_id=asked.policy_id,
        policy_version=asked.policy_version, verdict=asked.verdict, why=asked.why, mode=asked.mode, enforced="waiting",
        good_for_minutes=asked.good_for_minutes, decided_at=None, decided_by=None, approver=None, override=False,
        reason="", decided_arguments=None, allowed_digest=None, good_until=None, trace_id=asked.trace_id,
        span_id=asked.span_id, tool_call_id=asked.tool_call_id, task_id=asked.task_id,
    )  # fmt: skip
    change.session.add(row)
    _keep(change, row, "request", None)
    return row


def get(session: Session, org: str, name: str) -> Approval:
    """Raises Missing."""
    return found(session, Approval, KIND, org, name)


def by_id(session: Session, org: str, names: Collection[str]) -> dict[str, Approval]:
    """Those of these ids that there are."""
    known = [name for name in sorted(names) if name.startswith("apr_")]
    asked = select(Approval).where(Approval.org == org, Approval.id.in_(known))
    return {row.id: row for row in session.scalars(asked)} if known else {}


def decide(change: Change, name: str, said: wire.DecideApproval, digests: Digests) -> Approval:
    """Raises Missing; Clash for one that is decided or over; Forbidden for who may not, with the reason."""
    row = locked(change.session, Approval, KIND, change.org, name)
    if row.state == PENDING and change.at >= row.expires_at:
        raise Clash(
            "It is too late", f"This was to be decided by {row.expires_at:%Y-%m-%d %H:%M} UTC.",
            "let the agent ask again", "approval-expired",
        )  # fmt: skip
    if row.state != PENDING:
        raise Clash(
            f"It is {row.state} already", f"{row.decided_by or row.requested_by} settled it.",
            "a decision stays: let the agent ask again", "approval-decided",
        )  # fmt: skip
    caller = change.asking.caller
    override = _may_decide(caller, row, agents.get(change.session, change.org, row.agent), said.override)
    before = snapshot(row)
    row.state, row.reason, row.override = _STATES[said.decision], said.reason, override
    row.decided_at, row.decided_by, row.approver = change.at, change.actor, caller.person
    if said.decision != "deny":
        row.good_until = change.at + timedelta(minutes=row.good_for_minutes)
        row.allowed_digest = row.arguments_digest
    if said.arguments is not None:
        row.decided_arguments = _written("body.arguments", said.arguments)
        row.allowed_digest = digests(row.decided_arguments)
    row.enforced = _enforced(row)
    _keep(change, row, said.decision, before)
    return row


def withdraw(change: Change, name: str, reason: str) -> Approval:
    """By whoever asked. Raises Missing, Clash, Forbidden."""
    row = locked(change.session, Approval, KIND, change.org, name)
    if row.state != PENDING:
        raise Clash(f"It is {row.state} already", "There is nothing to withdraw.", "ask anew", "approval-decided")
    if not asks_for(change.asking.caller, row.agent):
        raise Forbidden(
            "Only the agent withdraws its request", f"{change.actor} doesn't speak for {row.agent}.",
            "deny it instead", "forbidden",
        )  # fmt: skip
    before = snapshot(row)
    row.state, row.reason, row.enforced = "withdrawn", reason, "blocked"
    _keep(change, row, "withdraw", before)
    return row


def overdue(change: Change) -> int:
    """Those that nobody decided in time are over: how many."""
    asked = (
        select(Approval)
        .where(Approval.org == change.org, Approval.state == PENDING, Approval.expires_at <= change.at)
        .order_by(Approval.expires_at, Approval.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = change.session.scalars(asked).all()
    for row in rows:
        before = snapshot(row)
        row.state = "timed-out"
        row.enforced = _enforced(row)
        _keep(change, row, "time-out", before)
    return len(rows)


def listed(
    session: Session, org: str, limit: int, cursor: str | None, now: datetime, *, agent: str | None = None,
    state: str | None = None, tool: str | None = None, trace: str | None = None, since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Sequence[Approval], str | None]:  # fmt: skip
    """A page, newest first, and the cursor of the next. Raises Unfit for a cursor of something else."""
    moments = [moment.isoformat() if moment else None for moment in (since, until)]
    of = ["approvals", org, agent, state, tool, trace, *moments]
    last = pages.after(cursor, of, (str, str))
    asked = select(Approval).where(Approval.org == org)
    for column, value in ((Approval.agent, agent), (Approval.tool, tool), (Approval.trace_id, trace)):
        if value is not None:
            asked = asked.where(column == value)
    if since is not None:
        asked = asked.where(Approval.requested_at >= since)
    if until is not None:
        asked = asked.where(Approval.requested_at < until)
    if state == PENDING:
        asked = asked.where(Approval.state == PENDING, Approval.expires_at > now)
    elif state == "timed-out":
        over = (Approval.state == PENDING) & (Approval.expires_at <= now)
        asked = asked.where((Approval.state == state) | over)
    elif state is not None:
        asked = asked.where(Approval.state == state)
    if last is not None:
        asked = asked.where(tuple_(Approval.requested_at, Approval.id) < (pages.moment(last[0]), last[1]))
    asked = asked.order_by(Approval.requested_at.desc(), Approval.id.desc()).limit(limit + 1)
    rows, more = pages.cut(session.scalars(asked).all(), limit)
    end = rows[-1] if more else None
    return rows, pages.cursor(of, [end.requested_at.isoformat(), end.id]) if end else None


def state_at(row: Approval, now: datetime) -> wire.ApprovalState:
    """One that nobody decided is over at its moment, whether or not somebody has noted that."""
    state: Any = "timed-out" if row.state == PENDING and now >= row.expires_at else row.state
    return state  # type: ignore[no-any-return]


def enforced_at(row: Approval, now: datetime) -> Literal["waiting", "allowed", "blocked"]:
    if row.state == PENDING and now >= row.expires_at:
        return "allowed" if row.mode == "observe" else "blocked"
    return row.enforced  # type: ignore[return-value]


def asks_for(caller: Caller, agent: str) -> bool:
    """Whether they may ask in the agent's name."""
    held = reach(caller, Scope.APPROVALS_REQUEST)
    return held.everything or agent in held.agents


def could_decide(caller: Caller, row: Approval, agent: Agent, now: datetime) -> bool:
    """Whether their word would be taken, without overriding anybody."""
    if row.state != PENDING or now >= row.expires_at:
        return False
    try:
        return not _may_decide(caller, row, agent, override=False)
    except Forbidden:
        return False


def named(caller: Caller, row: Approval) -> bool:
    """Whether they are among those who were asked."""
    teams = {f"team:{team}" for team in caller.teams}
    return caller.person is not None and (caller.person in row.approvers or bool(teams & set(row.approvers)))


def _may_decide(caller: Caller, row: Approval, agent: Agent, override: bool) -> bool:
    """Whether the decision overrides those who were asked. Raises Forbidden."""
    if caller.kind not in (Kind.PERSON, Kind.LOCAL):
        raise Forbidden("A person decides", f"{caller.actor} is a machine.", "sign in as somebody", "person-needed")
    own = {row.requester, f"person:{row.requester}"} if row.requester else set[str]()
    if own & {caller.person, caller.actor, caller.issuer} or row.requested_by in (caller.actor, caller.issuer):
        raise Forbidden(
            "A second person decides", f"This was asked for by {row.requester or row.requested_by}.",
            "ask somebody else", "second-person",
        )  # fmt: skip
    may = caller.scopes is None or Scope.APPROVALS_DECIDE in caller.scopes
    if may and row.approvers and named(caller, row):
        return False
    held = reach(caller, Scope.APPROVALS_DECIDE)
    covered = held.covers(agent.id, owners=(agent.owner, agent.backup_owner), team=agent.team)
    if covered and not row.approvers:
        return False
    if held.everything and override:
        return True
    asked = f"{', '.join(row.approvers)} were asked" if row.approvers else f"it needs approvals:decide for {agent.id}"
    remedy = "send override: true with a reason" if held.everything else "ask one of them, or an admin"
    raise Forbidden("You can't decide this", f"{caller.actor} isn't who decides: {asked}.", remedy, "not-approver")


def _enforced(row: Approval) -> str:
    return "allowed" if row.state in ("approved", "modified") or row.mode == "observe" else "blocked"


def snapshot(row: Approval) -> Json:
    """What happened, without what was said: arguments and texts are content, their digests tell whether they match."""
    return {
        "id": row.id, "agent": row.agent, "state": row.state, "tool": row.tool,
        "arguments_digest": row.arguments_digest, "shown_digest": row.shown_digest,
        "allowed_digest": row.allowed_digest, "requester": row.requester, "requested_by": row.requested_by,
        "requested_at": row.requested_at.isoformat(), "expires_at": row.expires_at.isoformat(),
        "approvers": row.approvers, "policy_id": row.policy_id, "policy_version": row.policy_version,
        "verdict": row.verdict, "mode": row.mode, "enforced": row.enforced,
        "decided_at": row.decided_at.isoformat() if row.decided_at else None, "decided_by": row.decided_by,
        "approver": row.approver, "override": row.override,
        "good_until": row.good_until.isoformat() if row.good_until else None,
        "trace_id": row.trace_id, "span_id": row.span_id, "tool_call_id": row.tool_call_id, "task_id": row.task_id,
    }  # fmt: skip


def _keep(change: Change, row: Approval, action: str, before: Json | None) -> None:
    row.revision += 1
    change.session.flush()
    after = snapshot(row)
    change.version(KIND, row.id, row.revision, after)
    change.record(action, KIND, row.id, before, {**after, "reason": row.reason} if row.reason else after)


def _written(field: str, arguments: dict[str, Any]) -> str:
    """As they are hashed. Raises Unfit."""
    try:
        text = canonical_arguments(canonical(arguments))
    except ValueError:
        text = "\x00"
    if "\x00" in text or "\\u0000" in text or len(text) > _LONGEST:
        raise Unfit(
            (field, "they can't be kept: U+0000, numbers that aren't finite, or too long", "send less, or a reference")
        )
    return text
