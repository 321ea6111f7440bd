"""Every finding is triggered by what it is for, and not by what is much like it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from collector.signals import Method
from collector.store import findings as store_findings
from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.db.models import Organisation
from inventory.findings.definitions import SEVERITIES, definitions
from inventory.findings.keeping import Findings
from inventory.registry.change import Registry
from inventory.services import Inventory
from tests.inventory.access import inventory
from tests.inventory.findings.cases import CASES, Case, Scene, furnish
from tests.inventory.incidents.traffic import seal
from tests.inventory.telemetry import Sender

BAD, GOOD = "findings-bad", "findings-good"
FIRST = 0xF1000000


@dataclass(frozen=True)
class Seen:
    """Keys by finding, by organisation."""

    registry: Registry
    findings: Findings
    found: Mapping[str, Mapping[str, list[store_findings.Group]]]
    services: Inventory


def later() -> datetime:
    """Seals are made ahead of time, so that traces needn't rest first."""
    return datetime.now(UTC) + timedelta(minutes=10)


@pytest.fixture(scope="module")
def seen(store: Store, writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    services = inventory(tmp_path_factory.mktemp("findings"), store=store)
    registry = services.registry
    now = time.time_ns()
    with registry.database.writing() as session:
        for org in (BAD, GOOD):
            session.add(Organisation(id=org, name=org, created_at=registry.now()))
    for org, first in ((BAD, FIRST), (GOOD, FIRST + 0x100000)):
        for number, (name, case) in enumerate(CASES.items()):
            if org == GOOD and name == "unregistered-agent":
                case = Case(case.bad, case.good)
            scene = Scene(registry, org, name, first + number * 100, now)
            furnish(scene, case)
            made = case.bad if org == BAD else case.good
            who = case.good_identity if org == GOOD and case.good_identity is not None else case.identity
            identity = name if who is None else who
            sender = Sender(writer, org, identity, Method.TOKEN if identity else Method.NONE)
            sender.spans(*made(scene), resource={"deployment.environment.name": "production"})
    seal(store, tmp_path_factory.mktemp("seals"))
    looking = Findings(registry, store, services.publisher, clock=later)
    found: dict[str, dict[str, list[store_findings.Group]]] = {}
    for org in (BAD, GOOD):
        looking.run(org)
        by_name = found.setdefault(org, {})
        for group in store_findings.groups(store.client(), org, 0):
            by_name.setdefault(group.finding, []).append(group)
    return Seen(registry, looking, found, services)


def _mine(seen: Seen, org: str, name: str) -> list[store_findings.Group]:
    wanted = CASES[name].key
    return [
        group
        for group in seen.found[org].get(name, ())
        if (group.key == wanted if wanted else group.agent == name)
    ]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_finding_is_triggered_by_what_it_is_for(seen: Seen, name: str) -> None:
    (group,) = _mine(seen, BAD, name)
    assert group.hits >= 1
    assert group.details
    assert bool(group.traces) == (definitions()[name].of == "traces")


@pytest.mark.parametrize("name", CASES)
def test_a_finding_is_not_triggered_by_what_is_much_like_it(seen: Seen, name: str) -> None:
    assert _mine(seen, GOOD, name) == []


def test_every_finding_has_a_case_and_says_what_people_need() -> None:
    assert set(definitions()) == set(CASES)
    for definition in definitions().values():
        assert definition.severity in SEVERITIES
        assert all(control[:2].isupper() and "-" in control for control in definition.controls)
        assert definition.remedy.endswith(".")
        assert definition.why.endswith(".")
        assert not definition.title.endswith(".")
