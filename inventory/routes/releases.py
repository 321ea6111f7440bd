"""Routes of releases: draft, proposal, decision, the active one, the way back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import problems
from inventory.auth.caller import Caller, Kind
from inventory.auth.policy import Scope, reach
from inventory.contract import releases as wire
from inventory.contract.words import DIGEST, Slug
from inventory.db.models import Agent, Draft, Release
from inventory.reading_log import ReadLog
from inventory.registry import agents, releases
from inventory.registry.bundles import diff
from inventory.registry.change import Change, Registry
from inventory.registry.errors import Missing
from inventory.routes.agents import AgentPath, PageQuery
from inventory.routes.door import TheAsking, TheCaller, check_agent, check_reach, post, tag

ReleasePath = Annotated[str, Path(pattern=DIGEST, description="The release's id", examples=["sha256:" + "9f" * 32])]
PartPath = Annotated[str, Path(pattern=DIGEST, description="Digest of a part")]


class AgentReleaseQuery(PageQuery):
    status: wire.Status | None = None


class ReleaseQuery(AgentReleaseQuery):
    agent: Slug | None = None


def release_routes(registry: Registry, log: ReadLog) -> APIRouter:
    routes = APIRouter(tags=["releases"])

    @routes.get("/v1/releases", summary="List releases", responses=problems.responses(*problems.READS))
    def list_releases(caller: TheCaller, query: Annotated[ReleaseQuery, Query()]) -> wire.ReleasePage:
        """Of all agents, newest first: what waits for a decision is `status=proposed`."""
        return page(caller, query.agent, query.status, query.limit, query.cursor)

    @routes.get(
        "/v1/agents/{agent_id}/releases",
        summary="List an agent's releases",
        responses=problems.responses(*problems.READS),
    )
    def list_agent_releases(
        caller: TheCaller, agent_id: AgentPath, query: Annotated[AgentReleaseQuery, Query()]
    ) -> wire.ReleasePage:
        """Newest first; follow `next` for more."""
        return page(caller, agent_id, query.status, query.limit, query.cursor)

    def page(caller: Caller, agent: str | None, status: str | None, limit: int, cursor: str | None) -> wire.ReleasePage:
        with registry.reading() as session:
            rows, following = releases.listed(session, caller.org, limit, cursor, agent=agent, status=status)
            return wire.ReleasePage(releases=answers(session, caller.org, *rows), next=following)

    @routes.get("/v1/agents/{agent_id}/draft", summary="The draft", responses=problems.responses(*problems.READS))
    def get_draft(caller: TheCaller, agent_id: AgentPath, response: Response) -> wire.Draft:
        """The next release, while it is edited. Contents are left out without `content:read`."""
        with registry.reading() as session:
            row = releases.draft(session, caller.org, agent_id)
            tag(response, row.revision)
            return drafted(row, _may_see(session, caller, agent_id, log, "draft"))

    @routes.put(
        "/v1/agents/{agent_id}/draft",
        summary="Edit the draft",
        responses={201: {"model": wire.Draft, "description": "It is new"}, **problems.responses(*problems.CHANGES)},
    )
    def put_draft(asking: TheAsking, agent_id: AgentPath, bundle: wire.Bundle, response: Response) -> wire.Draft:
        """Begin a draft, or replace it: then `If-Match` names its revision. The live release stays as it is."""
        with registry.changing(asking) as change:
            check_agent(change, Scope.RELEASES_WRITE, agent_id)
            row, new = releases.put_draft(change, agent_id, bundle)
            response.status_code = 201 if new else 200
            tag(response, row.revision)
            return drafted(row, seen=True)

    @routes.delete(
        "/v1/agents/{agent_id}/draft",
        summary="Discard the draft",
        status_code=204,
        responses=problems.responses(*problems.CHANGES),
    )
    def delete_draft(asking: TheAsking, agent_id: AgentPath) -> None:
        """`If-Match` names its revision."""
        with registry.changing(asking) as change:
            check_agent(change, Scope.RELEASES_WRITE, agent_id)
            releases.discard_draft(change, agent_id)

    @routes.post(
        "/v1/agents/{agent_id}/draft/propose",
        summary="Propose the draft",
        status_code=201,
        response_model=wire.Release,
        responses=problems.responses(*problems.CHANGES),
    )
    def propose_draft(asking: TheAsking, agent_id: AgentPath) -> Response:
        """The draft becomes a release, which never changes, and which a second person must approve."""

        def act(change: Change) -> tuple[wire.Release, dict[str, str]]:
            check_agent(change, Scope.RELEASES_WRITE, agent_id)
            row = releases.propose(change, agent_id)
            where = f"/v1/agents/{agent_id}/releases/{row.id}"
            return answers(change.session, change.org, row)[0], {"ETag": f'"{row.revision}"', "Location": where}

        return post(registry, asking, None, act)

    @routes.get(
        "/v1/agents/{agent_id}/releases/{release_id}",
        summary="One release",
        responses=problems.responses(*problems.READS),
    )
    def get_release(
        caller: TheCaller, agent_id: AgentPath, release_id: ReleasePath, response: Response
    ) -> wire.Release:
        """A release with the digests of its parts, and who decided about it."""
        with registry.reading() as session:
            row = releases.get(session, caller.org, agent_id, release_id)
            tag(response, row.revision)
            return answers(session, caller.org, row)[0]

    @routes.get(
        "/v1/agents/{agent_id}/releases/{release_id}/parts/{digest}",
        summary="A part's content",
        responses=problems.responses(*problems.READS),
    )
    def get_part(caller: TheCaller, agent_id: AgentPath, release_id: ReleasePath, digest: PartPath) -> wire.PartContent:
        """Masked without `content:read`; null when it is kept elsewhere."""
        with registry.reading() as session:
            row = releases.get(session, caller.org, agent_id, release_id)
            if all(part["digest"] != digest for part in row.parts):
                raise Missing("part", digest)
            if not _may_see(session, caller, agent_id, log, f"release {release_id} part {digest}"):
                return wire.PartContent(digest=digest, content=None, masked=True)
            return wire.PartContent(digest=digest, content=releases.contents(session, caller.org, [digest]).get(digest))

    @routes.get(
        "/v1/agents/{agent_id}/releases/{release_id}/diff/{other_id}",
        summary="What differs",
        responses=problems.responses(*problems.READS),
    )
    def get_diff(
        caller: TheCaller,
        agent_id: AgentPath,
        release_id: ReleasePath,
        other_id: Annotated[str, Path(pattern=DIGEST, description="The release that came after")],
    ) -> wire.Diff:
        """Part by part what leads from the first release to the other; texts only with `content:read`."""
        with registry.reading() as session:
            before = releases.get(session, caller.org, agent_id, release_id)
            after = releases.get(session, caller.org, agent_id, other_id)
            contents = None
            if _may_see(session, caller, agent_id, log, f"diff {release_id} {other_id}"):
                digests = [part["digest"] for part in [*before.parts, *after.parts]]
                contents = releases.contents(session, caller.org, digests)
            changes = diff(before.parts, after.parts, contents)
            return wire.Diff(agent=agent_id, before=release_id, after=other_id, parts=changes)

    def decided(asking: TheAsking, agent_id: str, release_id: str, decision: wire.Verdict) -> Response:
        def act(change: Change) -> tuple[wire.Release, dict[str, str]]:
            check_agent(change, Scope.RELEASES_APPROVE, agent_id)
            row = releases.decide(change, agent_id, release_id, decision)
            return answers(change.session, change.org, row)[0], {"ETag": f'"{row.revision}"'}

        return post(registry, asking, decision, act, 200)

    @routes.post(
        "/v1/agents/{agent_id}/releases/{release_id}/decision",
        summary="Approve or reject",
        response_model=wire.Release,
        responses=problems.responses(*problems.CHANGES),
    )
    def decide_release(
        asking: TheAsking, agent_id: AgentPath, release_id: ReleasePath, decision: wire.Verdict
    ) -> Response:
        """By somebody who neither edited nor proposed it. `If-Match` names the release's revision."""
        return decided(asking, agent_id, release_id, decision)

    @routes.post(
        "/v1/agents/{agent_id}/releases/{release_id}/activate",
        summary="Make it the active one",
        response_model=wire.Release,
        responses=problems.responses(*problems.CHANGES),
    )
    def activate_release(asking: TheAsking, agent_id: AgentPath, release_id: ReleasePath) -> Response:
        """The agent is to run it from now on. `If-Match` names the agent's revision."""

        def act(change: Change) -> tuple[wire.Release, dict[str, str]]:
            check_agent(change, Scope.RELEASES_WRITE, agent_id)
            row = releases.activate(change, agent_id, release_id)
            return answers(change.session, change.org, row)[0], {}

        return post(registry, asking, None, act, 200)

    @routes.post(
        "/v1/agents/{agent_id}/release/rollback",
        summary="Go back",
        response_model=wire.Release,
        responses=problems.responses(*problems.CHANGES),
    )
    def roll_back(asking: TheAsking, agent_id: AgentPath) -> Response:
        """To the release that the active one names for this. `If-Match` names the agent's revision."""

        def act(change: Change) -> tuple[wire.Release, dict[str, str]]:
            check_agent(change, Scope.RELEASES_WRITE, agent_id)
            return answers(change.session, change.org, releases.roll_back(change, agent_id))[0], {}

        return post(registry, asking, None, act, 200)

    @routes.get("/v1/agents/{agent_id}/release", summary="What it runs", responses=problems.responses(*problems.READS))
    def get_active_release(caller: TheCaller, agent_id: AgentPath, response: Response) -> wire.ActiveRelease:
        """The active release: an agent asks for its own with its token."""
        with registry.reading() as session:
            row = agents.get(session, caller.org, agent_id)
            if caller.kind not in (Kind.PERSON, Kind.LOCAL):
                check_reach(caller, Scope.RELEASE_READ, row)
            active = releases.active(session, caller.org, agent_id)
            since = releases.active_since(session, caller.org, agent_id, active.id)
            tag(response, active.revision)
            return wire.ActiveRelease(agent=agent_id, release=answers(session, caller.org, active)[0], since=since)

    return routes


