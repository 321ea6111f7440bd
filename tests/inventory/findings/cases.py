"""For each finding what triggers it, and what is much like it and must not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from inventory.auth.caller import Caller, Kind
from inventory.auth.roles import Role
from inventory.contract.approvals import AskApproval, DecideApproval
from inventory.contract.people import PersonSpec
from inventory.contract.releases import Bundle, Verdict
from inventory.db.models import Person
from inventory.envelope import SigningKey, TaskEnvelope
from inventory.registry import agents, approvals, people, releases
from inventory.registry.approvals import Digests
from inventory.registry.change import Registry
from tests.inventory.registry.asking import asking, person, ready
from tests.inventory.telemetry import MINUTE, MS, SECOND, Sent, Value, agent, tool, trace_id

DIGESTS: Final = Digests("")
"""As the engine makes them for what a test sends, without a key."""
KEY: Final = SigningKey.generate()
STRANGER: Final = SigningKey.generate()


@dataclass
class Scene:
    """Of one finding in one organisation: its agent is called as the finding is."""

    registry: Registry
    org: str
    name: str
    first: int
    """The first trace number that it may use."""
    now_ns: int

    @property
    def admin(self) -> Caller:
        return Caller(self.org, "local:admin", Kind.LOCAL)

    def root(self, trace: int = 0, service: str = "", at: int = 0, took: int = SECOND, **said: Any) -> Sent:
        name = service or self.name
        told = {key.replace("__", "."): value for key, value in said.items()}
        return Sent(self.first + trace, 1, 0, f"invoke_agent {name}", self.now_ns + at, took, None, name,
                    {**agent(name), **told})  # fmt: skip

    def call(
        self, span: int, name: str, arguments: str = "{}", *, trace: int = 0, at: int = 0, took: int = 10 * MS,
        error: str | None = None, **said: Value,
    ) -> Sent:  # fmt: skip
        told = {key.replace("__", "."): value for key, value in said.items()}
        return Sent(self.first + trace, span, 1, f"execute_tool {name}", self.now_ns + at + span * 20 * MS, took, error,
                    self.name, {**tool(name, arguments), **told})  # fmt: skip

    def record(
        self, decision: str, arguments: Mapping[str, Any], *, by: str = "ben", trace: int = 0, **more: Any
    ) -> dict[str, Any]:
        """An approval on record; what its call's span says of it."""
        given = {name: more.pop(name) for name in ("override",) if name in more}
        asked = AskApproval.model_validate(
            {"agent": self.name, "tool": "pay", "arguments": dict(arguments), "trace_id": trace_id(self.first + trace),
             "tool_call_id": f"call-{trace}", **more}
        )  # fmt: skip
        token = Caller(self.org, "token:tok_1", Kind.AGENT, agents=frozenset({self.name}))
        role = Role.ADMIN if given else Role.OWNER
        with self.registry.changing(asking(token)) as change:
            row = approvals.ask(change, asked, DIGESTS)
        reason = "" if decision == "approve" and not given else "because"
        with self.registry.changing(asking(person(by, role, org=self.org))) as change:
            said = DecideApproval.model_validate({"decision": decision, "reason": reason, **given})
            approvals.decide(change, row.id, said, DIGESTS)
        return {"muster__approval__id": row.id, "gen_ai__tool__call__id": f"call-{trace}"}

    def claim(self, **said: str) -> tuple[int, str, dict[str, Value]]:
        """An approval as the agent reports it, for the root's events."""
        given = {"id": "apr-1", "decision": "approved", "approver": "kim", **said}
        return self.now_ns + MS, "muster.approval", {f"muster.approval.{key}": text for key, text in given.items()}

    def release(self) -> str:
        """The id of one that a second person approved."""
        bundle = Bundle.model_validate({"parts": [{"kind": "prompt", "name": "system", "content": self.name}]})
        with self.registry.changing(asking(self.admin)) as change:
            releases.put_draft(change, self.name, bundle)
        with self.registry.changing(asking(self.admin, if_match="*")) as change:
            made = releases.propose(change, self.name)
        with self.registry.changing(asking(person("ben", Role.ADMIN, org=self.org), if_match="*")) as change:
            return releases.decide(change, self.name, made.id, Verdict(decision="approve")).id

    def envelope(self, key: SigningKey, **said: Any) -> dict[str, Any]:
        made = TaskEnvelope(
            trace_id=trace_id(self.first), task_id="task-1", issued_by=self.name, issued_at=datetime.now(UTC), **said
        )
        return {name.replace(".", "__"): value for name, value in key.seal(made).attributes().items()}


