"""Spend, latency, tools, decisions and agents: every figure says what it leaves out."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest
from clickhouse_connect.driver.client import Client

from collector.store.agents_seen import agents_seen
from collector.store.decisions import DecisionFilters, decisions
from collector.store.latency import Of, latency, tools
from collector.store.spend import Bucket, By, SpendQuery, spend
from tests.collector.store.sealing import Sealing, client, seal, sender
from tests.inventory.telemetry import HOUR, MINUTE, MS, SECOND, Sender, Sent, agent, chat, tool, trace_id

__all__ = ["client", "seal", "sender"]

DAY = 24 * HOUR
START = time.time_ns() // DAY * DAY - DAY + 5 * HOUR
PRICED = {"gen_ai.provider.name": "openai", **chat("gpt-4o-mini", (1_000, 100))}
COST = Decimal("0.00021")


def test_spend_by_anything_counts_what_has_no_price_and_what_waits(
    client: Client, sender: Sender, seal: Sealing
) -> None:
    sender.spans(
        Sent(2001, 1, 0, "outer", START, SECOND, None, "svc", agent("lead")),
        Sent(2001, 2, 1, "inner", START, SECOND, None, "svc", agent("drafter")),
        Sent(2001, 3, 2, "chat", START, SECOND, None, "svc", PRICED),
        Sent(2001, 4, 1, "chat", START + HOUR, SECOND, None, "other", PRICED),
        Sent(2001, 5, 1, "chat", START, SECOND, None, "svc", chat("nobody-knows-it", (7, 8))),
        Sent(2001, 6, 1, "chat", START, SECOND, None, "svc", {**chat("gpt-4o"), "gen_ai.provider.name": "openai"}),
    )
    sender.spans(Sent(2002, 1, 0, "chat", START, attributes=PRICED))
    seal([2001])
    asked = SpendQuery(START + MINUTE, START + HOUR + MINUTE, [By.MODEL])
    table = spend(client, sender.org, asked)
    assert (table.since_ns, table.until_ns, table.waiting) == (START, START + 2 * HOUR, 1)
    found = {row.names[By.MODEL]: row for row in table.rows}
    priced, unknown, silent = (found[name] for name in ("gpt-4o-mini", "nobody-knows-it", "gpt-4o"))
    assert (priced.calls, priced.cost, priced.unpriced, priced.input_tokens) == (2, 2 * COST, 0, 2_000)
    assert (unknown.calls, unknown.cost, unknown.unpriced, unknown.input_tokens) == (1, None, 1, 7)
    assert (silent.cost, silent.unpriced, silent.tokens_unknown, silent.input_tokens) == (None, 1, 1, None)
    by_agent = spend(client, sender.org, replace(asked, by=[By.AGENT, By.ROOT_AGENT], bucket=Bucket.HOUR))
    assert [(row.start_ns, *row.names.values(), row.calls) for row in by_agent.rows] == [
        (START, "drafter", "lead", 1), (START, "lead", "lead", 2), (START + HOUR, "lead", "lead", 1),
    ]  # fmt: skip
    (only,) = spend(client, sender.org, replace(asked, by=[], bucket=Bucket.ALL, only={By.SERVICE: "other"})).rows
    assert (only.start_ns, only.names, only.calls) == (START, {}, 1)


def test_latency_has_the_quantiles_of_each_minute(client: Client, sender: Sender) -> None:
    spans = [Sent(2011, n, 0, "chat", START + n, n * MS, attributes=chat("m")) for n in range(1, 101)]
    late = [
        Sent(2011, 200, 0, "tool", START + MINUTE, SECOND, "x", attributes={**tool("pay"), "gen_ai.agent.name": "a"})
    ]
    sender.spans(*spans, *late)
    first, second = latency(client, sender.org, START, START + 2 * MINUTE, of=[Of.AGENT, Of.OPERATION])
    assert (first.names, first.calls, first.errors) == ({Of.AGENT: "", Of.OPERATION: "chat"}, 100, 0)
    assert first.p50_ns == pytest.approx(50 * MS, rel=0.05)
    assert first.p99_ns == pytest.approx(99 * MS, rel=0.05)
    assert (second.start_ns, second.names[Of.AGENT], second.errors, second.p95_ns) == (START + MINUTE, "a", 1, SECOND)
    (whole,) = latency(
        client, sender.org, START, START + 2 * MINUTE, of=[], only={Of.OPERATION: "chat"}, step_minutes=5
    )
    assert whole.calls == 100


def test_tools_have_their_calls_errors_and_agents(client: Client, sender: Sender) -> None:
    pay, look = ({**tool(name), "gen_ai.agent.name": "a"} for name in ("pay", "look"))
    other = {**tool("pay"), "gen_ai.agent.name": "b"}
    sender.spans(
        Sent(2021, 1, 0, "t", START, SECOND, "no", attributes=pay),
        Sent(2021, 2, 0, "t", START, SECOND, attributes=other),
        Sent(2021, 3, 0, "t", START, SECOND, attributes=look),
    )
    found = tools(client, sender.org, START, START + MINUTE)
    assert [(row.tool, row.calls, row.errors, row.agents, row.p95_ns) for row in found] == [
        ("pay", 2, 1, ["a", "b"], SECOND), ("look", 1, 0, ["a"], SECOND),
    ]  # fmt: skip
    found = tools(client, sender.org, START, START + MINUTE, tool="pay", by_agent=True)
    assert [(row.agent, row.errors) for row in found] == [("a", 1), ("b", 0)]


def test_every_decision_is_listed_once_page_by_page(client: Client, sender: Sender) -> None:
    def decided(number: int, decision: str) -> Sent:
        said = {
            "muster.approval.id": f"a{number}",
            "muster.approval.decision": decision,
            "muster.approval.approver": "kim",
        }
        return Sent(2031, number, 0, "tool", START, events=[(START + number * MS, "muster.approval", said)])

    spans = [decided(n, "approved" if n % 2 else "denied") for n in range(1, 6)]
    sender.spans(*spans)
    sender.spans(spans[0], request="again")
    asked = DecisionFilters(START, START + SECOND, limit=2)
    found: list[str] = []
    while True:
        page = decisions(client, sender.org, asked)
        found += [row.approval.approval_id for row in page.decisions]
        if page.after is None:
            break
        asked = replace(asked, after=page.after)
    assert found == ["a5", "a4", "a3", "a2", "a1"]
    denied = decisions(client, sender.org, replace(asked, after=None, decision="denied", approver="kim"))
    assert [(row.trace_id, row.approval.approval_id) for row in denied.decisions] == [
        (trace_id(2031), "a4"), (trace_id(2031), "a2"),
    ]  # fmt: skip


def test_agents_are_seen_with_who_sent_them_and_where(client: Client, sender: Sender) -> None:
    sender.spans(
        Sent(2041, 1, 0, "a", START, attributes=agent("drafter")),
        resource={"deployment.environment.name": "prod"},
        received=START + SECOND,
    )
    sender.spans(Sent(2041, 2, 0, "a", START + HOUR, error="x", attributes=agent("drafter")), received=START + HOUR)
    (row,) = agents_seen(client, sender.org)
    assert (row.agent, row.first_ns, row.last_ns, row.spans, row.errors) == ("drafter", START, START + HOUR, 2, 1)
    assert (row.environments, row.identities) == (["prod"], [("tester", "token")])
    assert agents_seen(client, sender.org, active_since_ns=START + HOUR + 1) == []
