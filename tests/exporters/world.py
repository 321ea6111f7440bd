"""A Muster with agents, traces and a place for their records; its clock is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.retention.job import Retention
from collector.retention.policy import Policy
from collector.sealing.sealer import Sealer
from collector.settings import CollectorSettings
from collector.store.connection import Store
from collector.store.writer import Writer
from exporters import holds, packages, schedules, service, works
from exporters.engine import Engine
from exporters.holds import Held
from exporters.settings import RecordsSettings
from exporters.signing import KeyFile
from exporters.targets.base import Target
from exporters.targets.folder import Folder
from exporters.targets.s3 import S3
from inventory.auth.caller import Caller, Kind
from inventory.contract.agents import AgentSpec
from inventory.contract.people import PersonSpec
from inventory.contract.records import NewHold, ScheduleSpec
from inventory.db.engine import Database
from inventory.db.models import Person
from inventory.db.records import Package, RecordWork
from inventory.publishing import Publisher
from inventory.registry import agents, people
from inventory.registry.change import Asking, Registry
from tests.inventory.registry.asking import asking
from tests.inventory.telemetry import HOUR, MS, Sender, Sent, agent, chat, tool

AHEAD = timedelta(hours=1)
"""Of the engine's clock, by which traces are sealed."""
OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))
DAY_NS = 24 * HOUR


