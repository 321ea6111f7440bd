"""Notices as they arrive: text, HTML, calendar, digest, evidence; and what comes back."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from collector.store.connection import Store
from inventory.db import cases as db
from inventory.db.engine import Database
from inventory.db.models import Audit
from lifecycle.bounces import Bounces, read
from lifecycle.mail import Mailer
from lifecycle.settings import MailSettings
from tests.lifecycle.smtp import Box, report
from tests.lifecycle.test_flow import ALICE, BOB
from tests.lifecycle.world import DAY, World

_numbers = itertools.count(1)


@pytest.fixture
def world(store: Store, sqlite: Database, tmp_path: Path, box: Box) -> World:
    opened = World(store, sqlite, tmp_path, box, org=f"notices-{next(_numbers)}")
    opened.person(ALICE)
    opened.person(BOB)
    opened.policy()
    return opened


def test_a_notice_answers_what_happened_what_to_do_and_how_it_is_known(world: World, box: Box) -> None:
    world.agent("drafter", ALICE, backup_owner=BOB, classification="restricted", high_impact=True)
    world.active("drafter")
    case = world.until("noticed", "drafter")
    (mail,) = box.received
    gone = (case.since + 90 * DAY).strftime("%Y-%m-%d")
    assert mail.subject == f"Drafter is disabled {gone} unless somebody answers for it"
    for text in (mail.text, mail.html):
        for said in (
            "has done nothing that we could see since 2026-01-01 06:00 UTC (76 days)",
            "Last activity: 2026-01-01 06:00 UTC (span)",
            "Telemetry is known to come through",
            "can be undone in one step for 30 days",
            "suspend ingest token drafter",
            "restricted, high impact",
            ALICE, BOB, case.id, "you own drafter", "policy idle-90 version 1", mail.links[0],
        ):  # fmt: skip
            assert said in text
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert "Content-Type: text/calendar" in mail.message.as_string()


def test_the_entry_in_the_calendar_moves_and_is_taken_away(world: World, box: Box) -> None:
    world.agent("drafter", ALICE)
    world.active("drafter")
    world.until("final", "drafter")
    entries: list[Any] = [Calendar.from_ical(mail.calendar).walk("VEVENT")[0] for mail in box.received]
    assert len({str(one["UID"]) for one in entries}) == 1
    assert [int(one["SEQUENCE"]) for one in entries] == [0, 1, 2, 3]
    assert all(abs(one["DTSTART"].dt - entries[-1]["DTSTART"].dt) < timedelta(days=2) for one in entries)


def test_what_one_person_gets_at_once_is_one_mail_and_each_case_keeps_its_evidence(world: World, box: Box) -> None:
    names = [f"agent-{number}" for number in range(5)]
    for name in names:
        world.agent(name, ALICE)
    world.active(*names)
    world.until("noticed", "agent-0")
    (mail,) = box.received
    assert mail.subject == "5 of your agents are disabled unless somebody answers for them"
    assert len(mail.links) == 5
    told = world.rows(db.Notice)
    assert {(one.message, one.state) for one in told} == {(mail.id, "accepted")}
    assert all(one.response.startswith("250 2.0.0 taken as 1") for one in told)


def test_a_server_that_is_away_or_puts_mail_off_is_asked_again_later(world: World, box: Box) -> None:
    world.agent("drafter", ALICE)
    world.active("drafter")
    box.put_off.add(ALICE)
    world.until("noticed", "drafter")
    (one,) = world.rows(db.Notice)
    assert (one.state, one.attempts) == ("queued", 1)
    assert one.response == "451 4.7.1 come back later"
    assert one.try_at > world.now
    assert world.mail().later == 0, "not before it is time again"
    away = MailSettings(host="127.0.0.1", port=1, security="none", sender="muster@muster.example.org")
    world.sender._mailer = Mailer(away)
    world.now += timedelta(hours=1)
    assert world.mail().later == 1
    world.sender._mailer = world.mailer
    box.put_off.clear()
    world.now += timedelta(hours=7)
    assert world.mail().accepted == 1
    assert [mail.to for mail in box.received] == [ALICE]


def test_the_same_notice_sent_twice_after_a_crash_is_the_same_message(world: World, box: Box) -> None:
    world.agent("drafter", ALICE)
    world.active("drafter")
    world.until("noticed", "drafter")
    (one,) = world.rows(db.Notice)
    with world.registry.database.writing() as session:
        session.get_one(db.Notice, (world.org, one.id)).state = "queued"
    world.mail()
    first, second = box.received
    assert first.id == second.id
    assert first.links == second.links


def test_no_mail_server_means_nothing_advances(world: World, box: Box) -> None:
    world.agent("drafter", ALICE)
    world.active("drafter")
    world.sender._mailer = Mailer(MailSettings())
    world.days(45, each=3)
    case = world.case("drafter")
    assert case is not None
    assert (case.state, case.blocked) == ("noticed", "the notice before isn't delivered yet")
    assert world.state("drafter") == "active"


def test_what_a_server_returns_is_read_and_nothing_else(world: World, box: Box, tmp_path: Path) -> None:
    world.agent("drafter", ALICE, backup_owner=BOB)
    world.active("drafter")
    world.until("noticed", "drafter")
    (mail,) = box.received
    raw = report(mail)
    (bounce,) = read(raw)
    assert (bounce.message, bounce.recipient) == (mail.id, ALICE)
    assert read(raw.replace(b"Action: failed", b"Action: delayed")) == []
    assert read(mail.message.as_bytes()) == []
    assert read(b"\xff\xfe not a mail at all") == []
    folder = tmp_path / "returned"
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    (folder / "new" / "1.M1.host").write_bytes(raw)
    (folder / "new" / "2.M1.host").write_bytes(b"Subject: hello\r\n\r\nout of office")
    reader = Bounces(world.registry, folder)
    assert reader.run(world.lease) == 1
    assert reader.run(world.lease) == 0, "what was read is left alone"
    states = {one.recipient: one.state for one in world.rows(db.Notice)}
    assert states == {ALICE: "bounced", BOB: "queued"}
    with world.registry.reading() as session:
        actions = {row.action for row in session.query(Audit).filter_by(org=world.org)}
    assert {"notice.accepted", "case.notice-bounced"} <= actions
