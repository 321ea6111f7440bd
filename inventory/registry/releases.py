"""Releases: edited as a draft, proposed, decided about by a second person, made active, gone back from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, tuple_
from sqlalchemy.orm import Session

from inventory.contract import releases as wire
from inventory.db.models import Agent, Draft, Json, Part, Release, Version
from inventory.registry import agents, pages
from inventory.registry.bundles import digest_of, parts_of, release_id
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Forbidden, Missing, Unfit
from inventory.registry.objects import found, index, locked

KIND: Final = "release"


def get(session: Session, org: str, agent: str, name: str) -> Release:
    """Raises Missing."""
    return found(session, Release, KIND, org, agent, name)


def draft(session: Session, org: str, agent: str) -> Draft:
    """Raises Missing."""
    row = session.get(Draft, (org, agent))
    if row is None:
        agents.get(session, org, agent)
        raise Missing("draft", agent)
    return row


def put_draft(change: Change, agent: str, bundle: wire.Bundle) -> tuple[Draft, bool]:
    """Begin or change the draft: it, and whether it is new. Raises Missing, Stale, Unconditional, Clash or Unfit."""
    owner = agents.get(change.session, change.org, agent)
    if owner.state == "retired":
        raise Clash(f"{agent} is retired", "It gets no more releases.", "reopen it first", "state-conflict")
    _reachable(change.session, change.org, agent, bundle)
    row = change.session.get(Draft, (change.org, agent), with_for_update=True)
    document = bundle.model_dump(mode="json")
    change.expects("draft", agent, row)
    if row is None:
        row = Draft(
            org=change.org, agent=agent, revision=1, document=document, editors=[change.actor],
            created_at=change.at, updated_at=change.at,
        )  # fmt: skip
        change.session.add(row)
        change.record("create", "draft", agent, None, _digests(document))
        return row, True
    before = _digests(row.document)
    row.document, row.updated_at, row.revision = document, change.at, row.revision + 1
    row.editors = [*dict.fromkeys([*row.editors, change.actor])]
    change.record("update", "draft", agent, before, _digests(document))
    return row, False


def discard_draft(change: Change, agent: str) -> None:
    """Raises Missing, Stale or Unconditional."""
    row = draft(change.session, change.org, agent)
    change.expects("draft", agent, row)
    change.record("discard", "draft", agent, _digests(row.document), None)
    change.session.delete(row)


def propose(change: Change, agent: str) -> Release:
    """Make the draft a release, which a second person must approve. Raises Missing, Clash."""
    row = change.session.get(Draft, (change.org, agent), with_for_update=True)
    if row is None:
        raise Missing("draft", agent)
    change.expects("draft", agent, row)
    release = _store(change, agent, wire.Bundle.model_validate(row.document), list(row.editors))
    change.session.delete(row)
    return release


def decide(change: Change, agent: str, name: str, decision: wire.Verdict) -> Release:
    """Approve or reject. Raises Missing, Stale, Unconditional, Clash; Forbidden for who had a hand in it."""
    row = locked(change.session, Release, KIND, change.org, agent, name)
    change.expects(KIND, name, row)
    if row.status != "proposed":
        raise Clash(
            f"This release is {row.status}",
            f"{row.decided_by} decided at {row.decided_at:%Y-%m-%d %H:%M} UTC.",
            "a decision stays: propose a new release" if row.status == "rejected" else "activate it",
            "release-decided",
        )
    hands = {row.created_by, *row.editors}
    if change.actor in hands or change.asking.caller.issuer in hands:
        by = change.actor if change.actor in hands else f"{change.asking.caller.issuer}, who issued this token,"
        raise Forbidden(
            "A second person decides",
            f"{by} edited or proposed this release.",
            "ask somebody who had no hand in it: its owner, its backup owner or an admin",
            "second-person",
        )
    before = snapshot(row)
    row.status = "approved" if decision.decision == "approve" else "rejected"
    row.decided_at, row.decided_by, row.reason = change.at, change.actor, decision.reason
    _keep(change, row, decision.decision, before)
    return row


def activate(change: Change, agent: str, name: str) -> Release:
    """Let the agent run this release. Raises Missing; Clash for one that isn't approved."""
    owner = locked(change.session, Agent, agents.KIND, change.org, agent)
    change.expects(agents.KIND, agent, owner)
    return _activated(change, owner, get(change.session, change.org, agent, name), "activate-release")


def roll_back(change: Change, agent: str) -> Release:
    """Back to what the active release names. Raises Missing, Clash."""
    owner = locked(change.session, Agent, agents.KIND, change.org, agent)
    change.expects(agents.KIND, agent, owner)
    current = active(change.session, change.org, agent)
    if current.rollback_to is None:
        raise Clash(
            "This release names none to go back to",
            f"The active release of {agent} is number {current.number}.",
            "activate an earlier approved release by its id",
            "no-rollback-target",
        )
    return _activated(change, owner, get(change.session, change.org, agent, current.rollback_to), "roll-back-release")


def active(session: Session, org: str, agent: str) -> Release:
    """Raises Missing."""
    row = agents.get(session, org, agent)
    if row.active_release is None:
        raise Missing("active release", agent)
    return get(session, org, agent, row.active_release)


def active_since(session: Session, org: str, agent: str, name: str) -> datetime:
    """When the agent's active release became so."""
    asked = (
        select(Version.valid_from, Version.document)
        .where(Version.org == org, Version.kind == agents.KIND, Version.object == agent)
        .order_by(Version.revision.desc())
    )
    since = None
    for moment, document in session.execute(asked):
        if (document or {}).get("active_release") != name:
            break
        since = moment
    assert since is not None, "an agent that has an active release has a version that says so"
    return since