class World:
    def __init__(
        self, store: Store, database: Database, directory: Path, settings: RecordsSettings | None = None
    ) -> None:
        self.now = datetime.now(UTC) + AHEAD
        self.org = "default"
        self.store = store
        self.directory = directory
        self.registry = Registry(database, lambda: self.now)
        self.publisher = Publisher(self.registry, store)
        self.target: Target = S3(settings) if settings else Folder(directory / "records")
        self.settings = settings or RecordsSettings(lock="none")
        self.signer = KeyFile(directory / "keys" / "records.pem")
        self.engine = Engine(store)
        self.local: bool | None = None
        self.points: list[str] = []
        self.between: Callable[[str], None] = lambda point: None
        self.writer = Writer(store)
        self.sender = Sender(self.writer, self.org)
        self._traces = 0
        self._spans: dict[int, list[Sent]] = {}
        self.restart()

    def restart(self) -> None:
        """As after a crash: whoever worked is gone, and their hold has expired."""
        self.now += works.LASTS + timedelta(seconds=1)
        self.held = Held(self.registry, self.store)
        self.retention = Retention(self.store, Policy(), self.held)
        self.records = service.build(
            self.registry, self.store, self.settings, self.target, self.signer, self.retention,
            self.directory / "staging", local=self.local, between=self._between,
        )  # fmt: skip

    def _between(self, point: str) -> None:
        self.points.append(point)
        self.between(point)

    def asking(self, who: str | None = None, key: str | None = None) -> Asking:
        if who is None:
            return Asking(Caller(self.org, "local:admin", Kind.LOCAL), "request-1", "*", key)
        return asking(Caller(self.org, f"person:{who}", Kind.PERSON, who), if_match="*", key=key)

    def agent(self, name: str, *services: str, **fields: Any) -> None:
        matchers = [{"service": one} for one in services or (name,)]
        spec = AgentSpec.model_validate(
            {
                "name": name.title(), "owner": "alice@example.org", "runbook": "https://runbooks.example.org/a",
                "pager": "x", "matchers": matchers, **fields,
            }
        )  # fmt: skip
        with self.registry.changing(Asking(self.asking().caller, "request-1")) as change:
            if change.session.get(Person, (self.org, "alice@example.org")) is None:
                person = PersonSpec(name="Alice", email="alice@example.org", active=True)
                people.set_person(change, None, "alice@example.org", person)
            agents.moved(change, agents.create(change, name, spec), "active", "")

    def schedule(self, name: str, spec: ScheduleSpec) -> None:
        """A new one."""
        with self.registry.changing(Asking(self.asking().caller, "request-1")) as change:
            schedules.put(change, name, spec)

    def reschedule(self, name: str, spec: ScheduleSpec) -> None:
        with self.registry.changing(self.asking()) as change:
            schedules.put(change, name, spec)

    def hold(self, scope: Any, name: str, number: str = "2026-CV-1") -> str:
        given = NewHold(number=number, scope=scope, object=name, reason="litigation")
        with self.registry.changing(self.asking()) as change:
            row = holds.place(change, given)
            for one in holds.touched(change.session, self.store, row):
                works.ask(change, one.id, "hold")
            return row.id

    def release(self, name: str) -> None:
        with self.registry.changing(self.asking()) as change:
            row = holds.release(change, name, "over")
            for one in holds.touched(change.session, self.store, row):
                works.ask(change, one.id, "hold")

    def trace(self, service: str, at: datetime, *, received: datetime | None = None, beside: str = "") -> str:
        """A trace of some spans with content; `beside`: another service that takes part. Its id."""
        self._traces += 1
        start = int(at.timestamp()) * 10**9
        said = '[{{"role":"user","parts":[{{"type":"text","content":"number {} ü"}}]}}]'
        spans = [
            Sent(self._traces, 1, 0, "run", start, 50 * MS, service=service, attributes=agent(service)),
            Sent(self._traces, 2, 1, "chat", start + MS, 20 * MS, service=service, attributes={
                **chat("gpt-4o", (120, 30)),
                "gen_ai.system_instructions": f'[{{"type":"text","content":"Be {service}"}}]',
                "gen_ai.input.messages": said.format(self._traces),
            }),
            Sent(self._traces, 3, 1, "tool", start + 30 * MS, 10 * MS, service=service,
                 attributes=tool("lookup", f'{{"number":{self._traces}}}', '{"found":true}'),
                 events=[(start + 31 * MS, "muster.approval", {
                     "muster.approval.id": f"ap-{self._traces}", "muster.approval.decision": "approved",
                     "muster.approval.approver": "alice@example.org"})]),
        ]  # fmt: skip
        if beside:
            spans.append(
                Sent(self._traces, 4, 1, "helps", start + 45 * MS, 2 * MS, service=beside, attributes=agent(beside))
            )
        when = received or at + timedelta(seconds=1)
        self._spans.setdefault(int(when.timestamp()) * 10**9, []).extend(spans)
        return f"{self._traces:032x}"

    def nasty(self, service: str, at: datetime, attributes: Mapping[str, str]) -> None:
        """A trace with these attributes everywhere, and a log record."""
        self._traces += 1
        start = int(at.timestamp()) * 10**9
        numbers: dict[str, Any] = {"int": -(2**63), "float": 1.7976931348623157e308, "yes": True, "list": ["", "é"]}
        self._spans.setdefault(start, []).append(
            Sent(
                self._traces, 1, 0, "na\nme \u2028", start, 2**40, "broken: \x01", service,
                {**agent(service), **attributes, **numbers}, [(start, "happened", attributes)],
            )
        )  # fmt: skip
        self.sender.log(self._traces, 1, "said: \u0000 ü", start, attributes)

    def seal(self) -> None:
        """All that was sent is stored and sealed; and who is whose is told."""
        if self._spans:
            self.sender.together(self._spans, request=f"request-{self._traces}")
            self._spans = {}
        settings = CollectorSettings(seal_quiet=0.001)
        sealer = Sealer(self.store, Costing(PriceBook()), self.directory / "sealing", settings)
        while sealer.run_once().traces:
            pass
        self.publisher.run()

    def month(self, *services: str, traces: int = 3, days: Sequence[int] = (2, 3, 17, 31)) -> None:
        """Some traces of each on some days of October, sealed."""
        for day in days:
            for one in services:
                for number in range(traces):
                    self.trace(one, datetime(2026, 10, day, 9, number, tzinfo=UTC))
        self.seal()

    def ask(self, name: str, starts: date = OCTOBER[0], ends: date = OCTOBER[1], kind: Any = "period") -> str:
        with self.registry.changing(self.asking()) as change:
            made = packages.begin(change, name, kind, starts, ends, self.target.url, self.settings.lock)
            works.ask(change, made.id, "export")
            return made.id

    def work(self) -> RecordWork:
        """Do the next work, as it is afterwards."""
        with self.registry.reading() as session:
            asked = (
                select(RecordWork)
                .where(RecordWork.state.in_(("waiting", "running")))
                .order_by(RecordWork.try_at, RecordWork.id)
            )
            name = session.scalars(asked).first()
        assert name is not None, "there is nothing to do"
        self.now = max(self.now, name.try_at)
        assert self.records.worker.turn()
        with self.registry.reading() as session:
            return works.get(session, self.org, name.id)

    def do(self, package: str, kind: Any) -> RecordWork:
        """Ask for a work, and do it."""
        with self.registry.changing(self.asking()) as change:
            works.ask(change, package, kind)
        return self.work()

    def export(self, name: str, starts: date = OCTOBER[0], ends: date = OCTOBER[1], kind: Any = "period") -> Package:
        package = self.ask(name, starts, ends, kind)
        done = self.work()
        assert done.state == "done", done.error
        return self.package(package)

    def package(self, name: str) -> Package:
        with self.registry.reading() as session:
            return packages.get(session, self.org, name)

    def place(self, package: Package) -> Path:
        return self.directory / "records" / package.prefix
