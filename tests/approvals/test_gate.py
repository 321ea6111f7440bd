"""An agent asks, a person decides, and record, trace and execution are one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from random import Random

import pytest

from collector.demo import support
from collector.demo.agents import CRM
from collector.demo.schedule import Incident
from collector.demo.stage import Stage
from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.client import Conflict, NotAllowed
from inventory.client.gate import Denied, Gate, TimedOut, Unanswered
from inventory.contract.approvals import AskApproval, DecideApproval
from inventory.registry import approvals
from tests.approvals.bank import OTHER, WRITER, Bank, standing, trace_id
from tests.approvals.examples import in_langgraph, in_the_demo, plain, plain_async
from tests.inventory.registry.asking import asking, ready

ARGUMENTS = {"case": "C-1042", "amount": 900}


@pytest.fixture(scope="module")
def bank(store: Store, writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with standing(store, writer, tmp_path_factory.mktemp("bank")) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_waits(bank: Bank) -> Iterator[None]:
    yield
    for row in bank.people["ada"].list_approvals(state="pending").approvals:
        bank.people["ada"].decide_approval(
            row.id, DecideApproval(decision="deny", reason="the test is over", override=bool(row.approvers))
        )
    bank.spans.clear()


def test_what_a_supervisor_allows_is_done_and_the_record_knows_by_whom_and_on_what(bank: Bank) -> None:
    paid: list[dict[str, object]] = []
    with bank.gate() as gate, bank.root("user-7"), bank.deciding("olga") as said:
        plain.refund(gate, lambda **given: paid.append(given), "C-1042", 900)
        here = trace_id()
    assert paid == [ARGUMENTS]
    (record,) = said
    assert (record.state, record.enforced, record.approver, record.decided_by) == (
        "approved", "allowed", "olga", "person:olga",
    )  # fmt: skip
    assert (record.policy_id, record.policy_version, record.verdict) == ("refund-over-500", "2026-02", "needs_approval")
    assert record.trace_id == here
    spans = {span.name: span for span in bank.spans.get_finished_spans()}
    done, asker = spans["execute_tool billing.refund"], spans[f"invoke_agent {WRITER}"]
    assert done.attributes is not None
    assert done.attributes["gen_ai.tool.call.id"] == record.tool_call_id
    assert record.span_id == f"{asker.context.span_id:016x}"
    events = [dict(event.attributes or {}) for event in asker.events if event.name == "muster.approval"]
    assert [event["muster.approval.decision"] for event in events] == ["requested", "approved"]
    assert events[1]["muster.approval.approver"] == "olga"
    bank.send()
    detail = bank.people["olga"].get_approval(record.id)
    (execution,) = detail.executions
    assert (execution.matches, execution.in_time, execution.failed) == (True, True, False)
    assert execution.arguments_digest == record.arguments_digest
    claims = bank.admin.approvals(only={"approver": "olga"}).decisions
    assert record.id in {one.approval.approval_id for one in claims}


def test_what_is_small_is_nobodys_business(bank: Bank) -> None:
    paid: list[dict[str, object]] = []
    with bank.gate() as gate:
        plain.refund(gate, lambda **given: paid.append(given), "C-1", 500)
    assert paid == [{"case": "C-1", "amount": 500}]


def test_in_an_event_loop_it_is_the_same(bank: Bank) -> None:
    paid: list[dict[str, object]] = []

    async def pay(**given: object) -> None:
        paid.append(given)

    async def run() -> None:
        async with bank.async_gate() as gate:
            await plain_async.refund(gate, pay, "C-1042", 900)

    with bank.root(), bank.deciding("ben"):
        asyncio.run(run())
    assert paid == [ARGUMENTS]


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_langgraph_node_waits_for_a_person_and_goes_on_as_they_say(bank: Bank, decision: str) -> None:
    paid: list[dict[str, object]] = []
    with bank.gate() as gate, bank.root(), bank.deciding("olga", decision) as said:
        graph = in_langgraph.graph(gate, lambda **given: paid.append(given))
        outcome = graph.invoke(ARGUMENTS)["outcome"]
    if decision == "approve":
        assert (paid, outcome) == ([ARGUMENTS], "refunded")
        names = [span.name for span in bank.spans.get_finished_spans()]
        assert names.count("execute_tool billing.refund") == 1
    else:
        assert paid == []
        assert outcome.startswith("handed over: olga did not let billing.refund happen: because")
    assert said[0].trace_id != ""


def test_what_a_person_changed_is_what_may_be_done(bank: Bank) -> None:
    less = {"case": "C-1042", "amount": 450}
    with bank.gate() as gate, bank.root(), bank.deciding("olga", "modify", arguments=less):
        permit = gate.ask("billing.refund", ARGUMENTS)
    assert permit.arguments == less
    assert permit.approval.state == "modified"
    assert permit.approval.allowed_digest not in (None, permit.approval.arguments_digest)
    bank.tool("billing.refund", permit.attributes)


def test_nobody_says_anything_in_time(bank: Bank) -> None:
    """The clock is the registry's: an hour passes while the agent waits."""
    late = bank.registry.now() + timedelta(hours=1)
    with bank.gate() as gate, bank.clock_at(late):
        with pytest.raises(TimedOut, match="Nobody decided about"):
            gate.ask("billing.refund", ARGUMENTS, minutes=30)
        row = bank.people["ada"].list_approvals(state="timed-out").approvals[0]
        assert row.enforced == "blocked"
        with pytest.raises(Conflict, match="too late"):
            bank.people["olga"].decide_approval(row.id, DecideApproval(decision="approve"))
        with bank.registry.changing(asking()) as change:
            assert approvals.overdue(change) == 1
    entries = bank.admin.list_audit(limit=5, kind="approval", object=row.id).entries
    assert entries[0].action == "approval.time-out"


