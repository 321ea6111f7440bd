"""Who may do what: every route for every role, kind of token and scope, as the policy's tables say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.testclient import TestClient

from collector.store import reads
from inventory.auth.authenticator import Authenticator
from inventory.auth.caller import Caller, Kind
from inventory.auth.policy import ALL, ANYBODY, MACHINES, PUBLIC, ROLES, ROUTES, Scope, Whole, reach
from inventory.auth.roles import Grant, Role
from inventory.services import Inventory
from tests.inventory.access import Everybody, inventory
from tests.inventory.registry.asking import person, ready
from tests.inventory.whole import whole_app

_HARMLESS_FOR_ALL = {Scope.TELEMETRY_READ, Scope.REGISTRY_READ, Scope.RELEASE_READ}


class NoStore:
    """Answers every read with an error that says so."""

    def reader(self) -> AbstractContextManager[Client]:
        raise reads.Unavailable("there is none")

    def spare_reader(self) -> AbstractContextManager[Client | None]:
        raise reads.Unavailable("there is none")

    def client(self) -> Client:
        raise reads.Unavailable("there is none")


def _callers() -> dict[str, Caller]:
    """One of each: every role for the organisation and for a team, every kind of token, every scope alone."""
    people = {
        f"{role.value} of {'the organisation' if team is None else team}": Caller(
            "default", "person:me", Kind.PERSON, "me", (Grant(role, "default", team),)
        )
        for role in Role
        for team in (None, "support")
    }
    machines = {kind.value: Caller("default", "token:tok_1", kind, agents=frozenset({"mine"})) for kind in MACHINES}
    everything = tuple(Grant(role, "default") for role in Role)
    narrowed = {
        f"a token narrowed to {scope.value}": Caller(
            "default", "person:me", Kind.PERSON, "me", everything, scopes=frozenset({scope.value})
        )
        for scope in Scope
    }
    elsewhere = Caller("default", "person:me", Kind.PERSON, "me", (Grant(Role.ADMIN, "other"),))
    return {**people, **machines, **narrowed, "admin of another organisation": elsewhere,
            "nobody in particular": Caller("default", "person:me", Kind.PERSON, "me")}  # fmt: skip


CALLERS = _callers()


def _lets(needed: Scope | Whole | str | None, caller: Caller) -> bool:
    """Read off the tables, without the code that does."""
    if needed is PUBLIC or needed == ANYBODY:
        return True
    scope = needed.scope if isinstance(needed, Whole) else Scope(needed)
    if caller.scopes is not None and scope not in caller.scopes:
        return False
    if caller.kind in MACHINES:
        return scope in MACHINES[caller.kind] and not isinstance(needed, Whole)
    found = [
        (ROLES[grant.role][scope], grant.team)
        for grant in caller.grants
        if grant.org == caller.org and scope in ROLES[grant.role]
    ]
    if isinstance(needed, Whole):
        return any(how == ALL and (team is None or scope in _HARMLESS_FOR_ALL) for how, team in found)
    return bool(found)


@pytest.fixture(scope="module")
def known() -> Everybody:
    return Everybody(CALLERS["admin of the organisation"])


@pytest.fixture(scope="module")
def services(known: Everybody, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return inventory(tmp_path_factory.mktemp("policy"), known)


@pytest.fixture(scope="module")
def app(services: Inventory) -> FastAPI:
    return whole_app(NoStore(), services)


@pytest.fixture(scope="module")
def http(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def _routes(app: FastAPI) -> list[tuple[str, str]]:
    found = []
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            assert route.path
            found += [(method, route.path) for method in route.methods or ()]
    return found


def test_every_route_has_a_row_and_every_row_a_route(app: FastAPI) -> None:
    assert sorted(_routes(app)) == sorted(ROUTES)


def _filled(path: str) -> str:
    values = {"agent_id": "mine", "trace_id": "0" * 32, "span_id": "0" * 16, "person_id": "me", "team_id": "support",
              "token_id": "tok_0000000000000000", "slo_id": "none", "policy_id": "none", "name": "none",
              "case_id": "case_0000000000000000", "request_id": "req_0000000000000000",
              "package_id": "pkg_0000000000000000", "work_id": "work_0000000000000000",
              "hold_id": "hold_0000000000000000", "disposition_id": "disp_0000000000000000",
              "schedule_id": "none",
              "approval_id": "apr_0000000000000000", "finding_id": "fnd_0000000000000000"}  # fmt: skip
    return re.sub(r"{(\w+)(:path)?}", lambda found: values.get(found[1], "sha256:" + "0" * 64), path)


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_a_route_answers_those_whom_the_policy_names_and_nobody_else(
    http: TestClient, known: Everybody, method: str, path: str
) -> None:
    wrong = []
    for name, caller in CALLERS.items():
        known.is_now = caller
        sent: dict[str, Any] = {"json": {}} if method in ("POST", "PUT") else {}
        response = http.request(method, _filled(path), **sent)
        said = response.json() if "json" in response.headers.get("content-type", "") else {}
        let = response.status_code not in (401, 403) and said.get("type") != "urn:muster:problem:no-policy"
        if let != _lets(ROUTES[method, path], caller):
            wrong.append(f"{name}: {response.status_code} {response.text[:200]}")
        assert response.status_code != 500
    assert not wrong


def test_nobody_gets_in_without_credentials(tmp_path: Path) -> None:

    services = inventory(tmp_path)
    authenticator = Authenticator(services.registry.database, admin=b"x" * 32)
    app = whole_app(NoStore(), inventory(tmp_path, authenticator, services.registry.database))
    with TestClient(app) as client:
        for method, path in ROUTES:
            for authorization in (None, "Bearer x", "Basic eDp5", "Bearer muster_unknown", "Bearer"):
                headers = {"authorization": authorization} if authorization else {}
                response = client.request(method, _filled(path), headers=headers)
                assert (response.status_code == 401) == (ROUTES[method, path] is not PUBLIC), (method, path)
                if response.status_code == 401:
                    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", [Role.OWNER, Role.VIEWER])
def test_an_owner_changes_their_agents_and_no_others(http: TestClient, known: Everybody, role: Role) -> None:
    for name in ("me", "you"):
        known.is_now = CALLERS["admin of the organisation"]
        http.put(f"/v1/people/{name}", json={"name": name})
    spec = ready("me").model_dump(mode="json")
    for name, owner in ((f"mine-{role}", "me"), (f"yours-{role}", "you")):
        known.is_now = CALLERS["admin of the organisation"]
        created = http.post("/v1/agents", json={"id": name, "spec": {**spec, "owner": owner}})
        assert created.status_code == 201
        known.is_now = person("me", role)
        answer = http.post(f"/v1/agents/{name}/activate", json={}, headers={"if-match": "*"})
        assert answer.status_code == (200 if owner == "me" and role is Role.OWNER else 403)


def test_a_scope_never_reaches_beyond_the_grants_team() -> None:
    for role in Role:
        for scope in Scope:
            held = reach(Caller("default", "person:me", Kind.PERSON, "me", (Grant(role, "default", "support"),)), scope)
            if scope not in _HARMLESS_FOR_ALL:
                assert not held.everything
            assert not held.covers("x", owners=("you",), team="other") or scope in _HARMLESS_FOR_ALL