Spans = Iterator[Sent]


@dataclass(frozen=True)
class Case:
    bad: Callable[[Scene], Spans]
    good: Callable[[Scene], Spans]
    spec: Mapping[str, Any] = field(default_factory=dict)
    registered: bool = True
    identity: str | None = None
    """Who sends it, as verified; the agent itself if nothing is said. Empty: nobody knows."""
    good_identity: str | None = None
    key: str = ""
    """Which it is found under; what begins with the agent's name if nothing is said."""


def furnish(scene: Scene, case: Case) -> None:
    """The people are there, and the agent that the case is about."""
    known = ("olga", "ben")
    with scene.registry.reading() as session:
        there = session.get(Person, (scene.org, "olga"))
    with scene.registry.changing(asking(scene.admin)) as change:
        for name in known if there is None else ():
            people.put_person(change, name, PersonSpec(name=name))
    if not case.registered:
        return
    spec = ready("olga", backup_owner="ben", matchers=[{"service": scene.name}], envelope_keys=[KEY.public_pem],
                 **case.spec)  # fmt: skip
    with scene.registry.changing(asking(scene.admin)) as change:
        row = agents.create(change, scene.name, spec)
        agents.moved(change, row, "active", "")


PAYS: Final = {"tools": {"read": ["look"], "write": ["pay", "mail"]}}
ASKS: Final = {"tools": {"read": ["look"], "write": ["pay"], "approval": ["pay"]}}


def _twice(scene: Scene) -> Spans:
    yield scene.root()
    yield scene.call(2, "pay", '{"case": 1, "amount": 5}', error="timed out")
    yield scene.call(3, "pay", '{"amount": 5, "case": 1}')


def _two(scene: Scene) -> Spans:
    yield scene.root()
    yield scene.call(2, "pay", '{"case": 1}')
    yield scene.call(3, "pay", '{"case": 2}')
    yield scene.call(4, "look", '{"case": 1}')
    yield scene.call(5, "look", '{"case": 1}')


def _unasked(scene: Scene) -> Spans:
    yield scene.root()
    yield scene.call(2, "pay")


def _asked(scene: Scene) -> Spans:
    yield scene.root()
    yield scene.call(2, "pay", '{"a": 1}', at=MINUTE, **scene.record("approve", {"a": 1}))
    yield scene.call(3, "look")


def _decided(decision: str, done: str = '{"a":1}', at: int = MINUTE, **more: Any) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root(user__id="user-1")
        yield scene.call(2, "pay", done, at=at, **scene.record(decision, {"a": 1}, **more))

    return made


def _self_approved(requester: str) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root(user__id=requester)
        yield scene.call(2, "pay", '{"a": 1}', at=MINUTE, **scene.record("approve", {"a": 1}, by="ben"))

    return made


def _with_claim(scene: Scene) -> Spans:
    root = scene.root()
    yield Sent(**{**vars(root), "events": [scene.claim()]})


def _with_record(scene: Scene) -> Spans:
    told = scene.record("approve", {"a": 1})
    root = scene.root()
    yield Sent(**{**vars(root), "events": [scene.claim(id=str(told["muster__approval__id"]), approver="ben")]})


def _calls(*names: str, **root: Any) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root(**root)
        for number, name in enumerate(names):
            yield scene.call(number + 2, name, json.dumps({"n": number}))

    return made


def _until(minutes: int) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        deadline = datetime.fromtimestamp(scene.now_ns / 1e9, UTC) + timedelta(minutes=minutes)
        yield scene.root(muster__task__id="t", muster__task__deadline=deadline.isoformat())
        yield scene.call(2, "look")

    return made


def _again(times: int) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root()
        for number in range(times):
            yield scene.call(number + 2, "look", '{"same": true}')

    return made


def _alone(scene: Scene) -> Spans:
    yield scene.root()


def _beside(scene: Scene) -> Spans:
    """Another registered agent, with the same key."""
    yield scene.root()
    yield scene.root(1, service="egress")


