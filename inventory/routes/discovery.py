"""Routes of discovery."""

from __future__ import annotations

import logging
from typing import Annotated

from clickhouse_connect.driver.exceptions import ClickHouseError
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from collector.store.connection import StoreError
from collector.store.reads import ReadError
from inventory import discovery, problems
from inventory.auth.policy import Scope, reach
from inventory.contract import discovery as wire
from inventory.db.models import Agent
from inventory.db.models import Discovery as Row
from inventory.publishing import Publisher
from inventory.readers import Readers
from inventory.registry import agents
from inventory.registry.change import Change, Registry
from inventory.registry.objects import locked
from inventory.routes.agents import Limit
from inventory.routes.door import TheAsking, TheCaller, check_reach, post, refused

log = logging.getLogger(__name__)


class HistoryQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Limit = 100


def discovery_routes(registry: Registry, store: Readers, publisher: Publisher) -> APIRouter:
    routes = APIRouter(tags=["discovery"])

    @routes.get("/v1/discovery", summary="What differs", responses=problems.responses(401, 403, 429, 503))
    def discover(caller: TheCaller) -> wire.Discoveries:
        """Compare registry and telemetry now: shadows, ghosts, duplicates and orphans, and since when."""
        found = discovery.refresh(registry, store, caller.org)
        return wire.Discoveries(as_of=registry.now(), found=[answer(row) for row in found])

    @routes.get("/v1/discovery/history", summary="What differed", responses=problems.responses(401, 403, 422, 429, 503))
    def get_history(caller: TheCaller, query: Annotated[HistoryQuery, Query()]) -> wire.Discoveries:
        """What is closed: from when until when it was so, the newest first."""
        with registry.reading() as session:
            rows = discovery.history(session, caller.org, query.limit)
            return wire.Discoveries(as_of=registry.now(), found=[answer(row) for row in rows])

    @routes.post(
        "/v1/discovery/claim",
        summary="Claim telemetry",
        response_model=wire.Claimed,
        responses=problems.responses(401, 403, 404, 409, 422, 429, 503),
    )
    def claim(asking: TheAsking, given: wire.Claim) -> Response:
        """Give telemetry to an agent, in one step: it applies to all that was ever received."""

        def act(change: Change) -> tuple[wire.Claimed, dict[str, str]]:
            row, created = _claimed(change, given)
            return wire.Claimed(agent=row.id, revision=row.revision, created=created, keys=None), {}

        done = post(registry, asking, given, act, 200)
        keys = _resolved(publisher, asking.caller.org)
        claimed = wire.Claimed.model_validate_json(bytes(done.body))
        body = claimed.model_copy(update={"keys": keys}).model_dump_json()
        kept = {name: value for name, value in done.headers.items() if name != "content-length"}
        return Response(body, 200, kept, "application/json")

    return routes


def _resolved(publisher: Publisher, org: str) -> int | None:
    """The claim stands: where the engine can't be told now, it is told seconds later."""
    try:
        return publisher.resolve(org)
    except (ReadError, StoreError, ClickHouseError) as error:
        log.warning("a claim isn't published yet: %s", type(error).__name__)
        return None


def _claimed(change: Change, given: wire.Claim) -> tuple[Agent, bool]:
    caller = change.asking.caller
    if given.spec is not None:
        held = reach(caller, Scope.DISCOVERY_CLAIM)
        if not held.covers(given.agent, owners=(given.spec.owner, given.spec.backup_owner), team=given.spec.team):
            raise refused(caller, Scope.DISCOVERY_CLAIM, "an agent that is neither yours nor your team's")
        spec = given.spec.model_copy(update={"matchers": [given.matcher]})
        return agents.create(change, given.agent, spec), True
    row = locked(change.session, Agent, agents.KIND, change.org, given.agent)
    check_reach(caller, Scope.DISCOVERY_CLAIM, row)
    spec = agents.spec_of(row)
    if given.matcher not in spec.matchers:
        row = agents.update(change, row, spec.model_copy(update={"matchers": [*spec.matchers, given.matcher]}))
    return row, False


def answer(row: Row) -> wire.Discovered:
    return wire.Discovered.model_validate({name: getattr(row, name) for name in wire.Discovered.model_fields})
