"""What a page is told is what was sent: each span once, in its window, with nothing left out silently."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from collector.store import one_trace, reads, rows
from collector.store.connection import Store
from collector.store.ingest_health import IngestHealth, ingest_health
from collector.store.one_trace import get_span, get_trace
from collector.store.trace_filters import Order, TraceFilters
from collector.store.trace_list import TracePage, list_traces
from collector.store.writer import Writer
from tests.inventory.telemetry import HOUR, MINUTE, MS, SECOND, Sender, Sent, agent, chat, span_id, tool, trace_id

NOW = time.time_ns() // SECOND * SECOND


@pytest.fixture
def client(store: Store) -> Iterator[Client]:
    with store.reader() as reader:
        yield reader


@pytest.fixture
def sender(writer: Writer, request: pytest.FixtureRequest) -> Sender:
    """An organisation for each test, since they share the engine."""
    return Sender(writer, f"reads-{request.node.name}")


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


def test_an_empty_store_has_no_traces_and_no_newest(client: Client) -> None:
    asked = TraceFilters(NOW - HOUR, NOW)
    assert list_traces(client, "nobody", asked) == TracePage([], None)
    assert list_traces(client, "nobody", replace(asked, order=Order.WORST)) == TracePage([], None)
    assert get_trace(client, "nobody", trace_id(1), 100) is None
    assert get_span(client, "nobody", trace_id(1), span_id(1)) is None
    assert ingest_health(client, "nobody", NOW - HOUR) == IngestHealth(None, 0)


def test_a_trace_is_summed_up_in_one_row(client: Client, sender: Sender) -> None:
    start = NOW - 10 * MINUTE
    sender.spans(
        Sent(11, 1, 0, "workflow", start, 2 * SECOND, None, "front", {"muster.outcome": "completed", "user.id": "u1"}),
        Sent(11, 2, 1, "agent", start + MS, SECOND, None, "back", agent("drafter")),
        Sent(11, 3, 2, "chat", start + 2 * MS, SECOND, "boom", "back", chat("m-1", (100, 20))),
        Sent(11, 4, 2, "chat", start + 3 * MS, SECOND, None, "back", chat("m-2")),
        Sent(11, 5, 2, "tool", start + 4 * MS, 3 * SECOND, None, "back", tool("crm.update")),
        received=NOW - 9 * MINUTE,
    )
    (row,) = listed(client, sender)
    assert row == rows.TraceRow(
        trace_id=trace_id(11), start_ns=start, duration_ns=3 * SECOND + 4 * MS, has_root=True,
        root_name="workflow", root_service="front", root_status="Unset", outcome="completed", requester="u1",
        environment="", spans=5, duplicates=0, errors=1, services=["back", "front"], agents=["drafter"],
        models=["m-1", "m-2"], model_calls=2, model_calls_without_tokens=1, input_tokens=100, output_tokens=20,
        tool_calls=1, last_received_ns=NOW - 9 * MINUTE, tools=["crm.update"], releases=[], conversations=[],
        approvals=0,
    )  # fmt: skip
    assert row.severity == 1


def test_unknown_tokens_are_none_and_an_agents_repeated_sum_is_not_added(client: Client, sender: Sender) -> None:
    usage = {"gen_ai.usage.input_tokens": 7}
    sender.spans(Sent(21, 1, 0, start=NOW - MINUTE, attributes={**agent("a"), **usage}))
    sender.spans(Sent(22, 1, 0, start=NOW - MINUTE, attributes=chat("m", (0, 0))))
    by_id = {int(row.trace_id, 16): row for row in listed(client, sender)}
    assert (by_id[21].input_tokens, by_id[21].output_tokens) == (None, None)
    assert (by_id[22].input_tokens, by_id[22].output_tokens) == (0, 0)


def test_a_span_in_two_requests_counts_once_and_is_marked(client: Client, sender: Sender) -> None:
    root = Sent(31, 1, 0, "root", NOW - MINUTE)
    call = Sent(31, 2, 1, "chat", NOW - MINUTE, attributes=chat("m", (100, 20)), error="late")
    decided = (NOW - MINUTE, "muster.approval", {"muster.approval.id": "a1", "muster.approval.decision": "approved"})
    call = replace(call, events=[decided])
    sender.spans(root, call, received=NOW - 30 * SECOND, request="first")
    sender.spans(call, received=NOW - 20 * SECOND, request="second")
    (row,) = listed(client, sender)
    assert (row.spans, row.duplicates, row.errors, row.input_tokens, row.approvals) == (2, 1, 1, 100, 1)
    detail = get_trace(client, sender.org, trace_id(31), 100)
    assert detail is not None
    assert detail.stored_spans == 3
    copies = {(span.span_id, span.request_id): span.duplicate for span in detail.spans}
    assert copies == {
        (span_id(1), "first"): False,
        (span_id(2), "first"): False,
        (span_id(2), "second"): True,
    }
    assert len(detail.approvals) == 1


# Ends of slices, equal starts, a week's gap, and equal durations.
SPREAD = [
    Sent(100 + n, 1, 0, start=NOW - ago * SECOND, duration=(n % 3 + 1) * MS, error="x" if n % 4 == 0 else None)
    for n, ago in enumerate([1, 1, 1, 2, 9 * 60, 10 * 60, 10 * 60, 10 * 60 + 1, 3_600, 4_210, 7_200, 600_000])
]


@pytest.fixture(scope="module")
def spread(writer: Writer) -> Sender:
    sender = Sender(writer, "reads-spread")
    sender.spans(*SPREAD)
    return sender


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("limit", [1, 3, 500])
def test_pages_hold_every_trace_of_the_window_once_in_order(
    client: Client, spread: Sender, order: Order, limit: int
) -> None:
    def key(span: Sent) -> tuple[int, ...]:
        if order is not Order.WORST:
            return (span.start, span.trace)
        return (2 if span.error else 0, span.duration, span.trace)

    found = listed(client, spread, since_ns=NOW - 700_000 * SECOND, order=order, limit=limit)
    assert ids(found) == [span.trace for span in sorted(SPREAD, key=key, reverse=True)]


@pytest.mark.parametrize("order", list(Order))
def test_a_trace_belongs_to_the_window_it_starts_in(client: Client, sender: Sender, order: Order) -> None:
    before, inside = NOW - HOUR - 5 * MINUTE, NOW - 11 * MINUTE
    sender.spans(Sent(41, 1, 0, start=before, duration=HOUR), Sent(41, 2, 1, start=NOW - 30 * MINUTE))
    sender.spans(Sent(42, 1, 0, start=inside), Sent(42, 2, 1, start=NOW + MINUTE, duration=SECOND, error="x"))
    sender.spans(Sent(43, 1, 0, start=NOW))
    for filters in ({}, {"failed": True}):
        (row,) = listed(client, sender, order=order, limit=1, **filters)
        assert (int(row.trace_id, 16), row.spans, row.errors) == (42, 2, 1)
        assert row.duration_ns == 12 * MINUTE + SECOND


@pytest.fixture(scope="module")
def varied(writer: Writer) -> Sender:
    sender = Sender(writer, "reads-varied")
    start = NOW - 40 * MINUTE
    sender.spans(
        Sent(51, 1, 0, "workflow", start),
        Sent(51, 2, 1, "agent", start + 20 * MINUTE, service="back", attributes=agent("drafter")),
        Sent(52, 1, 0, "workflow", start + MS),
        Sent(52, 2, 1, "Refund Über 500", start + 2 * MS, error="denied"),
        Sent(53, 1, 0, "other", start + 2 * MS),
    )
    return sender


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"service": "back"}, [51]),
        ({"service": "BACK"}, []),
        ({"service": "x' OR 1 = 1 --"}, []),
        ({"agent": "drafter"}, [51]),
        ({"failed": True}, [52]),
        ({"text": "reFUND über"}, [52]),
        ({"text": "%"}, []),
        ({"min_duration_ns": SECOND}, [51]),
        ({"service": "back", "failed": True}, []),
        ({"agent": "drafter", "min_duration_ns": SECOND, "text": "work"}, [51]),
    ],
)
def test_a_filter_finds_traces_by_any_of_their_spans(
    client: Client, varied: Sender, order: Order, filters: dict[str, Any], expected: list[int]
) -> None:
    assert ids(listed(client, varied, order=order, **filters)) == expected


def test_a_trace_within_one_second_is_found_whole(client: Client, sender: Sender) -> None:
    start = NOW - MINUTE + 123_456_789
    sender.spans(Sent(65, 1, 0, start=start, duration=1), Sent(65, 2, 1, start=start + 1, duration=1))
    assert [(row.start_ns, row.duration_ns, row.spans) for row in listed(client, sender)] == [(start, 2, 2)]
    detail = get_trace(client, sender.org, trace_id(65), 10)
    assert detail is not None
    assert [span.start_ns for span in detail.spans] == [start, start + 1]


def test_one_organisation_never_sees_anothers(client: Client, sender: Sender, writer: Writer) -> None:
    sender.spans(Sent(61, 1, 0, start=NOW - MINUTE))
    Sender(writer, f"{sender.org}-other").spans(Sent(61, 2, 0, "theirs", start=NOW - MINUTE))
    (row,) = listed(client, sender)
    assert (row.spans, row.root_name) == (1, "step")
    detail = get_trace(client, sender.org, trace_id(61), 10)
    assert detail is not None
    assert [span.name for span in detail.spans] == ["step"]


def test_a_trace_comes_with_everything_a_page_needs(client: Client, sender: Sender) -> None:
    start = NOW - 5 * MINUTE
    approval = {
        "muster.approval.id": "apr-1", "muster.approval.decision": "denied", "muster.approval.approver": "kim",
        "muster.approval.policy.id": "refund", "muster.approval.policy.version": "3",
    }  # fmt: skip
    mixed = {"n": 3, "f": 0.5, "b": True, "l": ["a", "b"], "s": "text", **tool("pay", '{"amount": 5}', '{"ok": true}')}
    sender.spans(
        Sent(71, 2, 9, "tool", start, SECOND, "no", "svc", mixed, [(start + MS, "muster.approval", approval)]),
        received=NOW,
        request="request-7",
    )
    sender.log(71, 2, "calling", start + 2 * MS, {"attempt": 2})
    sender.log(71, 2, "another day", start - 26 * HOUR)
    detail = get_trace(client, sender.org, trace_id(71), 10)
    assert detail is not None
    assert not detail.figures.has_root
    (span,) = detail.spans
    assert (span.parent_span_id, span.parent_missing, span.shortened) == (span_id(9), True, False)
    assert (span.tool_arguments, span.tool_result, span.status_message) == ('{"amount": 5}', '{"ok": true}', "no")
    assert span.attributes["n"] == "3"
    assert span.attribute_kinds == {"n": 3, "f": 4, "b": 2, "l": 5}
    assert [(event.time_ns, event.name) for event in span.events] == [(start + MS, "muster.approval")]
    stamp = (span.org, span.identity, span.identity_method, span.received_ns, span.request_id)
    assert stamp == (sender.org, "tester", "token", NOW, "request-7")
    (reported,) = detail.approvals
    assert (reported.approval_id, reported.decision, reported.approver, reported.policy_version) == (
        "apr-1", "denied", "kim", "3",
    )  # fmt: skip
    assert [(log.body, log.severity, log.attribute_kinds) for log in detail.logs] == [
        ("calling", "WARN", {"attempt": 3})
    ]
    assert detail.logs_total == 1


def test_a_large_trace_is_capped_and_says_so(client: Client, sender: Sender) -> None:
    sender.spans(*(Sent(81, n, n - 1, start=NOW - MINUTE + n * MS) for n in range(1, 301)))
    detail = get_trace(client, sender.org, trace_id(81), 100)
    assert detail is not None
    assert (len(detail.spans), detail.stored_spans, detail.figures.spans) == (100, 300, 300)
    assert not any(span.parent_missing for span in detail.spans)


def test_long_texts_of_a_large_trace_are_cut_and_can_be_read_whole(
    client: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_trace, "TEXT_BUDGET", 10_000)
    said = "é" * 9_000
    sender.spans(
        Sent(91, 1, 0, start=NOW - MINUTE, attributes={**chat("m"), "gen_ai.input.messages": said}),
        Sent(91, 2, 1, start=NOW - MINUTE, attributes={"input.value": said}),
        Sent(91, 3, 1, start=NOW - MINUTE, attributes={"short": "x"}),
    )
    detail = get_trace(client, sender.org, trace_id(91), 10)
    assert detail is not None
    assert [(span.shortened, len(span.input_messages)) for span in detail.spans] == [
        (True, 2_000), (True, 0), (False, 0),
    ]  # fmt: skip
    assert len(detail.spans[1].attributes["input.value"]) == 2_000
    whole = get_span(client, sender.org, trace_id(91), span_id(1))
    assert whole is not None
    assert (whole.input_messages, whole.shortened) == (said, False)


def test_what_came_in_is_counted_by_the_minute_of_receipt(client: Client, sender: Sender) -> None:
    minute = NOW // MINUTE * MINUTE
    sender.spans(Sent(95, 1, start=NOW - 300 * HOUR), Sent(95, 2, start=NOW), received=minute - MINUTE)
    sender.spans(Sent(95, 3, start=NOW - HOUR), received=minute + SECOND)
    sender.spans(Sent(95, 4, start=NOW - HOUR), received=minute - 3 * HOUR)
    health = ingest_health(client, sender.org, minute - HOUR)
    assert health.minutes == [((minute - MINUTE) // SECOND, 2), (minute // SECOND, 1)]
    assert (health.newest_ns, health.spans) == (minute + SECOND, 4)


@pytest.mark.parametrize(("code", "expected"), [(241, reads.TooMuch), (159, reads.TooMuch), (60, reads.Unavailable)])
def test_the_engines_errors_are_sorted_and_quote_nothing(code: int, expected: type[Exception]) -> None:
    class Failing:
        def query(self, *_: object, **__: object) -> None:
            raise DatabaseError("secret content", code=code, name="SOME_NAME")

    with pytest.raises(expected, match="SOME_NAME") as caught:
        get_trace(Failing(), "org", trace_id(1), 1)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
