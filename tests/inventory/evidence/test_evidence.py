"""The demo's traces, answered: what the demo said is there, what it did not say is missing, and nothing is guessed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.demo.traffic import send
from collector.receivers import payload
from collector.signals import Encoding, Export, Method, Principal, Signal
from collector.store.connection import Store
from collector.store.writer import Writer
from deploy.registry.demo import register
from inventory.auth.authenticator import Authenticator
from inventory.client import InventoryClient, NotAllowed, NotFound
from inventory.client.gate import Gate
from inventory.contract import Trace
from inventory.contract.evidence import Answer, Evidence
from inventory.contract.people import NewToken
from inventory.envelope import SigningKey, TaskEnvelope
from inventory.registry import tokens
from tests.approvals.bank import Bank, standing, trace_id
from tests.collector.demo.capture import Captured, http_receiver
from tests.inventory.access import DIGEST_KEY, inventory
from tests.inventory.incidents.traffic import seal
from tests.inventory.serving import served
from tests.inventory.whole import whole_app

SECRET = "muster-admin_of-this-test"


@dataclass(frozen=True)
class Demo:
    client: InventoryClient
    traces: frozenset[str]


@pytest.fixture(scope="module")
def demo(store: Store, writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Played by the demo's own exporters, sent with a token, sealed; its agents registered as `make demo` does."""
    directory = tmp_path_factory.mktemp("evidence")
    first = inventory(directory, store=store)
    known = Authenticator(first.registry.database, admin=tokens.digest_of(SECRET))
    services = inventory(directory, known, first.registry.database, store)
    with served(whole_app(store, services)) as url, InventoryClient(url, SECRET) as client:
        register(client)
        with http_receiver() as captured:
            send(captured.endpoint, protocol="http", days=0.3, traces=80, seed=11)
        _store(writer, captured)
        seal(store, directory / "seals")
        yield Demo(client, frozenset(span.trace_id.hex() for _, span in captured.spans))


def _store(writer: Writer, captured: Captured) -> None:
    who = Principal("default", "demo-token", Method.TOKEN)
    for signal, requests in ((Signal.TRACES, captured.traces), (Signal.LOGS, captured.logs)):
        for number, request in enumerate(requests):
            batch = f"evidence-{signal}-{time.time_ns()}-{number}"
            export = Export(signal, Encoding.PROTOBUF, request.SerializeToString(), who)
            stamped = payload.decode(export, time.time_ns(), batch)
            tail = [payload.batch_tail(batch), payload.keys_tail(DIGEST_KEY, DIGEST_KEY)]
            writer.insert(signal, writer.plan(batch), [stamped.payload, *tail])


def _answers(found: Evidence) -> Mapping[str, Answer]:
    return {one.question: one for one in found.answers}


def _played(demo: Demo, agent: str) -> list[Trace]:
    """Traces of the demo: others send into the same organisation."""
    now = datetime.now(UTC)
    found = demo.client.list_traces(limit=500, since=now - timedelta(days=1), until=now, agent=agent).traces
    return [one for one in found if one.trace_id in demo.traces]


def test_what_the_demo_says_is_missing_in_none_of_its_support_traces(demo: Demo) -> None:
    traces = [
        one for one in _played(demo, "support-crm-writer") if one.outcome == "completed" and not one.unpriced_calls
    ]
    assert len(traces) >= 10
    for trace in traces:
        found = demo.client.evidence(trace.trace_id)
        answers = _answers(found)
        missing = {name for name, one in answers.items() if one.standing == "missing"}
        assert missing == set(), (trace.trace_id, {name: answers[name].answer for name in missing})
        assert found.completeness == 1
        assert answers["requester"].answer.startswith("user-")
        assert answers["identity"].standing == "verified"
        assert answers["version"].standing == "claimed"  # The demo's releases aren't on record.
        assert "billing.refund" in found.model_dump_json() or trace.tool_calls
        assert found.undo, "it wrote"


