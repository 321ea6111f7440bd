"""Routes of findings, and of the week's list for people to talk about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store import findings as store_findings
from inventory import problems
from inventory import wire as of_store
from inventory.contract import findings as wire
from inventory.contract.agents import Reason
from inventory.contract.words import Name, Slug
from inventory.db.findings import Finding
from inventory.db.models import Agent
from inventory.envelope import schema
from inventory.findings.definitions import definitions
from inventory.findings.weekly import review_list
from inventory.readers import Readers
from inventory.registry import findings
from inventory.registry.change import Change, Registry
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheAsking, TheCaller, post, tag

FindingPath = Annotated[str, Path(pattern=r"^fnd_[0-9a-f]{16}$", examples=["fnd_0123456789abcdef"])]
_HITS = 200


class FindingQuery(PageQuery):
    """Filters of the list; all that are given must hold. Without a state: those that stand, accepted ones too."""

    state: wire.FindingState | None = None
    finding: Slug | None = None
    severity: wire.Severity | None = None
    agent: Name | None = None
    control: Annotated[Name | None, Query(examples=["AC-6"])] = None


class ReviewQuery(BaseModel):
    model_config = PageQuery.model_config

    days: Annotated[int, Query(ge=1, le=31)] = 7


def finding_routes(registry: Registry, store: Readers) -> APIRouter:
    routes = APIRouter(tags=["findings"])
    listed, changes = problems.responses(401, 403, 422, 429, 503), problems.responses(401, 403, 404, 409, 422, 429, 503)

    @routes.get("/v1/findings", summary="Findings", responses=listed)
    def list_findings(caller: TheCaller, query: Annotated[FindingQuery, Query()]) -> wire.FindingPage:
        """Controls that failed, the most severe first; follow `next` for more."""
        with registry.reading() as session:
            filters = query.model_dump(exclude={"limit", "cursor"})
            rows, cursor = findings.listed(session, caller.org, query.limit, query.cursor, **filters)
            progress = findings.progress(session, caller.org)
            return wire.FindingPage(
                as_of=registry.now(), looked=progress.looked_at if progress else None,
                findings=answers(session, caller.org, rows), next=cursor,
            )  # fmt: skip

    @routes.get("/v1/finding-definitions", summary="What is looked for", responses=listed)
    def list_definitions(caller: TheCaller) -> wire.FindingDefinitions:
        """Each with its severity, its controls, its remedy and its SQL."""
        with registry.reading() as session:
            progress, open_ = findings.progress(session, caller.org), findings.counts(session, caller.org)
        return wire.FindingDefinitions(
            as_of=registry.now(), looked=progress.looked_at if progress else None,
            until=progress.until if progress else None,
            definitions=[
                wire.FindingDefinition.model_validate(
                    {name: getattr(one, name) for name in ("name", "title", "severity", "why", "remedy", "of", "sql")}
                    | {"controls": list(one.controls), "open": open_.get(one.name, 0)}
                )
                for one in definitions().values()
            ],
        )  # fmt: skip

    @routes.get("/v1/findings/{finding_id}", summary="One finding", responses=problems.responses(*problems.READS))
    def get_finding(caller: TheCaller, finding_id: FindingPath, response: Response) -> wire.FindingDetail:
        """With its history, and what exactly was done."""
        with registry.reading() as session:
            row = findings.get(session, caller.org, finding_id)
            (answer,) = answers(session, caller.org, [row])
            events = [
                wire.FindingEvent(at=event.at, what=event.what, by=event.by, details=event.details)
                for event in findings.events(session, row)
            ]
        tag(response, answer.revision)
        with store.reader() as client:
            hits = store_findings.hits(client, caller.org, answer.finding, answer.key, _HITS)
        definition = definitions().get(answer.finding)
        return wire.FindingDetail(
            finding=answer, why=definition.why if definition else "", remedy=definition.remedy if definition else "",
            sql=definition.sql if definition else "", events=events,
            hits=[
                wire.FindingHit(
                    trace_id=hit.trace_id, span_id=hit.span_id, at=of_store.moment(hit.at_ns), agent=hit.agent,
                    details=dict(hit.details),
                )
                for hit in hits
            ],
        )  # fmt: skip

    @routes.post(
        "/v1/findings/{finding_id}/accept", summary="Live with it", response_model=wire.Finding, responses=changes
    )
    def accept_finding(asking: TheAsking, finding_id: FindingPath, given: wire.AcceptFinding) -> Response:
        """Until a day, for a reason; it stands again afterwards."""
        return post(
            registry, asking, given, lambda change: _one(change, findings.accept(change, finding_id, given)), 200
        )

    @routes.post(
        "/v1/findings/{finding_id}/reopen", summary="Don't live with it", response_model=wire.Finding, responses=changes
    )
    def reopen_finding(asking: TheAsking, finding_id: FindingPath, given: Reason) -> Response:
        """It stands again."""
        return post(
            registry, asking, given, lambda change: _one(change, findings.reopen(change, finding_id, given.reason)), 200
        )

    @routes.get("/v1/review-list", summary="What a week left to talk about", responses=listed)
    def get_review_list(caller: TheCaller, query: Annotated[ReviewQuery, Query()]) -> wire.ReviewList:
        """Overrides, rejections, decisions that nobody made, findings that recur."""
        now = registry.now()
        with registry.reading() as session:
            return review_list(session, caller.org, now - timedelta(days=query.days), now)

    @routes.get("/v1/schemas/task-envelope", summary="The task envelope's schema")
    def get_schema() -> dict[str, object]:
        """JSON Schema of what agents sign (`inventory.envelope`)."""
        return schema()

    return routes


def _one(change: Change, row: Finding) -> tuple[wire.Finding, dict[str, str]]:
    (answer,) = answers(change.session, change.org, [row])
    return answer, {"ETag": f'"{row.revision}"'}


def answers(session: Session, org: str, rows: Iterable[Finding]) -> list[wire.Finding]:
    """With what their files say, and whose agents they are."""
    rows = list(rows)
    names = {row.agent for row in rows}
    asked = session.execute(select(Agent.id, Agent.owner).where(Agent.org == org, Agent.id.in_(names)))
    owners = {row[0]: row[1] for row in asked}
    found = []
    for row in rows:
        definition = definitions().get(row.finding)
        fields = {name: getattr(row, name) for name in wire.Finding.model_fields if hasattr(row, name)}
        fields |= {
            "title": definition.title if definition else row.finding,
            "controls": list(definition.controls) if definition else [], "owner": owners.get(row.agent),
        }  # fmt: skip
        found.append(wire.Finding.model_validate(fields))
    return found
