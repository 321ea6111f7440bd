"""The page behind a notice's link. GET shows, since mail scanners open links; POST decides, once."""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from inventory import problems
from inventory.anchors import Signer
from inventory.auth.caller import Caller, Kind
from inventory.contract import lifecycle as wire
from inventory.db import cases as db
from inventory.db.models import Agent
from inventory.registry import agents
from inventory.registry.change import Asking, Registry
from inventory.registry.errors import Rejection, Unfit
from lifecycle import cases, deciding, links, notices, plans, telling
from lifecycle.looking import policies_of
from lifecycle.machine import OFF
from lifecycle.recipients import chain
from lifecycle.telling import TEMPLATES, About

_BY_LINK: Final = ("keep", "snooze", "transfer", "disable")
_OF_REASON: Final = {"violation": ("disable",), "ownerless": ("snooze", "transfer", "disable")}
"""A reported agent isn't cleared by its own owner; one that nobody answers for is kept by whoever does from now on."""
_GOOD, _BAD = "#2f855a", "#b7791f"
TokenPath = Annotated[str, Path(min_length=20, max_length=4000, pattern=r"^[A-Za-z0-9._-]+$")]


def review_routes(registry: Registry, signer: Signer, zone: str) -> APIRouter:
    routes = APIRouter(tags=["review"])
    answers = _pages(410, 422)

    @routes.get("/review/{token}", summary="Show a case", response_class=HTMLResponse, responses=answers)
    def show_review(token: TokenPath) -> HTMLResponse:
        """What the notice was about, and the decisions that there are. Nothing is changed by looking."""
        nonce = secrets.token_urlsafe(12)
        with registry.reading() as session:
            try:
                link, notice, case = links.read(signer, session, token, registry.now())
            except links.LinkError as error:
                return _said(error.title, [error.detail, error.remedy], _BAD, error.status)
            agent = session.get_one(Agent, (link.org, notice.agent))
            spec = policies_of(session, link.org)[case.policy].spec
            because = next(
                (one.why for one in chain(session, agent, spec) if one.person == notice.recipient), "you were told"
            )
            steps = [step for step in plans.rows(session, case) if step.stage == "disable"]
            past = [one for one in notices.of_case(session, case) if one.sent_at is not None]
            needed_by = agents.used_by(session, link.org, agent.id)
            values = telling.body(About(notice, case, agent, spec, because, "", steps, needed_by, past), zone)
            more = {
                "nonce": nonce,
                "off": case.state in OFF,
                "seals": {action: links.form_seal(signer, token, action) for action in _possible(case)},
                "snoozes": spec.snoozes,
                "snoozes_left": max(0, spec.snoozes - case.snoozes),
                "snooze_days": spec.snooze_days,
                "attested_days": spec.attested_days,
                "review_days": spec.schedule.review,
                "recipient": notice.recipient,
                "expires": f"{link.expires_at:%Y-%m-%d %H:%M}",
            }
        return _page("review.html", {**values, **more}, nonce)

    @routes.post(
        "/review/{token}",
        summary="Decide by a notice's link",
        response_class=HTMLResponse,
        responses=_pages(400, 403, 404, 409, 410, 412, 422, 428),
    )
    def decide_review(
        request: Request,
        token: TokenPath,
        decision: Annotated[str, Form(max_length=20)],
        seal: Annotated[str, Form(max_length=200)],
        reason: Annotated[str, Form(max_length=4000)] = "",
        days: Annotated[str, Form(max_length=10)] = "",
        to: Annotated[str, Form(max_length=200)] = "",
    ) -> HTMLResponse:
        """Keep, snooze, transfer or disable now. The link is used up by it; retiring and exempting need a sign-in."""
        try:
            return _said(*_decided(request, token, decision, seal, reason, days, to), _GOOD, 200)
        except Unfit as error:
            lines = [f"{name.removeprefix('body.')}: {why}" for name, why, _ in error.fields]
            return _said(
                "That can't be done as it was given", [*lines, "Go back and mend it: nothing was decided."], _BAD, 422
            )
        except Rejection as error:
            return _said(error.title, [error.detail, error.remedy], _BAD, error.status)

    def _decided(
        request: Request, token: str, decision: str, seal: str, reason: str, days: str, to: str
    ) -> tuple[str, list[str]]:
        if decision not in _BY_LINK or not hmac.compare_digest(
            seal.encode(), links.form_seal(signer, token, decision).encode()
        ):
            raise Rejection(
                "This can't be decided by a link", "Retiring and exempting need somebody who is signed in.",
                "use muster lifecycle decide, or the button as it stood on the page", "forbidden",
            )  # fmt: skip
        asked = _asked(decision, reason, days, to)
        with registry.reading() as session:
            link, notice, _ = links.read(signer, session, token, registry.now())
        caller = Caller(link.org, f"link:{link.recipient}", Kind.PERSON, link.recipient)
        with registry.changing(Asking(caller, request.state.request_id)) as change:
            _, notice, _ = links.read(signer, change.session, token, change.at)
            notice.used_at = change.at
            if decision not in _possible(cases.get(change.session, link.org, link.case)):
                raise Rejection(
                    "This can't be decided by a link", "It isn't the owner's to decide.",
                    "somebody who is signed in, and may enforce policies, decides it", "forbidden",
                )  # fmt: skip
            case = deciding.decide(change, link.case, asked)
            change.record("used", "notice", notice.id, None, {"case": link.case, "decision": decision})
            agent = change.session.get_one(Agent, (link.org, case.agent))
            return _told(decision, agent.name, case)

    return routes


