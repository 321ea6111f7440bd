"""The page behind a link: it shows, it decides once, and a mail scanner that follows links changes nothing."""

from __future__ import annotations

import itertools
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from collector.store.connection import Store
from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.db.engine import Database
from lifecycle import deciding, links, policies
from tests.lifecycle.people import forms, opened, pressed
from tests.lifecycle.smtp import Box
from tests.lifecycle.test_flow import ALICE, BOB
from tests.lifecycle.world import DAY, World

_numbers = itertools.count(1)


@pytest.fixture
def world(store: Store, sqlite: Database, tmp_path: Path, box: Box) -> World:
    made = World(store, sqlite, tmp_path, box, org=f"review-{next(_numbers)}")
    for who in (ALICE, BOB):
        made.person(who)
    made.policy()
    made.agent("drafter", ALICE, backup_owner=BOB)
    made.active("drafter")
    made.until("noticed", "drafter")
    return made


def link(world: World, number: int = -1) -> str:
    return world.box.received[number].links[0]


def test_looking_changes_nothing_however_often(world: World) -> None:
    before = [vars(case) for case in world.cases()]
    for _ in range(3):
        page = opened(world.pages, link(world))
        assert page.status_code == 200
        assert set(forms(page.text)) == {"keep", "snooze", "transfer", "disable"}
        assert world.pages.head(urlsplit(link(world)).path).status_code == 405
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    after = [vars(case) for case in world.cases()]
    assert [{k: v for k, v in one.items() if k[0] != "_"} for one in before] == [
        {k: v for k, v in one.items() if k[0] != "_"} for one in after
    ]


def test_a_link_decides_once(world: World) -> None:
    done = pressed(world.pages, link(world), "keep", reason="at the end of the year")
    assert done.status_code == 200
    assert "Drafter stays" in done.text
    case = world.case("drafter")
    assert case is not None
    assert case.state == "attested"
    (event,) = world.rows(db.CaseEvent, case=case.id, action="attest")
    assert (event.actor, event.details["reason"]) == (f"link:{ALICE}", "at the end of the year")
    again = opened(world.pages, link(world))
    assert again.status_code == 410
    assert "This was decided already" in again.text


@pytest.mark.parametrize(
    ("decision", "typed", "says"),
    [
        ("keep", {"reason": "  "}, "needs a reason"),
        ("transfer", {"to": "nobody@example.org"}, "is not known"),
        ("transfer", {}, "names the new owner"),
        ("snooze", {"days": "9000"}, "less than or equal to 366"),
        ("snooze", {"days": "soon"}, "valid integer"),
    ],
)
def test_what_cannot_be_done_is_said_and_the_link_is_still_good(
    world: World, decision: str, typed: dict[str, str], says: str
) -> None:
    refused = pressed(world.pages, link(world), decision, **typed)
    assert refused.status_code == 422
    assert says in refused.text
    assert pressed(world.pages, link(world), "snooze", days="3").status_code == 200


def test_a_form_is_good_for_its_own_decision_and_link_only(world: World) -> None:
    page = forms(opened(world.pages, link(world)).text)
    path = urlsplit(link(world)).path
    swapped = {**page["keep"], "decision": "disable"}
    assert world.pages.post(path, data=swapped).status_code == 400
    for decision in ("retire", "exempt"):
        assert world.pages.post(path, data={**page["keep"], "decision": decision, "reason": "x"}).status_code == 400
    world.days(8)
    other = urlsplit(link(world)).path
    assert other != path
    assert world.pages.post(other, data={**page["keep"], "reason": "x"}).status_code == 400
    assert world.case("drafter").state != "attested"  # type: ignore[union-attr]


def test_a_reported_agent_is_not_cleared_by_its_owners_link(world: World, box: Box) -> None:
    spec = PolicySpec(reason="violation", enforced=True, schedule=policies.DEFAULTS["violation-2"].schedule)
    world.policy(spec, "violation-2")
    with world.registry.changing(world.asking()) as change:
        deciding.violation(change, "drafter", "it mailed a stranger")
    before = len(box.received)
    world.days(1)
    (mail,) = [one for one in box.received[before:] if "was reported" in one.text]
    page = opened(world.pages, mail.links[0])
    assert set(forms(page.text)) == {"disable"}
    token = mail.links[0].rpartition("/")[2]
    sealed = {"decision": "keep", "seal": links.form_seal(world.signer, token, "keep"), "reason": "it is fine"}
    assert world.pages.post(urlsplit(mail.links[0]).path, data=sealed).status_code == 400
    assert pressed(world.pages, mail.links[0], "disable").status_code == 200


def test_a_link_that_was_changed_cut_or_made_up_is_none_of_ours(world: World) -> None:
    path = urlsplit(link(world)).path
    body, _, signature = path.rpartition(".")
    for wrong in (path[:-4], f"{body[:-2]}AA.{signature}", f"{body}.{signature[::-1]}", "/review/" + "A" * 100):
        assert world.pages.get(wrong).status_code in (410, 422), wrong


def test_a_link_ends_with_its_deadline_and_with_its_case(world: World) -> None:
    first = link(world)
    world.now += 45 * DAY
    page = opened(world.pages, first)
    assert page.status_code == 410
    assert "expired" in page.text
    world.now -= 45 * DAY
    world.active("drafter")
    world.days(1)
    assert "There is nothing left to decide" in opened(world.pages, first).text


def test_keep_on_the_page_after_disabling_gives_back(world: World) -> None:
    world.until("disabled", "drafter")
    world.mail()
    page = opened(world.pages, link(world))
    assert set(forms(page.text)) == {"keep", "transfer"}
    assert "is being given back" in pressed(world.pages, link(world), "keep", reason="needed").text
    world.evaluator.decisions(world.org, world.lease)
    assert world.state("drafter") == "active"


def test_a_transfer_asks_the_new_owner_from_the_beginning(world: World, box: Box) -> None:
    assert pressed(world.pages, link(world), "transfer", to=BOB).status_code == 200
    world.days(2)
    assert box.received[-1].to == BOB
    assert world.case("drafter").state == "noticed"  # type: ignore[union-attr]