def test_an_observing_agent_goes_on_and_the_verdict_stays_apart(bank: Bank) -> None:
    with bank.gate() as gate, bank.deciding("olga", "deny"):
        permit = gate.ask("billing.refund", ARGUMENTS, mode="observe", verdict="deny")
    assert (permit.approval.state, permit.approval.enforced, permit.approval.verdict) == ("denied", "allowed", "deny")


def test_the_one_it_is_asked_for_can_not_approve_it(bank: Bank) -> None:
    row = bank.asked(AskApproval(agent=WRITER, tool="billing.refund", arguments=ARGUMENTS, requester="olga"))
    assert not bank.people["olga"].get_approval(row.id).approval.may_decide
    with pytest.raises(NotAllowed, match="second person"):
        bank.people["olga"].decide_approval(row.id, DecideApproval(decision="approve"))
    assert bank.people["ben"].decide_approval(row.id, DecideApproval(decision="approve")).state == "approved"


def test_who_was_named_decides_and_an_admin_only_by_overriding_them(bank: Bank) -> None:
    asked = AskApproval(agent=WRITER, tool="billing.refund", arguments=ARGUMENTS, approvers=["team:supervisors"])
    row = bank.asked(asked)
    assert not bank.people["olga"].get_approval(row.id).approval.may_decide
    assert bank.people["ben"].get_approval(row.id).approval.may_decide
    with pytest.raises(NotAllowed, match="team:supervisors were asked"):
        bank.people["olga"].decide_approval(row.id, DecideApproval(decision="approve"))
    with pytest.raises(NotAllowed, match="override: true"):
        bank.people["ada"].decide_approval(row.id, DecideApproval(decision="approve"))
    done = bank.people["ada"].decide_approval(
        row.id, DecideApproval(decision="approve", override=True, reason="nobody of them is in")
    )
    assert (done.override, done.approver) == (True, "ada")
    assert (
        bank.people["ben"].decide_approval(bank.asked(asked).id, DecideApproval(decision="approve")).override is False
    )


def test_a_decision_stays_and_a_machine_never_decides(bank: Bank) -> None:
    row = bank.asked(AskApproval(agent=WRITER, tool="billing.refund", arguments=ARGUMENTS))
    with bank.gate() as gate:
        agent = bank.client_of(WRITER)
        with pytest.raises(NotAllowed, match="A person decides"):
            agent.decide_approval(row.id, DecideApproval(decision="approve"))
        with pytest.raises(NotAllowed):
            bank.client_of(OTHER).get_approval(row.id)
        assert isinstance(gate, Gate)
    bank.people["olga"].decide_approval(row.id, DecideApproval(decision="deny", reason="no"))
    with pytest.raises(Conflict, match="denied already"):
        bank.people["ben"].decide_approval(row.id, DecideApproval(decision="approve"))
    with pytest.raises(Conflict, match="denied already"):
        bank.client_of(WRITER).withdraw_approval(row.id)