def _possible(case: db.Case) -> tuple[str, ...]:
    """What a link may decide now."""
    found = _OF_REASON.get(case.reason, _BY_LINK)
    return tuple(one for one in found if one in ("keep", "transfer")) if case.state in OFF else found


def _pages(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses answer with a page; what isn't even a form or a link, with a problem."""
    told = problems.responses(*(set(statuses) - {410}))
    page = {"text/html": {"schema": {"type": "string"}}}
    gone: dict[int | str, dict[str, Any]] = (
        {410: {"description": "The link decides nothing any more", "content": page}} if 410 in statuses else {}
    )
    return {**{status: {**one, "content": {**one["content"], **page}} for status, one in told.items()}, **gone}


def _asked(decision: str, reason: str, days: str, to: str) -> wire.Decide:
    given: dict[str, Any] = {"decision": decision, "reason": reason.strip()}
    if days.strip():
        given["days"] = int(days) if days.strip().isdecimal() else days
    if to.strip():
        given["to"] = to.strip()
    try:
        return wire.Decide.model_validate(given)
    except ValidationError as error:
        raise Unfit(
            *((".".join(["body", *map(str, one["loc"])]), one["msg"], "") for one in error.errors(include_input=False))
        ) from None


def _told(decision: str, name: str, case: db.Case) -> tuple[str, list[str]]:
    if decision == "keep" and case.locked is not None:
        return f"{name} is being given back", [
            "All that was switched off is put back as it was, within minutes.",
            "Your word is kept.",
        ]
    if decision == "keep":
        return f"{name} stays", ["Your word is kept, with your name and the reason.", "Nothing else needs to be done."]
    if decision == "snooze":
        return f"{name} is left alone until {case.snoozed_until:%Y-%m-%d}", [
            "You are warned once more before anything is done."
        ]
    if decision == "transfer":
        return f"{name} is handed over", ["Its new owner is told, and asked."]
    return f"{name} is being disabled", ["It is off within minutes. You get a notice with the way back."]


def _said(title: str, lines: list[str], colour: str, status: int) -> HTMLResponse:
    nonce = secrets.token_urlsafe(12)
    return _page("said.html", {"title": title, "lines": lines, "colour": colour, "nonce": nonce}, nonce, status)


def _page(name: str, values: dict[str, Any], nonce: str, status: int = 200) -> HTMLResponse:
    headers = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
    }
    return HTMLResponse(TEMPLATES.get_template(name).render(values), status, headers)
