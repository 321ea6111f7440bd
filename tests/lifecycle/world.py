"""A Muster whose clock is held: registry, engine and mail server are real, and no test waits for time to pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from collector.store.connection import Store
from collector.store.writer import Writer
from inventory import problems
from inventory.anchors import Signer
from inventory.auth.caller import Caller, Kind
from inventory.auth.roles import Role
from inventory.contract.agents import AgentSpec
from inventory.contract.lifecycle import PolicySpec
from inventory.contract.people import NewToken, PersonSpec, RoleGiven, Roles
from inventory.db import cases as db
from inventory.db.engine import Database
from inventory.db.models import Agent, Person, Token
from inventory.publishing import Publisher
from inventory.registry import agents, people, tokens
from inventory.registry.change import Asking, Change, Registry
from lifecycle import policies
from lifecycle.bounces import Bounces, read
from lifecycle.connectors.base import Connector
from lifecycle.connectors.ingest import IngestTokens
from lifecycle.enforcing import Enforcer
from lifecycle.evaluation import Evaluator, Run
from lifecycle.lease import Lease
from lifecycle.looking import HEARTBEAT_ORG, HEARTBEAT_SERVICE
from lifecycle.mail import Mailer
from lifecycle.plans import Connectors
from lifecycle.review import review_routes
from lifecycle.sending import Sender as MailSender
from lifecycle.sending import Sent as Mailed
from lifecycle.settings import MailSettings
from lifecycle.steps import Steps
from tests.inventory.registry.asking import asking
from tests.inventory.telemetry import Sender, Sent, agent
from tests.lifecycle.smtp import Box
from tests.lifecycle.target import Shelf

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 1, 1, 6, tzinfo=UTC)
URL = "http://muster.example.org"


class World:
    """`org`: of this world alone, since all tests share an engine."""

    def __init__(
        self,
        store: Store,
        database: Database,
        directory: Path,
        box: Box,
        org: str = "default",
        more: Iterable[Connector] = (),
        begin: datetime = BEGIN,
        beating: bool = True,
    ) -> None:
        self.now = begin
        self.org = org
        self.box = box
        self.store = store
        self.registry = Registry(database, lambda: self.now)
        self.signer = Signer.of(directory / "audit.pem")
        self.lease = Lease(database, now=lambda: self.now, lasts=timedelta(days=4000))
        assert self.lease.take()
        self.points: list[str] = []
        self.crash_at: str | None = None
        self.between: Callable[[str], None] = lambda point: None
        self.shelf = Shelf()
        self.connectors = Connectors(IngestTokens(self.registry), self.shelf, *more)
        steps = Steps(self.registry, self.connectors, self._between)
        self.publisher = Publisher(self.registry, store)
        enforcer = Enforcer(self.registry, store, self.connectors, steps)
        self.evaluator = Evaluator(self.registry, store, enforcer, self.publisher.resolve)
        mail = MailSettings(host="127.0.0.1", port=box.port, security="none", sender="muster@muster.example.org")
        self.mailer = Mailer(mail)
        self.sender = MailSender(self.registry, self.signer, self.mailer, public_url=URL)
        self.bounces = Bounces(self.registry)
        self.writer = Writer(store)
        self._beats = Sender(self.writer, HEARTBEAT_ORG, HEARTBEAT_SERVICE)
        self._beating = beating
        self._numbers = 0
        self._bounced = 0
        if beating and store not in _beaten:
            # All that these tests live through, once for all worlds of an engine.
            self.beats(begin - DAY, begin + 420 * DAY)
            _beaten.append(store)
        app = FastAPI()
        problems.install(app)

        @app.middleware("http")
        async def named(request: Any, call_next: Any) -> Any:
            request.state.request_id = "request-1"
            return await call_next(request)

        app.include_router(review_routes(self.registry, self.signer, "UTC"))
        self.pages = TestClient(app, base_url=URL)

    # What people and agents do.

    def asking(self, who: str | None = None, key: str | None = None) -> Asking:
        if who is None:
            return Asking(Caller(self.org, "local:admin", Kind.LOCAL), "request-1", "*", key)
        return asking(Caller(self.org, f"person:{who}", Kind.PERSON, who), if_match="*", key=key)

    def person(self, name: str, *, active: bool = True, admin: bool = False) -> None:
        with self.registry.changing(self.asking()) as change:
            there = change.session.get(Person, (self.org, name))
            spec = PersonSpec(name=name.partition("@")[0].title(), email=name, active=active)
            people.set_person(change, there, name, spec)
            if admin:
                people.put_roles(change, name, Roles(roles=[RoleGiven(role=Role.ADMIN)]))

    def agent(self, name: str, owner: str | None, **fields: Any) -> str:
        """An active one with a token of its own: the token's id."""
        spec = AgentSpec.model_validate(
            {
                "name": name.title(), "owner": owner, "runbook": "https://runbooks.example.org/a", "pager": "x",
                "matchers": [{"service": name}], **fields,
            }
        )  # fmt: skip
        with self.registry.changing(Asking(self.asking().caller, "request-1")) as change:
            row = agents.create(change, name, spec)
            agents.moved(change, row, "active", "")
            token, _ = tokens.issue(change, NewToken(kind="agent", name=name, agents=[name], days=366))
            return token.id

    def policy(self, spec: PolicySpec | None = None, name: str = "idle-90", **fields: Any) -> None:
        with self.registry.changing(self.asking()) as change:
            row = change.session.get(db.Policy, (self.org, name))
            wanted = spec or PolicySpec.model_validate({"reason": "idle", "enforced": True, **fields})
            policies.put(_first(change) if row is None else change, name, wanted)

    def active(self, *names: str, at: datetime | None = None, received: datetime | None = None, **sent: Any) -> None:
        """Spans of these agents, as if they came in then."""
        if not names:
            return
        moment = at or self.now
        self._numbers += 1
        spans = [
            Sent(self._numbers * 100_000 + number, 1, 0, "work", _ns(moment), service=name, attributes=agent(name))
            for number, name in enumerate(names)
        ]
        Sender(self.writer, self.org, **sent).spans(
            *spans, received=_ns(received or moment), request=f"activity-{self.org}-{self._numbers}",
            resource={"deployment.environment.name": "production"},
        )  # fmt: skip

    def worked(self, done: Sequence[tuple[str, datetime, datetime]]) -> None:
        """As `active`, each with its moment and when it came in, in one insert."""
        if not done:
            return
        self._numbers += 1
        spans: dict[datetime, list[Sent]] = {}
        for number, (name, at, received) in enumerate(done):
            span = Sent(self._numbers * 100_000 + number, 1, 0, "work", _ns(at), service=name, attributes=agent(name))
            spans.setdefault(received, []).append(span)
        Sender(self.writer, self.org).together(
            {_ns(received): some for received, some in spans.items()},
            request=f"work-{self.org}-{self._numbers}", resource={"deployment.environment.name": "production"},
        )  # fmt: skip

    def beats(self, since: datetime, until: datetime) -> None:
        """A heartbeat in each hour of [since, until)."""
        moments: list[datetime] = []
        at = since
        while at < until:
            moments.append(at)
            at += HOUR
        if not moments:
            return
        self._numbers += 1
        spans = [
            Sent(self._numbers * 100_000 + number, 1, 0, "heartbeat", _ns(moment), service=HEARTBEAT_SERVICE)
            for number, moment in enumerate(moments)
        ]
        self._beats.spans(*spans, received=_ns(moments[-1]), request=f"beats-{self.org}-{self._numbers}")

    def pass_days(self, days: float, *, beating: bool = True) -> None:
        """Time goes by, and nothing is done; the pipeline is alive all the time, or not at all."""
        if beating and not self._beating:
            self.beats(self.now + HOUR, self.now + timedelta(days=days) + HOUR)
        self.now += timedelta(days=days)

    # What Muster does.

    def run(self) -> Run:
        return self.evaluator.run(self.org, self.lease)

    def mail(self) -> Mailed:
        """Send what is queued, take in what came back, see what was delivered."""
        sent = self.sender.run(self.org, self.lease)
        returned = self.box.bounces(self._bounced)
        self._bounced = len(self.box.received)
        self.bounces.take([one for raw in returned for one in read(raw)], self.lease)
        return sent

    def days(self, number: int, *, each: float = 1.0) -> list[Run]:
        """A run a day."""
        done: list[Run] = []
        for _ in range(number):
            self.pass_days(each)
            done.append(self.run())
            self.mail()
        return done

    def until(self, state: str, name: str) -> db.Case:
        return self.until_reason(name, "idle", state, 200)

    def until_reason(self, name: str, reason: str, state: str, most: int = 100) -> db.Case:
        for _ in range(most):
            case = self.case(name, reason)
            if case is not None and case.state == state:
                return case
            self.days(1, each=self._wait(case))
        raise AssertionError(f"{name} never was {state}: {case.state if case else 'no case'}")

    def _wait(self, case: db.Case | None) -> float:
        """Days until something can happen: nobody waits for those in which nothing does."""
        if case is None:
            return 20.0 if self.registry.now() < BEGIN + 60 * DAY else 1.0
        if case.blocked or case.next_action_at is None:
            return 1.0
        return min(20.0, max(0.25, (case.next_action_at - self.now) / DAY))

    # What is so.

    def case(self, name: str, reason: str = "idle") -> db.Case | None:
        """The open case, else the newest."""
        found = [one for one in self.cases() if one.agent == name and one.reason == reason]
        opened = [one for one in found if one.open_key is not None]
        return opened[0] if opened else max(found, key=lambda one: one.opened_at, default=None)

    def cases(self) -> Sequence[db.Case]:
        with self.registry.reading() as session:
            return session.query(db.Case).filter_by(org=self.org).all()

    def state(self, name: str) -> str:
        with self.registry.reading() as session:
            return session.get_one(Agent, (self.org, name)).state

    def token(self, name: str) -> Token:
        with self.registry.reading() as session:
            return session.get_one(Token, name)

    def rows(self, table: Any, **where: Any) -> Sequence[Any]:
        with self.registry.reading() as session:
            found: Sequence[Any] = session.query(table).filter_by(org=self.org, **where).all()
            return found

    def _between(self, point: str) -> None:
        self.points.append(point)
        self.between(point)
        if point == self.crash_at:
            self.crash_at = None
            raise Crash(point)


_beaten: list[Store] = []


class Crash(BaseException):
    """The process is gone at this point: nothing after it happens."""


def _first(change: Change) -> Change:
    change.asking = Asking(change.asking.caller, change.asking.request_id)
    return change


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 10**9