def test_what_the_demo_does_not_say_is_missing(demo: Demo) -> None:
    (stray, *_) = _played(demo, "shadow-scraper")
    answers = _answers(demo.client.evidence(stray.trace_id))
    assert answers["requester"].standing == "missing"
    assert answers["version"].standing == "missing"
    assert answers["undo"].standing == "not-needed"  # Nobody registered it, so nobody said what writes.
    assert "user.id" in answers["requester"].missing[0]
    pipelines = [_answers(demo.client.evidence(one.trace_id)) for one in _played(demo, "pipeline-publisher")]
    quiet = [one for one in pipelines if one["approval"].standing == "not-needed"]
    assert quiet
    for answers in quiet:  # No policy is asked where nothing is severe; chat.notify has no declared reversal.
        assert answers["policy"].standing == "missing"
        assert answers["undo"].missing == ["declare the reversal of chat.notify in the agent's entry (tools.reversals)"]
    unpriced = [one for one in _played(demo, "support-qa-sampler") if one.unpriced_calls]
    assert unpriced
    assert _answers(demo.client.evidence(unpriced[0].trace_id))["cost"].standing == "missing"


def test_an_approval_of_the_demo_is_a_claim(demo: Demo) -> None:
    gated = [one for one in _played(demo, "support-supervisor-gate") if one.approvals]
    assert gated
    answers = _answers(demo.client.evidence(gated[0].trace_id))
    assert answers["approval"].standing == "claimed"
    assert answers["policy"].standing == "claimed"


def test_a_page_says_the_same_and_fetches_nothing(demo: Demo, tmp_path: Path) -> None:
    (trace, *_) = _played(demo, "support-crm-writer")
    found, page = demo.client.evidence(trace.trace_id), demo.client.evidence_page(trace.trace_id)
    (tmp_path / "evidence.html").write_text(page)
    assert trace.trace_id in page
    assert all(one.asks in page for one in found.answers)
    assert "src=" not in page
    assert "http" not in page.replace("http.get", "")
    with pytest.raises(NotFound):
        demo.client.evidence("0" * 31 + "1")


@pytest.fixture(scope="module")
def bank(store: Store, writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with standing(store, writer, tmp_path_factory.mktemp("bank")) as made:
        yield made


def test_what_muster_knows_itself_is_verified(bank: Bank, store: Store, tmp_path: Path) -> None:
    """A signed envelope, an approval on record and a call of exactly what was allowed."""
    key = SigningKey.generate()
    agent = bank.admin.get_agent("crm-writer")
    tools = agent.spec.tools.model_copy(update={"reversals": {"billing.refund": "billing.charge with its id"}})
    spec = agent.spec.model_copy(update={"envelope_keys": [key.public_pem], "tools": tools})
    bank.admin.put_agent("crm-writer", spec, agent.revision)
    with bank.gate() as gate, bank.root("user-7") as root, bank.deciding("olga"):
        assert isinstance(gate, Gate)
        here = trace_id()
        envelope = TaskEnvelope.model_validate(
            {"trace_id": here, "task_id": "task-9", "issued_by": "crm-writer", "issued_at": "2026-03-02T02:00:00Z",
             "requester": "user-7", "required_approvals": ["billing.refund"]}
        )  # fmt: skip
        root.set_attributes(key.seal(envelope).attributes())
        arguments = {"case": "C-1042", "amount": 900}
        with gate.call("billing.refund", arguments, policy=("refund-over-500", "2026-02"), shown="Refund 900 USD"):
            pass
    bank.send()
    seal(store, tmp_path)
    found = bank.people["ada"].evidence(here)
    answers = _answers(found)
    standings = {name: one.standing for name, one in answers.items()}
    assert standings == {
        "requester": "verified", "identity": "verified", "version": "missing", "data": "not-needed",
        "tools": "verified", "policy": "verified", "approval": "verified", "cost": "not-needed",
        "failures": "claimed", "undo": "verified",
    }  # fmt: skip
    assert "olga allowed billing.refund" in answers["approval"].answer
    assert [step.how for step in found.undo] == ["billing.charge with its id"]
    assert found.completeness == pytest.approx(7 / 8)
    masked = bank.people["vera"].evidence(here)
    assert masked.masked
    assert "900" not in json.dumps([one.model_dump(mode="json") for one in masked.answers])
    assert {name: one.standing for name, one in _answers(masked).items()} == standings


def test_a_token_of_a_machine_reads_no_evidence(bank: Bank) -> None:
    secret = bank.admin.issue_token(NewToken(kind="agent", name="x", agents=["crm-writer"])).secret
    with InventoryClient(bank.url, secret) as client, pytest.raises(NotAllowed):
        client.evidence("0" * 32)
