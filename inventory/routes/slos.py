"""Routes of service level objectives."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from inventory import problems
from inventory.auth.policy import Scope
from inventory.contract import slos as wire
from inventory.contract.words import SLUG, Slug
from inventory.db.models import Slo
from inventory.registry import agents, slos
from inventory.registry.change import Change, Registry
from inventory.registry.errors import Clash, Missing, Unfit
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheAsking, TheCaller, check_reach, post, tag
from inventory.slos import burn, definition
from inventory.slos.durations import written

SloPath = Annotated[str, Path(pattern=SLUG, description="The objective's id", examples=["drafter-available"])]


class SloQuery(PageQuery):
    agent: Slug | None = None


def slo_routes(registry: Registry) -> APIRouter:
    routes = APIRouter(tags=["slos"])

    @routes.get("/v1/slos", summary="List objectives", responses=problems.responses(*problems.READS))
    def list_slos(caller: TheCaller, query: Annotated[SloQuery, Query()]) -> wire.SloPage:
        """By id; follow `next` for more."""
        with registry.reading() as session:
            rows, cursor = slos.listed(session, caller.org, query.limit, query.cursor, query.agent)
            return wire.SloPage(slos=[answer(row) for row in rows], next=cursor)

    @routes.get("/v1/slos/{slo_id}", summary="One objective", responses=problems.responses(*problems.READS))
    def get_slo(caller: TheCaller, slo_id: SloPath, response: Response) -> wire.Slo:
        """With what it counts, and above which share of failures each of its alerts fires."""
        with registry.reading() as session:
            row = slos.get(session, caller.org, slo_id)
            tag(response, row.revision)
            return answer(row)

    @routes.put(
        "/v1/slos/{slo_id}",
        summary="Add or change an objective",
        responses={201: {"model": wire.Slo, "description": "It is new"}, **problems.responses(*problems.CHANGES)},
    )
    def put_slo(asking: TheAsking, slo_id: SloPath, given: wire.SloGiven, response: Response) -> wire.Slo:
        """One whose alerts can never fire is refused, with the arithmetic. `If-Match` for one that is there."""
        wanted = slos.parsed(given.openslo, slo_id, "body.openslo")
        with registry.changing(asking) as change:
            _reached(change, wanted)
            row, new = slos.put(change, wanted)
            response.status_code = 201 if new else 200
            tag(response, row.revision)
            return answer(row)

    @routes.delete(
        "/v1/slos/{slo_id}",
        summary="Remove an objective",
        status_code=204,
        responses=problems.responses(*problems.CHANGES),
    )
    def delete_slo(asking: TheAsking, slo_id: SloPath) -> None:
        """`If-Match` names its revision. What it was stays in the versions and the audit log."""
        with registry.changing(asking) as change:
            _reached(change, slos.definition_of(slos.get(change.session, change.org, slo_id)))
            slos.delete(change, slo_id)

    @routes.post(
        "/v1/slos/import",
        summary="Take OpenSLO",
        response_model=wire.SloImported,
        responses=problems.responses(401, 403, 404, 409, 422, 429, 503),
    )
    def import_slos(asking: TheAsking, given: wire.SloText) -> Response:
        """All objectives of a YAML text, or none."""
        wanted = slos.read(given.text)

        def act(change: Change) -> tuple[wire.SloImported, dict[str, str]]:
            became: dict[str, list[str]] = {"created": [], "updated": [], "unchanged": []}
            for slo in wanted:
                _reached(change, slo)
                row = change.session.get(Slo, (change.org, slo.id), with_for_update=True)
                revision = None if row is None else row.revision
                if row is not None and row.document != slo.model_dump(mode="json") and not given.replace:
                    raise Clash(f"{slo.id} is there", "It is another definition.", "send replace: true to change it")
                row, new = slos.set_slo(change, row, slo)
                became["created" if new else "unchanged" if row.revision == revision else "updated"].append(slo.id)
            return wire.SloImported.model_validate(became), {}

        return post(registry, asking, given, act, 200)

    return routes


def _reached(change: Change, slo: definition.Slo) -> None:
    """Raises Unfit for an agent that isn't, Forbidden for one beyond reach."""
    try:
        agent = agents.get(change.session, change.org, slo.agent)
    except Missing:
        raise Unfit(("body.spec.service", f"there is no agent {slo.agent}", "name the agent whose it is")) from None
    check_reach(change.asking.caller, Scope.SLOS_WRITE, agent)


def answer(row: Slo) -> wire.Slo:
    slo = slos.definition_of(row)
    alerts = [
        wire.SloAlert(
            burn=format(alert.burn, "f"),
            long=written(alert.long),
            short=written(alert.short),
            severity=alert.severity,
            fires_above=format(burn.fires_above(slo, alert).normalize(), "f"),
        )
        for alert in slo.alerts
    ]
    return wire.Slo(
        id=slo.id,
        agent=slo.agent,
        revision=row.revision,
        indicator=slo.indicator,
        counts=definition.INDICATORS[slo.indicator],
        target=None if slo.target is None else format(slo.target, "f"),
        value=None if slo.value is None else format(slo.value, "f"),
        window=written(slo.window),
        minimum_events=slo.minimum_events,
        alerts=alerts,
        openslo=slos.openslo_of(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
