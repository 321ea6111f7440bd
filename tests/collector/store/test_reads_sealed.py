"""What sealing tells is in every list, and a trace that changed since is shown as it is, not as it was."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from collector.store import one_trace, rows
from collector.store.connection import Store
from collector.store.trace_filters import Order, TraceFilters
from collector.store.trace_list import list_traces, waiting_traces
from tests.collector.store.sealing import Sealing, client, seal, sender
from tests.inventory.telemetry import HOUR, MINUTE, MS, SECOND, Sender, Sent, agent, chat, span_id, tool, trace_id

__all__ = ["client", "seal", "sender"]

NOW = time.time_ns() // SECOND * SECOND
PRICED = {"gen_ai.provider.name": "openai", **chat("gpt-4o-mini", (1_000, 100))}
"""$0.15 and $0.60 a million."""
COST = Decimal("0.00021")


def listed(client: Client, sender: Sender, **filters: Any) -> list[rows.TraceRow]:
    """Every trace, page by page."""
    asked = TraceFilters(**{"since_ns": NOW - HOUR, "until_ns": NOW, **filters})
    found: list[rows.TraceRow] = []
    while True:
        page = list_traces(client, sender.org, asked)
        found += page.traces
        if page.after is None:
            return found
        asked = replace(asked, after=page.after)


def ids(traces: list[rows.TraceRow]) -> list[int]:
    return [int(row.trace_id, 16) for row in traces]


def test_sealing_adds_what_only_the_whole_trace_tells_and_changes_nothing_else(
    client: Client, sender: Sender, seal: Sealing
) -> None:
    sender.spans(
        Sent(1001, 1, 0, "workflow", NOW - 10 * MINUTE, 2 * SECOND, None, "front", {"user.id": "u1"}),
        Sent(1001, 2, 1, "agent", NOW - 10 * MINUTE + MS, SECOND, None, "back", agent("drafter")),
        Sent(1001, 3, 2, "chat", NOW - 10 * MINUTE + 2 * MS, SECOND, "boom", "back", PRICED),
        Sent(1001, 4, 2, "chat", NOW - 10 * MINUTE + 3 * MS, SECOND, None, "back", chat("nobody-knows-it")),
        Sent(1001, 5, 2, "tool", NOW - 10 * MINUTE + 4 * MS, SECOND, None, "back", tool("crm.update")),
    )
    (before,) = listed(client, sender)
    assert (before.sealed, before.cost, before.unpriced_calls, before.complete) == (False, None, None, None)
    seal([1001])
    (after,) = listed(client, sender)
    assert (after.sealed, after.cost, after.unpriced_calls, after.complete) == (True, COST, 1, True)
    assert after.critical_ns is not None
    unsealed: dict[str, Any] = {"sealed": False, "cost": None, "unpriced_calls": None, "complete": None}
    assert replace(after, **unsealed, critical_ns=None, human_wait_ns=None) == before
    detail = one_trace.get_trace(client, sender.org, trace_id(1001), 10)
    assert detail is not None
    assert detail.figures == after
    call, unknown = (span.facts for span in detail.spans[2:4])
    assert call is not None
    assert unknown is not None
    assert (call.agent, call.cost, call.unpriced, call.own_ns) == ("drafter", COST, "", SECOND)
    assert (unknown.cost, unknown.price_id, unknown.unpriced) == (None, "", "MODEL")
    span = one_trace.get_span(client, sender.org, trace_id(1001), span_id(3))
    assert span == detail.spans[2]


def test_a_span_that_comes_late_shows_at_once_and_the_next_seal_counts(
    client: Client, sender: Sender, seal: Sealing
) -> None:
    start = NOW - 10 * MINUTE
    sender.spans(
        Sent(1011, 1, 0, "root", start), Sent(1011, 3, 1, "call", start + MS, attributes=PRICED),
        Sent(1012, 1, 0, "other", start - SECOND),
    )  # fmt: skip
    seal([1011, 1012])
    sender.spans(Sent(1011, 2, 1, "earlier", start - 2 * SECOND, error="late", attributes=PRICED))
    found = listed(client, sender)
    assert [(row.trace_id, row.spans, row.sealed) for row in found] == [
        (trace_id(1012), 1, True), (trace_id(1011), 3, False),
    ]  # fmt: skip
    tree = one_trace.trace_tree(client, sender.org, trace_id(1011), 10)
    assert [(span.name, span.facts) for span in tree] == [("earlier", None), ("root", None), ("call", None)]
    assert waiting_traces(client, sender.org).traces == 1
    seal([1011])
    found = listed(client, sender)
    assert [(row.trace_id, row.spans, row.cost) for row in found] == [
        (trace_id(1012), 1, None), (trace_id(1011), 3, 2 * COST),
    ]  # fmt: skip
    assert waiting_traces(client, sender.org).traces == 0
    tree = one_trace.trace_tree(client, sender.org, trace_id(1011), 10)
    assert [span.facts.cost if span.facts else None for span in tree] == [COST, None, COST]


def test_a_sealed_tree_needs_no_look_at_the_rows_and_is_the_same(
    store: Store, client: Client, sender: Sender, seal: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = NOW - 20 * MINUTE
    sender.spans(
        Sent(1031, 1, 0, "root", start, 9 * SECOND), Sent(1031, 4, 1, "agent", start + MS, attributes=agent("drafter")),
        Sent(1031, 2, 4, "call", start + 3 * MS, error="boom", attributes=PRICED),
        Sent(1031, 3, 7, "tool", start + 2 * MS, attributes=tool("crm.update", '{"id": 1}')),
    )  # fmt: skip
    seal([1031])
    slow = one_trace._tree_of_rows(client, sender.org, trace_id(1031), 10)
    with monkeypatch.context() as patched:
        patched.setattr(one_trace, "_tree_of_rows", None)
        fast = one_trace.trace_tree(client, sender.org, trace_id(1031), 10)
        assert one_trace.trace_tree(client, sender.org, trace_id(1031), 2) == fast[:2]
    assert fast == slow
    assert [(span.name, span.parent_span_id, span.agent) for span in fast] == [
        ("root", "", ""), ("agent", span_id(1), "drafter"), ("tool", span_id(7), ""), ("call", span_id(4), ""),
    ]  # fmt: skip
    assert fast[2].text_bytes > 0
    with store.spare_reader() as beside:
        assert beside is not None
        with store.spare_reader() as third:
            assert third is None
        whole = one_trace.get_trace(client, sender.org, trace_id(1031), 10, beside)
        assert one_trace.get_trace(client, "another", trace_id(1031), 10, beside) is None
    assert whole is not None
    assert whole == one_trace.get_trace(client, sender.org, trace_id(1031), 10)
    assert [span.facts for span in whole.spans] == [span.facts for span in fast]
    sender.spans(Sent(1031, 3, 7, "tool", start + 2 * MS, attributes=tool("crm.update", '{"id": 1}')))
    seal([1031])
    tree = one_trace.trace_tree(client, sender.org, trace_id(1031), 10)
    assert [span.duplicate for span in tree] == [False, False, False, True, False]
    assert one_trace.trace_tree(client, "another", trace_id(1031), 10) == []


def costs(*calls: int) -> list[Sent]:
    """A trace for each number of priced calls, a second apart, newest first; 0: an unpriced call."""
    found = []
    for number, many in enumerate(calls):
        start = NOW - (number + 1) * SECOND
        found.append(Sent(1100 + number, 1, 0, "root", start))
        found += [Sent(1100 + number, n + 1, 1, "chat", start, attributes=PRICED) for n in range(1, many + 1)]
        if not many:
            found.append(Sent(1100 + number, 2, 1, "chat", start, attributes=chat("nobody-knows-it")))
    return found


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_the_dearest_come_first_and_those_without_a_known_cost_last(
    client: Client, sender: Sender, seal: Sealing, limit: int
) -> None:
    sender.spans(*costs(1, 0, 3, 1, 0, 2))
    seal(range(1100, 1105))
    assert ids(listed(client, sender, order=Order.DEAREST, limit=limit)) == [
        1102, 1100, 1103, 1101, 1104, 1105,
    ]  # fmt: skip
    assert ids(listed(client, sender, min_cost=2 * COST, limit=limit)) == [1102]
    assert ids(listed(client, sender, max_cost=COST, limit=limit)) == [1100, 1103]


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("limit", [1, 3, 500])
def test_pages_hold_sealed_waiting_and_resealed_traces_once_each(
    client: Client, sender: Sender, seal: Sealing, order: Order, limit: int
) -> None:
    spans = [Sent(1200 + n, 1, 0, start=NOW - (n + 1) * SECOND, duration=(n % 3 + 1) * MS) for n in range(9)]
    sender.spans(*spans)
    seal(range(1200, 1206))
    sender.spans(*(Sent(1200 + n, 2, 1, start=NOW - (n + 1) * SECOND, duration=MS) for n in range(4)))
    seal(range(1200, 1202))
    found = listed(client, sender, order=order, limit=limit)
    assert sorted(ids(found)) == list(range(1200, 1209))
    assert [row.spans for row in sorted(found, key=lambda row: row.trace_id)] == [2] * 4 + [1] * 5
    key = {Order.WORST: lambda row: (-row.duration_ns, -int(row.trace_id, 16))}.get(order, lambda row: -row.start_ns)
    assert found == sorted(found, key=key)


MATCHED: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1303, 1302, 1301]),
    ({"service": "back"}, [1301]),
    ({"agent": "drafter"}, [1301]),
    ({"model": "gpt-4o-mini"}, [1302, 1301]),
    ({"tool": "crm.update"}, [1301]),
    ({"failed": True}, [1302]),
    ({"requester": "u1"}, [1301]),
    ({"release": "r-7"}, [1302]),
    ({"conversation": "c-1"}, [1302, 1301]),
    ({"environment": "prod"}, [1301]),
    ({"environment": "inside"}, []),
    ({"text": "WORK"}, [1301]),
    ({"text": "%"}, []),
    ({"attributes": {"tenant": "acme"}}, [1302, 1301]),
    ({"attributes": {"tenant": "acme", "retry": "3"}}, [1302]),
    ({"attributes": {"deployment.environment.name": "prod"}}, [1301]),
    ({"attributes": {"note": "n" * 400}}, [1303]),
    ({"attributes": {"note": "n" * 399}}, []),
    ({"attributes": {"nowhere": ""}}, [1303, 1302, 1301]),
    ({"min_duration_ns": 2 * SECOND}, [1301]),
    ({"max_duration_ns": 2 * SECOND - 1}, [1303, 1302]),
    ({"agent": "drafter", "model": "gpt-4o-mini", "requester": "u1", "attributes": {"tenant": "acme"}}, [1301]),
    ({"service": "x' OR 1 = 1 --"}, []),
]


@pytest.mark.parametrize("sealed", [False, True])
def test_a_filter_finds_the_same_traces_whether_or_not_they_are_sealed(
    client: Client, sender: Sender, seal: Sealing, sealed: bool
) -> None:
    start = NOW - 40 * MINUTE
    sender.spans(
        Sent(1301, 1, 0, "workflow", start, 2 * SECOND, None, "svc", {"user.id": "u1", "tenant": "acme"}),
        Sent(1301, 2, 1, "agent", start, SECOND, None, "svc", {**agent("drafter"), "gen_ai.conversation.id": "c-1"}),
        Sent(1301, 3, 2, "chat", start, SECOND, None, "back", PRICED),
        Sent(1301, 4, 2, "tool", start, SECOND, None, "back", {**tool("crm.update"), "user.id": "u2"}),
        resource={"deployment.environment.name": "prod"},
    )
    sender.spans(
        Sent(1302, 1, 0, "other", start + MS, SECOND, None, "svc", {"muster.release.id": "r-7", "tenant": "acme"}),
        Sent(
            1302, 2, 1, "chat", start + MS, SECOND, "no", "svc", {**PRICED, "gen_ai.conversation.id": "c-1", "retry": 3}
        ),
    )
    sender.spans(Sent(1302, 3, 1, "in", start + MS, MS), resource={"deployment.environment.name": "inside"})
    sender.spans(Sent(1303, 1, 0, "long", start + 2 * MS, MS, None, "svc", {"note": "n" * 400}))
    if sealed:
        seal(range(1301, 1304))
    assert waiting_traces(client, sender.org).traces == (0 if sealed else 3)
    for number, (filters, expected) in enumerate(MATCHED):
        order = list(Order)[number % 3]
        found = ids(listed(client, sender, order=order, **filters))
        assert sorted(found, reverse=True) == expected, (filters, order)