def _may_see(session: Session, caller: Caller, agent_id: str, log: ReadLog, what: str) -> bool:
    """Whether contents may be seen; if so, that they were is noted first."""
    row = agents.get(session, caller.org, agent_id)
    held = reach(caller, Scope.CONTENT_READ)
    seen = held.covers(row.id, owners=(row.owner, row.backup_owner), team=row.team)
    if seen:
        log.note(caller, f"agent {agent_id} {what}")
    return seen


def drafted(row: Draft, seen: bool) -> wire.Draft:
    document = row.document
    if not seen:
        masked = [{**part, "content": None if part["content"] is None else ""} for part in document["parts"]]
        document = {**document, "parts": masked}
    return wire.Draft.model_validate(
        {
            "agent": row.agent,
            "revision": row.revision,
            "editors": row.editors,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "bundle": document,
        }
    )


def answers(session: Session, org: str, *rows: Release) -> list[wire.Release]:
    """With whether each is its agent's active one."""
    asked = select(Agent.id, Agent.active_release).where(Agent.org == org, Agent.id.in_({row.agent for row in rows}))
    active = {row.id: row.active_release for row in session.execute(asked)}
    return [
        wire.Release.model_validate(
            {
                **{name: getattr(row, name) for name in wire.Release.model_fields if name != "active"},
                "active": active[row.agent] == row.id,
            }
        )
        for row in rows
    ]