def test_an_agent_asks_for_itself_and_once(bank: Bank) -> None:
    asked = AskApproval(agent=OTHER, tool="billing.refund", arguments=ARGUMENTS)
    with pytest.raises(NotAllowed):
        bank.client_of(WRITER).ask_approval(asked)
    with bank.gate(OTHER) as gate:
        gate.agent = WRITER
        with pytest.raises(Unanswered, match="may not ask"):
            gate.ask("billing.refund", ARGUMENTS)
    first, second = (bank.client_of(OTHER).ask_approval(asked, key="the-same") for _ in range(2))
    assert first.id == second.id
    assert bank.client_of(OTHER).withdraw_approval(first.id, "the customer left").state == "withdrawn"


def test_where_nobody_can_be_asked_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.client.gate.time.sleep", lambda seconds: None)
    with Gate(WRITER, "http://127.0.0.1:9", "x") as gate, pytest.raises(Unanswered, match="Nothing answers"):
        gate.ask("billing.refund", ARGUMENTS)


def test_arguments_are_seen_by_who_decides_and_masked_for_others_and_never_published(bank: Bank) -> None:
    secret = {"iban": "DE02120300000000202051"}
    row = bank.asked(
        AskApproval(agent=WRITER, tool="billing.refund", arguments=secret, shown="pay DE02120300000000202051")
    )
    assert json.loads(bank.people["olga"].get_approval(row.id).approval.arguments or "") == secret
    seen = bank.people["vera"].get_approval(row.id).approval
    assert (seen.masked, seen.arguments, seen.shown) == (True, None, None)
    assert seen.arguments_digest == row.arguments_digest
    bank.services.publisher.run()
    document = bank.published(row.id)
    assert row.arguments_digest in document
    assert "DE0212" not in document
    entries = bank.admin.list_audit(limit=50, kind="approval", object=row.id).entries
    assert [entry.action for entry in entries] == ["approval.request"]
    assert "DE0212" not in str([entry.after for entry in entries])


def test_a_word_of_no_without_a_reason_is_refused_with_the_field(bank: Bank) -> None:
    with pytest.raises(ValueError, match="a reason is needed"):
        DecideApproval(decision="deny")
    with pytest.raises(ValueError, match="with modify"):
        DecideApproval(decision="approve", arguments={})


def test_denied_says_who_and_why(bank: Bank) -> None:
    with (
        bank.gate() as gate, bank.deciding("olga", "deny"),
        pytest.raises(Denied, match=r"olga did not let billing.refund happen: because \(apr_"),
    ):  # fmt: skip
        gate.ask("billing.refund", ARGUMENTS)


def test_the_demos_support_asks_a_person_before_a_large_refund(bank: Bank) -> None:
    made = bank.admin.register_agent(CRM.service, ready("olga", matchers=[{"service": CRM.service}]))
    bank.admin.move_agent(CRM.service, "activate", made.revision)
    collected = in_the_demo.Collected()
    now = time.time_ns()
    stage = Stage(collected, seed=5, rollout=now, epoch=now)
    with bank.gate_of(CRM.service) as gate, bank.deciding("olga") as said:
        run = in_the_demo.AskingRun(gate, stage, Random(5), start=now, patience=0.001)
        support.play(run, Incident.LARGE_REFUND)
    (record,) = said
    assert (record.policy_id, record.requester) == ("refund-over-500", run.requester)
    bank.store_spans(collected.spans)
    (execution,) = bank.people["olga"].get_approval(record.id).executions
    assert (execution.matches, execution.in_time) == (True, True)
    claims = bank.admin.approvals(only={"approver": "olga"}, limit=500).decisions
    (claim,) = [one for one in claims if one.approval.approval_id == record.id]
    assert claim.standing == "on record"
