"""A year of an organisation, in minutes: what no agent and no owner may have to suffer, looked at after every run."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.store.connection import Store
from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.db.engine import Database
from inventory.db.models import Agent
from lifecycle import links, policies
from tests.engines import clear
from tests.lifecycle.people import pressed
from tests.lifecycle.smtp import Box
from tests.lifecycle.test_flow import agreed, plain
from tests.lifecycle.world import BEGIN, DAY, HOUR, World

KINDS = ("busy", "busy", "late", "back", "silent", "keeps", "snoozes", "leaves", "bounces", "unreachable", "regrets")
SECOND_PEOPLE = ("records@example.org", "security@example.org")


@dataclass
class Life:
    """An agent, its owner, and what it did: (when, when it came in)."""

    name: str
    kind: str
    owner: str
    token: str
    stops: int
    did: list[tuple[datetime, datetime]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    answered: int = 0
    disabled: int = 0


class Year:
    """500 agents, or fewer; `dice` makes every year the same one."""

    def __init__(self, world: World, agents: int, days: int, step: int, seed: int) -> None:
        self.world = world
        self.step = step
        self.days = days
        third = days // 3 // step * step
        self.leave = third
        self.outage = (BEGIN + 2 * third * DAY, BEGIN + (2 * third + 3) * DAY)
        self.dice = random.Random(seed)
        self.disables = Counter[str]()
        self.largest = 0
        self._read = 0
        self._seen: set[str] = set()
        for who in SECOND_PEOPLE:
            world.person(who, admin=True)
        self.lives = {life.name: life for life in (self._life(number) for number in range(agents))}
        self._policies(cap=10)

    def _life(self, number: int) -> Life:
        kind = KINDS[number % len(KINDS)]
        owner, backup = f"owner-{number}@example.org", f"backup-{number}@example.org"
        self.world.person(owner)
        self.world.person(backup)
        name = f"{kind}-{number}"
        token = self.world.agent(name, owner, backup_owner=backup)
        if kind in ("bounces", "unreachable"):
            self.world.box.returned.add(owner)
        if kind == "unreachable":
            self.world.box.refused.add(backup)
        life = Life(name, kind, owner, token, self.dice.randrange(5, self.days - 95))
        life.before = {"token": plain(self.world.token(token)), "agent": self._agent(name)}
        return life

    def _agent(self, name: str) -> dict[str, Any]:
        (row,) = self.world.rows(Agent, id=name)
        return {"state": row.state, "document": row.document, "owner": row.owner}

    def _policies(self, cap: int) -> None:
        caps = {"agents": cap, "percent": 50}
        self.world.policy(caps=caps)
        soon = policies.DEFAULTS["ownerless-14"].schedule
        for name, reason in (("ownerless-14", "ownerless"), ("violation-2", "violation")):
            spec = {"reason": reason, "enforced": True, "schedule": soon.model_dump(), "caps": caps}
            self.world.policy(PolicySpec.model_validate(spec), name)

    def day(self, number: int) -> None:
        world = self.world
        begin = world.now
        dark = self.outage[0] <= begin < self.outage[1]
        world.now = begin + self.step * DAY
        self._work(number, begin, dark)
        if number == self.leave:
            for life in self.lives.values():
                if life.kind == "leaves":
                    world.person(life.owner, active=False)
        run = world.run()
        self._check(run.actions["disable"])
        if run.stopped:
            # Somebody looks, and lets so many go this once.
            self._policies(cap=100)
            self._check(world.run().actions["disable"], cap=100)
            self._policies(cap=10)
        world.mail()
        self._answer()
        if number % (7 * self.step) == 0:
            self._second_people()
        world.evaluator.decisions(world.org, world.lease)

    def _work(self, number: int, begin: datetime, dark: bool) -> None:
        """Those that work today; what came in late came in today."""
        done: list[tuple[str, datetime, datetime]] = []
        for life in self.lives.values():
            if not self._works(life, number):
                continue
            at = begin + 12 * HOUR
            received = at + timedelta(hours=self.dice.randrange(1, 40)) if life.kind == "late" else at
            if dark:
                if self.dice.random() < 0.5:
                    continue  # lost with the pipeline
                received = self.outage[1] + 6 * HOUR
            life.did.append((at, received))
            done.append((life.name, at, received))
        self.world.worked(done)

    def _works(self, life: Life, number: int) -> bool:
        if self.world.state(life.name) != "active" if life.disabled else False:
            return False
        if life.kind in ("busy", "late"):
            return number // self.step % 9 == life.stops % 9
        if life.kind == "back":
            # Comes back just before, around and after each border of the policy.
            return number // self.step % ((life.stops % 40 + 55) // self.step) == 0
        return number < life.stops and number // self.step % 5 == life.stops % 5

    def _check(self, disabled: int, cap: int = 10) -> None:
        """What must hold after every run."""
        assert disabled <= 2 * cap, "each of two policies has its cap"
        self.largest = max(self.largest, disabled)
        for case in self.world.cases():
            if case.disabled_at is None or case.id in self._seen:
                continue
            self._seen.add(case.id)
            life = self.lives[case.agent]
            life.disabled += 1
            self.disables[f"{case.reason}: {life.kind}"] += 1
            self._warned(case)
            if case.reason == "idle":
                self._idle(case, life)

    def _idle(self, case: db.Case, life: Life) -> None:
        at = case.disabled_at
        assert at is not None
        seen = [when for when, received in life.did if received <= at]
        last = max(seen, default=BEGIN)
        dark = max(timedelta(), min(at, self.outage[1]) - max(last, self.outage[0]))
        assert at - last - dark >= timedelta(days=90) - HOUR, f"{life.name} was active {last}, disabled {at}"

    def _warned(self, case: db.Case) -> None:
        """Delivered, by what the mail server itself took in, and 14 days before."""
        taken = {(one.id, one.to) for one in self.world.box.received}
        told = self.world.rows(db.Notice, case=case.id)
        for stage, before in (("notice", 13 * DAY), ("final", 20 * HOUR)):
            delivered = [one for one in told if one.stage == stage and one.state == "delivered"]
            assert delivered, f"{case.agent} was disabled without a {stage}"
            assert case.disabled_at is not None
            for one in delivered:
                assert (one.message, one.address) in taken
                assert one.address not in self.world.box.returned
                assert case.disabled_at - one.sent_at >= before

    def _answer(self) -> None:
        """Owners open their mail. Those of whom it is said so do something about it."""
        world = self.world
        fresh, self._read = world.box.received[self._read :], len(world.box.received)
        for mail in fresh:
            for link in mail.links:
                (notice,) = world.rows(db.Notice, digest=links.digest(link.rpartition("/")[2]))
                name = notice.agent
                life = self.lives[name]
                if life.kind == "keeps" and mail.to == life.owner and not life.answered:
                    life.answered += pressed(world.pages, link, "keep", reason="needed").status_code == 200
                elif life.kind == "snoozes" and mail.to == life.owner:
                    life.answered += pressed(world.pages, link, "snooze", days="20").status_code == 200
                elif life.kind == "regrets" and "is disabled; until" in mail.subject:
                    assert world.state(name) == "disabled"
                    assert pressed(world.pages, link, "keep", reason="we do need it").status_code == 200
                    life.answered += 1
                    world.evaluator.decisions(world.org, world.lease)
                    assert plain(world.token(life.token)) == life.before["token"], "put back exactly as it was"
                    assert self._agent(name) == life.before["agent"]

    def _second_people(self) -> None:
        """Of what waits for two people, a part is wanted by two."""
        for case in self.world.cases():
            if case.open_key is None or case.next_action not in ("revoke", "archive") or self.dice.random() < 0.5:
                continue
            if case.next_action_at is not None and case.next_action_at <= self.world.now and case.locked is None:
                agreed(self.world, case, case.next_action, *SECOND_PEOPLE)

    def judged(self) -> Counter[str]:
        """How it ended, and that nothing went further than two people let it."""
        states: Counter[str] = Counter()
        for case in self.world.cases():
            states[case.state] += 1
            if case.state in ("credentials-revoked", "triggers-removed", "archived", "retired"):
                wanted = {
                    one.action: (one.requested_by, one.decided_by)
                    for one in self.world.rows(db.CaseRequest, case=case.id) if one.approved
                }  # fmt: skip
                assert "revoke" in wanted
                assert all(first != second for first, second in wanted.values())
                if case.state in ("archived", "retired"):
                    assert "archive" in wanted
        return states


def _lived(
    store: Store, database: Database, directory: Path, box: Box, agents: int, days: int, step: int, seed: int
) -> Year:
    clear(store)
    world = World(store, database, directory, box, beating=False)
    year = Year(world, agents, days, step, seed)
    world.beats(BEGIN - DAY, year.outage[0])
    for number in range(0, days, step):
        if world.now >= year.outage[1] > world.now - step * DAY:
            world.beats(year.outage[1], BEGIN + (days + 5) * DAY)
        year.day(number)
    return year


def _expected(year: Year) -> None:
    states = year.judged()
    kinds = year.disables
    assert kinds["idle: silent"], "who said nothing is disabled"
    assert kinds["idle: bounces"], "a backup owner was warned, and said nothing"
    assert kinds["idle: regrets"], "and got it back"
    assert not kinds["idle: busy"] + kinds["idle: late"]
    if year.days > 200:
        assert kinds["idle: unreachable"], "admins were warned where neither owner nor backup owner could be"
    assert states["restored"], "some came back in time"
    assert states["attested"]
    assert all(life.answered for life in year.lives.values() if life.kind == "regrets" and life.disabled)


def test_five_months_of_33_agents(scratch: Store, tmp_path: Path, box: Box, sqlite: Database) -> None:
    _expected(_lived(scratch, sqlite, tmp_path, box, agents=33, days=150, step=5, seed=1))


@pytest.mark.prove
def test_a_year_of_500_agents(scratch: Store, tmp_path: Path, box: Box, database: Database) -> None:
    year = _lived(scratch, database, tmp_path, box, agents=500, days=365, step=1, seed=2)
    _expected(year)
    states, mails = year.judged(), len(box.received)
    print(f"a year: {dict(states)}, disabled {dict(year.disables)}, most in a run {year.largest}, mails {mails}")