def listed(
    session: Session, org: str, limit: int, cursor: str | None, *, agent: str | None = None, status: str | None = None
) -> tuple[Sequence[Release], str | None]:
    """A page, newest first, and the cursor of the next. Raises Unfit for a cursor of something else."""
    of = ["releases", org, agent, status]
    last = pages.after(cursor, of, (str, str, str))
    key = tuple_(Release.created_at, Release.agent, Release.id)
    asked = select(Release).where(Release.org == org)
    if agent is not None:
        agents.get(session, org, agent)
        asked = asked.where(Release.agent == agent)
    if status is not None:
        asked = asked.where(Release.status == status)
    if last is not None:
        asked = asked.where(key < (pages.moment(last[0]), last[1], last[2]))
    asked = asked.order_by(Release.created_at.desc(), Release.agent.desc(), Release.id.desc()).limit(limit + 1)
    rows, more = pages.cut(session.scalars(asked).all(), limit)
    if not more:
        return rows, None
    end = rows[-1]
    return rows, pages.cursor(of, [end.created_at.isoformat(), end.agent, end.id])


def contents(session: Session, org: str, digests: Sequence[str]) -> dict[str, str]:
    """Content by digest, of what is kept here."""
    rows = session.execute(select(Part.digest, Part.content).where(Part.org == org, Part.digest.in_(digests)))
    return {digest: content.decode() for digest, content in rows}


def indexed(session: Session, row: Release) -> None:
    """Let it be found by its id, version and parts."""
    names = [part["name"] for part in row.parts]
    texts = (row.agent, row.id, row.id.removeprefix("sha256:"), row.version, row.note, *names)
    index(session, row.org, KIND, row.agent, row.id, texts)


def snapshot(row: Release) -> Json:
    return {
        "agent": row.agent,
        "id": row.id,
        "number": row.number,
        "version": row.version,
        "status": row.status,
        "parts": row.parts,
        "rollback_to": row.rollback_to,
        "evaluations": row.evaluations,
        "editors": row.editors,
        "created_by": row.created_by,
        "decided_by": row.decided_by,
        "reason": row.reason,
    }


def _store(change: Change, agent: str, bundle: wire.Bundle, editors: list[Any]) -> Release:
    session, org = change.session, change.org
    locked(session, Agent, agents.KIND, org, agent)  # one number for one release
    _reachable(session, org, agent, bundle)
    parts = parts_of(bundle)
    name = release_id(parts)
    there = session.get(Release, (org, agent, name))
    if there is not None:
        raise Clash(
            "This release exists",
            f"The same parts are release number {there.number} of {agent}, which is {there.status}.",
            f"use it: /v1/agents/{agent}/releases/{name}",
            "release-exists",
        )
    _keep_contents(session, org, [part.content for part in bundle.parts if part.content is not None])
    newest = session.scalar(select(func.max(Release.number)).where(Release.org == org, Release.agent == agent))
    row = Release(
        org=org, agent=agent, id=name, number=(newest or 0) + 1, version=bundle.version, parts=parts, note=bundle.note,
        rollback_to=bundle.rollback_to, evaluations=[one.model_dump(mode="json") for one in bundle.evaluations],
        editors=editors, created_at=change.at, created_by=change.actor, status="proposed", revision=0,
        decided_at=None, decided_by=None, reason="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    indexed(session, row)
    _keep(change, row, "propose", None)
    return row


def _keep_contents(session: Session, org: str, texts: Sequence[str]) -> None:
    wanted = {digest_of(text): text for text in texts}
    known = set(session.scalars(select(Part.digest).where(Part.org == org, Part.digest.in_(wanted))))
    rows = [
        {"org": org, "digest": digest, "content": text.encode()}
        for digest, text in sorted(wanted.items())
        if digest not in known
    ]
    if rows:
        session.execute(insert(Part), rows)


def _reachable(session: Session, org: str, agent: str, bundle: wire.Bundle) -> None:
    """What a release goes back to must be one of the agent's that was approved."""
    if bundle.rollback_to is None:
        return
    target = session.get(Release, (org, agent, bundle.rollback_to))
    if target is None or target.status != "approved":
        raise Unfit(
            (
                "body.rollback_to",
                "it is no approved release of this agent",
                f"name one of GET /v1/agents/{agent}/releases?status=approved, or none",
            )
        )


def _activated(change: Change, owner: Agent, release: Release, action: str) -> Release:
    if release.status != "approved":
        raise Clash(
            f"This release is {release.status}",
            "Only what a second person approved can run.",
            "have it approved first" if release.status == "proposed" else "propose another",
            "release-not-approved",
        )
    if owner.active_release != release.id:
        before = agents.snapshot(owner)
        owner.active_release = release.id
        agents.keep(change, owner, action, before)
    return release


def _keep(change: Change, row: Release, action: str, before: Json | None) -> None:
    row.revision += 1
    after = snapshot(row)
    change.version(KIND, f"{row.agent}/{row.id}", row.revision, after)
    change.record(action, KIND, f"{row.agent}/{row.id}", before, after)


def _digests(document: Json) -> Json:
    """A draft as the audit log keeps it: which content, and not the content."""
    bundle = wire.Bundle.model_validate(document)
    rest = {name: value for name, value in document.items() if name != "parts"}
    return {**rest, "parts": parts_of(bundle)}
