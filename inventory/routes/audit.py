"""Routes of the audit log, the registry's search, and the registry as files."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from inventory import audit, problems
from inventory.anchors import Anchor, Signer, anchored_heads
from inventory.contract import people as wire
from inventory.contract.words import Instant, Maybe
from inventory.db.models import Audit
from inventory.queries import in_range
from inventory.registry import finding, pages
from inventory.registry.change import Registry
from inventory.routes.agents import Limit, PageQuery
from inventory.routes.door import TheCaller


class AuditQuery(PageQuery):
    """Filters of the log; all that are given must hold."""

    kind: Annotated[Maybe, Field(description="Of the object", examples=["agent"])] = ""
    object: Annotated[Maybe, Field(description="Its id", examples=["support-drafter"])] = ""
    actor: Annotated[Maybe, Field(examples=["person:alice@example.org"])] = ""
    action: Annotated[Maybe, Field(examples=["release.approve"])] = ""
    since: Instant | None = None
    until: Instant | None = None


class FindQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: Annotated[Maybe, Field(min_length=1, description="Beginnings of words", examples=["support dra"])]
    kind: Annotated[list[Literal["agent", "release", "slo", "person", "team"]], Field(max_length=5)] = []
    limit: Limit = 50


def audit_routes(registry: Registry, anchor: Anchor, signer: Signer) -> APIRouter:
    routes = APIRouter()

    @routes.get("/v1/audit", tags=["audit"], summary="The log", responses=problems.responses(401, 403, 422, 429, 503))
    def list_audit(caller: TheCaller, query: Annotated[AuditQuery, Query()]) -> wire.AuditPage:
        """Who changed what, newest first; follow `next` for more."""
        of = ["audit", caller.org, query.model_dump(mode="json", exclude={"limit", "cursor"})]
        last = pages.after(query.cursor, of, (int,))
        asked = select(Audit).where(Audit.org == caller.org).order_by(Audit.seq.desc()).limit(query.limit + 1)
        for column, value in (
            (Audit.kind, query.kind),
            (Audit.object, query.object),
            (Audit.actor, query.actor),
            (Audit.action, query.action),
        ):
            if value:
                asked = asked.where(column == value)
        if query.since is not None:
            asked = asked.where(Audit.at >= in_range("since", query.since))
        if query.until is not None:
            asked = asked.where(Audit.at < in_range("until", query.until))
        if last is not None:
            asked = asked.where(Audit.seq < last[0])
        with registry.reading() as session:
            rows, more = pages.cut(session.scalars(asked).all(), query.limit)
            return wire.AuditPage(
                entries=[entry(row) for row in rows], next=pages.cursor(of, [rows[-1].seq]) if more else None
            )

    @routes.get(
        "/v1/audit/verify", tags=["audit"], summary="Verify it", responses=problems.responses(401, 403, 429, 503)
    )
    def verify_audit() -> wire.AuditVerdict:
        """Walk the whole chain, and compare it with the heads that were signed and kept outside."""
        heads = anchored_heads(anchor, signer)
        with registry.reading() as session:
            verdict = audit.verify(session, heads)
        return wire.AuditVerdict(
            intact=verdict.intact,
            entries=verdict.entries,
            head=verdict.head.hash,
            head_seq=verdict.head.seq,
            anchors=verdict.anchors,
            last_anchored=max((head.seq for head in heads), default=None),
            breaks=[wire.AuditBreak(seq=one.seq, reason=one.reason) for one in verdict.breaks],
        )

    @routes.get(
        "/v1/registry/search",
        tags=["registry"],
        summary="Find by words",
        responses=problems.responses(401, 403, 422, 429, 503),
    )
    def find(caller: TheCaller, query: Annotated[FindQuery, Query()]) -> wire.FoundPage:
        """Agents, releases, definitions, people and teams that have words which begin with each of these."""
        with registry.reading() as session:
            found, more = finding.find(session, caller.org, query.words, query.limit, query.kind)
            return wire.FoundPage(found=found, truncated=more)

    return routes


def entry(row: Audit) -> wire.AuditEntry:
    return wire.AuditEntry(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        action=row.action,
        kind=row.kind,
        object=row.object,
        before=None if row.before is None else json.loads(row.before),
        after=None if row.after is None else json.loads(row.after),
        request_id=row.request_id,
        previous=row.previous,
        hash=row.hash,
    )
