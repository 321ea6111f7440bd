"""What is wrong about an approval is found, in traffic of agents that ask with the helper."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from collector.store.connection import Store
from collector.store.writer import Writer
from inventory.client.gate import Denied
from inventory.findings.keeping import Findings
from tests.approvals.bank import Bank, standing, trace_id
from tests.inventory.incidents.traffic import seal

REFUND = "billing.refund"
ARGUMENTS = {"case": "C-1042", "amount": 900}
OF_APPROVALS = {
    "unapproved-action", "ran-after-denial", "arguments-changed", "self-approval", "approval-expired",
    "wrong-approver", "approval-unrecorded",
}  # fmt: skip


@pytest.fixture(scope="module")
def bank(store: Store, writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with standing(store, writer, tmp_path_factory.mktemp("bank")) as made:
        yield made


def as_it_should_be(bank: Bank) -> str:
    with bank.gate() as gate, bank.root("user-7"), bank.deciding("olga"):
        with gate.call(REFUND, ARGUMENTS, approvers=["olga"]):
            pass
        return trace_id()


def changed_by_a_person(bank: Bank) -> str:
    """What they allowed instead is what was done."""
    with bank.gate() as gate, bank.root("user-7"), bank.deciding("olga", "modify", arguments={"amount": 1}):
        bank.tool(REFUND, gate.ask(REFUND, ARGUMENTS).attributes)
        return trace_id()


def ran_without(bank: Bank) -> str:
    with bank.root("user-7"):
        bank.tool(REFUND, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": REFUND})
        return trace_id()


def ran_after_denial(bank: Bank) -> str:
    with bank.gate() as gate, bank.root("user-7"), bank.deciding("olga", "deny"):
        try:
            gate.ask(REFUND, ARGUMENTS)
        except Denied:
            bank.tool(REFUND, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": REFUND})
        return trace_id()


def arguments_changed(bank: Bank) -> str:
    with bank.gate() as gate, bank.root("user-7"), bank.deciding("olga"):
        permit = gate.ask(REFUND, ARGUMENTS)
        more = json.dumps({**ARGUMENTS, "amount": 9_000})
        bank.tool(REFUND, {**permit.attributes, "gen_ai.tool.call.arguments": more})
        return trace_id()


def self_approval(bank: Bank) -> str:
    """The agent doesn't say for whom it asks; its trace does."""
    with bank.gate() as gate, bank.root("olga"), bank.deciding("olga"):
        bank.tool(REFUND, gate.ask(REFUND, ARGUMENTS).attributes)
        return trace_id()


def approval_expired(bank: Bank) -> str:
    with bank.gate() as gate, bank.root("user-7"), bank.deciding("olga"):
        bank.tool(REFUND, gate.ask(REFUND, ARGUMENTS, good_for_minutes=1).attributes, seconds=120)
        return trace_id()


def wrong_approver(bank: Bank) -> str:
    with bank.gate() as gate, bank.root("user-7"), bank.deciding("ada", override=True):
        bank.tool(REFUND, gate.ask(REFUND, ARGUMENTS, approvers=["team:supervisors"]).attributes)
        return trace_id()


SCENES = {
    as_it_should_be: set[str](),
    changed_by_a_person: set[str](),
    ran_without: {"unapproved-action"},
    ran_after_denial: {"ran-after-denial"},
    arguments_changed: {"arguments-changed"},
    self_approval: {"self-approval"},
    approval_expired: {"approval-expired"},
    wrong_approver: {"wrong-approver"},
}


@pytest.fixture(scope="module")
def found(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """Findings by scene."""
    traces = {scene.__name__: scene(bank) for scene in SCENES}
    bank.send()
    seal(bank.store, tmp_path_factory.mktemp("seals"))
    looking = Findings(
        bank.registry, bank.store, bank.services.publisher, clock=lambda: datetime.now(UTC) + timedelta(minutes=10)
    )
    summary = looking.run(bank.org)
    assert summary["opened"] >= 6
    rows = bank.store.client().query("SELECT TraceId, Finding FROM finding_hits FINAL WHERE NOT Gone").result_rows
    return {name: {finding for trace, finding in rows if trace == of} & OF_APPROVALS for name, of in traces.items()}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_what_is_wrong_about_an_approval_is_found_and_nothing_else(
    found: Mapping[str, set[str]], scene: object
) -> None:
    assert found[scene.__name__] == SCENES[scene]  # type: ignore[attr-defined, index]