def _host(host: str) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root()
        yield scene.call(2, "look", server__address=host)

    return made


def _labelled(label: str) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root()
        told: dict[str, Value] = {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "kb"}
        yield Sent(scene.first, 2, 1, "retrieval kb", scene.now_ns + MS, MS, None, scene.name,
                   {**told, "muster.data.label": label})  # fmt: skip

    return made


def _ran(known: bool) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        release = scene.release() if known else "rel-nobody-knows"
        # Approved first, and then run.
        yield scene.root(at=MINUTE, muster__release__id=release)

    return made


def _answerable(**said: Any) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root(**said)
        yield scene.call(2, "pay")

    return made


def _said(text: str) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root()
        yield scene.call(2, "look", json.dumps({"text": text}))

    return made


def _serial(one_after_the_other: bool) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        for trace in range(20):
            yield scene.root(trace, took=7 * SECOND)
            for number in range(3):
                at = number * 2 * SECOND if one_after_the_other else 0
                yield scene.call(number + 2, "look", trace=trace, at=at, took=2 * SECOND)
            if not one_after_the_other:
                yield scene.call(9, "rest", trace=trace, at=2 * SECOND, took=4 * SECOND)

    return made


def _carried(key: SigningKey, **changed: Any) -> Callable[[Scene], Spans]:
    def made(scene: Scene) -> Spans:
        yield scene.root(**{**scene.envelope(key, tool_budget=5), **changed})

    return made


CASES: Final[Mapping[str, Case]] = {
    "duplicate-write": Case(_twice, _two, PAYS),
    "unapproved-action": Case(_unasked, _asked, ASKS),
    "ran-after-denial": Case(_decided("deny"), _decided("approve"), PAYS),
    "arguments-changed": Case(_decided("approve", '{"a":2}'), _decided("approve", '{ "a": 1 }'), PAYS),
    "self-approval": Case(_self_approved("ben"), _self_approved("user-1"), PAYS),
    "approval-expired": Case(
        _decided("approve", at=10 * MINUTE, good_for_minutes=1), _decided("approve", at=20 * SECOND), PAYS
    ),
    "wrong-approver": Case(
        _decided("approve", by="ben", approvers=["olga"], override=True), _decided("approve", approvers=["ben"]), PAYS
    ),
    "approval-unrecorded": Case(_with_claim, _with_record, PAYS),
    "tool-not-allowed": Case(_calls("look", "delete"), _calls("look", "pay"), PAYS),
    "action-outside-task": Case(
        _calls("pay", muster__task__id="t", muster__task__allowed_actions=["mail"]),
        _calls("mail", "look", muster__task__id="t", muster__task__allowed_actions=["mail"]), PAYS,
    ),
    "hop-limit": Case(
        _calls(muster__task__id="t", muster__task__hop_count=13, muster__task__ttl=12),
        _calls(muster__task__id="t", muster__task__hop_count=12, muster__task__ttl=12),
    ),
    "deadline-missed": Case(_until(-1), _until(60)),
    "budget-exceeded": Case(_calls("look", "look"), _calls("look"), {"budgets": {"tool_calls": 1}}),
    "retry-loop": Case(_again(5), _again(4)),
    "unregistered-agent": Case(_alone, _alone, registered=False, key="unregistered-agent/unregistered-agent"),
    "unverified-identity": Case(_alone, _alone, identity="", good_identity="unverified-identity"),
    "shared-key": Case(_beside, _alone, key="shared-key"),
    "egress": Case(_host("evil.example"), _host("api.crm.example"), {"egress": ["*.crm.example", "models.example"]}),
    "label-mismatch": Case(_labelled("confidential"), _labelled("internal"), {"classification": "internal"}),
    "release-not-approved": Case(_ran(known=False), _ran(known=True)),
    "missing-evidence": Case(
        _answerable(user__id="user-1"),
        _answerable(user__id="user-1", muster__release__id="rel-1", muster__task__id="task-1"), PAYS,
        key="missing-evidence/release",
    ),
    "redacted-content": Case(_said("my card is 4111 1111 1111 1111"), _said("my case is 4111")),
    "slow-critical-path": Case(_serial(one_after_the_other=True), _serial(one_after_the_other=False)),
    "bad-envelope": Case(_carried(STRANGER), _carried(KEY)),
}  # fmt: skip
