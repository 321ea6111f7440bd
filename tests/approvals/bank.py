"""A house in which agents ask and people decide: the API over HTTP, tokens of each, spans into the real store."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collector.receivers import payload
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.auth.authenticator import Authenticator
from inventory.auth.roles import Role
from inventory.client import InventoryClient
from inventory.client.gate import AsyncGate, Gate
from inventory.contract.approvals import ApprovalRecord, AskApproval, DecideApproval
from inventory.contract.people import NewToken, PersonSpec, RoleGiven, TeamSpec
from inventory.registry import tokens
from inventory.registry.change import Registry
from inventory.services import Inventory
from tests.inventory.access import DIGEST_KEY, inventory
from tests.inventory.registry.asking import ready
from tests.inventory.serving import served
from tests.inventory.whole import whole_app

WRITER, OTHER = "crm-writer", "other-agent"
PEOPLE = {"olga": Role.OWNER, "ben": Role.OWNER, "ada": Role.ADMIN, "vera": Role.VIEWER}
_batches = itertools.count(1)


class Bank:
    """`org` is an organisation of the store that nobody else uses."""

    def __init__(self, store: Store, services: Inventory, writer: Writer, url: str, admin: InventoryClient) -> None:
        self.store, self.services, self.writer, self.url, self.admin = store, services, writer, url, admin
        self.org = "default"
        self.spans = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource.create({"service.name": WRITER}))
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.tracer = provider.get_tracer("bank")
        self.people: dict[str, InventoryClient] = {}
        self._tokens: dict[str, str] = {}

    @property
    def registry(self) -> Registry:
        return self.services.registry

    def furnish(self) -> None:
        for name, role in PEOPLE.items():
            self.admin.put_person(name, PersonSpec(name=name.title(), email=f"{name}@example.org"))
            self.admin.put_roles(name, [RoleGiven(role=role)], self.admin.get_person(name).revision)
            secret = self.admin.issue_token(NewToken(kind="person", name="x", person=name)).secret
            self.people[name] = InventoryClient(self.url, secret)
        self.admin.put_team("supervisors", TeamSpec(name="Supervisors", members=["ben"]))
        for agent in (WRITER, OTHER):
            made = self.admin.register_agent(
                agent, ready("olga", backup_owner="ben", matchers=[{"service": agent}],
                             tools={"read": ["crm.read"], "write": ["billing.refund", "crm.update"],
                                    "approval": ["billing.refund"]}),
            )  # fmt: skip
            self.admin.move_agent(agent, "activate", made.revision)
            new = NewToken(kind="agent", name=agent, agents=[agent])
            self._tokens[agent] = self.admin.issue_token(new).secret

    def gate(self, agent: str = WRITER) -> Gate:
        return Gate(agent, self.url, self._tokens[agent], self.tracer)

    def gate_of(self, agent: str) -> Gate:
        """With a new token of its own."""
        new = NewToken(kind="agent", name=agent, agents=[agent])
        return Gate(agent, self.url, self.admin.issue_token(new).secret, self.tracer)

    def async_gate(self) -> AsyncGate:
        return AsyncGate(WRITER, self.url, self._tokens[WRITER], self.tracer)

    def pending(self) -> ApprovalRecord:
        """The one that waits; waits for it."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if found := self.people["ada"].list_approvals(state="pending").approvals:
                return found[0]
            time.sleep(0.05)
        raise AssertionError("nobody asked for anything")

    @contextmanager
    def deciding(self, person: str, decision: str = "approve", **more: Any) -> Iterator[list[ApprovalRecord]]:
        """As soon as something waits, they say this."""
        said: list[ApprovalRecord] = []

        def decide() -> None:
            row = self.pending()
            reason = "" if decision == "approve" and not more.get("override") else "because"
            given = DecideApproval.model_validate({"decision": decision, "reason": reason, **more})
            said.append(self.people[person].decide_approval(row.id, given))

        thread = threading.Thread(target=decide)
        thread.start()
        try:
            yield said
        finally:
            thread.join()

    def asked(self, wanted: AskApproval) -> ApprovalRecord:
        return self.client_of(wanted.agent).ask_approval(wanted)

    def client_of(self, agent: str) -> InventoryClient:
        if agent not in self.people:
            self.people[agent] = InventoryClient(self.url, self._tokens[agent])
        return self.people[agent]

    @contextmanager
    def clock_at(self, later: datetime) -> Iterator[None]:
        """As soon as something waits, it is that late."""
        before = self.registry.now

        def wait() -> None:
            self.pending()
            self.registry.now = lambda: later

        thread = threading.Thread(target=wait)
        thread.start()
        try:
            yield
        finally:
            thread.join()
            self.registry.now = before

    def published(self, approval: str) -> str:
        """What the engine knows of it."""
        rows = self.store.client().query(
            "SELECT Document FROM registry_versions FINAL WHERE Kind = 'approval' AND Id = {id:String} "
            "ORDER BY Revision DESC LIMIT 1",
            parameters={"id": approval},
        ).result_rows  # fmt: skip
        return str(rows[0][0])

    def root(self, requester: str = "") -> Any:
        """The agent's outermost span."""
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": WRITER}
        return self.tracer.start_as_current_span(
            f"invoke_agent {WRITER}", attributes={**attributes, **({"user.id": requester} if requester else {})}
        )

    def tool(self, name: str, attributes: Mapping[str, str], *, seconds: int = 0) -> None:
        """A call that begins so much later."""
        begins = time.time_ns() + seconds * 1_000_000_000
        span = self.tracer.start_span(f"execute_tool {name}", attributes=attributes, start_time=begins)
        span.end(begins + 1_000_000)

    def send(self) -> None:
        """Everything that was recorded is stored when it returns."""
        found = self.spans.get_finished_spans()
        self.spans.clear()
        self.store_spans(found)

    def store_spans(self, spans: Sequence[ReadableSpan]) -> None:
        body = encode_spans(spans).SerializeToString()
        export = Export(Signal.TRACES, Encoding.PROTOBUF, body, Principal(self.org, WRITER, Method.TOKEN))
        batch = f"bank-{time.time_ns()}-{next(_batches)}"
        stamped = payload.decode(export, time.time_ns(), batch)
        keys = payload.keys_tail(DIGEST_KEY, DIGEST_KEY)
        self.writer.insert(Signal.TRACES, self.writer.plan(batch), [stamped.payload, payload.batch_tail(batch), keys])


def trace_id() -> str:
    return f"{trace.get_current_span().get_span_context().trace_id:032x}"


@contextmanager
def standing(store: Store, writer: Writer, directory: Path) -> Iterator[Bank]:
    secret = "muster-admin_of-this-test"
    first = inventory(directory, store=store)
    known = Authenticator(first.registry.database, admin=tokens.digest_of(secret))
    services = inventory(directory, known, first.registry.database, store)
    with served(whole_app(store, services)) as url, InventoryClient(url, secret) as admin:
        bank = Bank(store, services, writer, url, admin)
        bank.furnish()
        yield bank
        for client in bank.people.values():
            client.close()
