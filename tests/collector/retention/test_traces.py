"""Rows go with their trace, whole, or by their own age; holds keep all of a trace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from collector.retention.holds import HoldsFailed
from tests.collector.retention.shelf import NOW, Listed, Shelf, days, policy

RULES = policy(content="30d", metadata="100d", approvals="7y", logs="50d", rollups="2y", metrics="60d")
SUMMARY = {"Org": "acme", "Seal": 1, "Sign": 1}


def seal(shelf: Shelf, trace: str, span: str) -> None:
    """The facts and the summary of a trace of one span."""
    shelf.insert("span_facts", {"Org": "acme", "TraceId": trace, "SpanId": span, "Seal": 1, "Timestamp": days(120)})
    times = {"Start": days(120), "LastReceived": days(120)}
    shelf.insert("trace_summaries", SUMMARY | {"TraceId": trace} | times)


def test_a_trace_goes_whole_with_all_that_belongs_to_it(shelf: Shelf) -> None:
    for at in (days(122), days(120)):
        span = shelf.span("a", at, "one")
    seal(shelf, "a", span)
    shelf.log("a", days(120), "of the trace")
    shelf.span("b", days(122), "two")
    kept = shelf.span("b", days(99), "three")
    plan, removed = shelf.apply(RULES)
    assert removed == plan.items
    assert kept in shelf.said()
    assert len(shelf.said()) == 2
    for table in ("span_facts", "trace_summaries", "otel_logs"):
        assert shelf.count(table) == 0, table
    assert shelf.count("otel_traces_trace_id_ts", "TraceId = 'a'") == 0
    assert shelf.count("otel_traces_trace_id_ts", "TraceId = 'b'") == 2
    assert shelf.retention(RULES).plan(NOW).items == []


def test_the_same_trace_id_of_another_organisation_is_another_trace(shelf: Shelf) -> None:
    rules = policy({"org": "other", "content": "1y", "metadata": "1y"}, content="30d", metadata="100d")
    shelf.span("a", days(120), "mine")
    theirs = shelf.span("a", days(120), "theirs", org="other")
    shelf.apply(rules)
    assert shelf.said() == {theirs: "theirs"}
    assert shelf.count("otel_traces_trace_id_ts") > 0


def test_approvals_outlive_their_spans(shelf: Shelf) -> None:
    shelf.span("a", days(120), "one")
    shelf.approval("a", days(120))
    shelf.approval("b", days(365 * 8))
    shelf.apply(RULES)
    assert shelf.said() == {}
    assert shelf.count("approvals", "TraceId = 'a'") == 1
    assert shelf.count("approvals", "TraceId = 'b'") == 0


def test_a_hold_keeps_all_of_a_trace(shelf: Shelf) -> None:
    held = shelf.span("held", days(120), "shared", "evidence")
    seal(shelf, "held", held)
    shelf.log("held", days(120), "evidence")
    shelf.approval("held", days(365 * 8))
    shelf.span("free", days(120), "shared", "nothing")
    plan, _ = shelf.apply(RULES, Listed({"held"}))
    assert shelf.said() == {held: "sharedevidence"}
    for table in ("span_facts", "trace_summaries", "approvals", "otel_logs"):
        assert shelf.count(table) == 1, table
    assert shelf.count("otel_logs", "Body = 'evidence'") == 1
    assert {item.table: item.held for item in plan.items if item.held}.keys() >= {
        "otel_traces",
        "approvals",
        "contents",
    }
    shelf.apply(RULES)
    assert shelf.said() == {}


def test_a_hold_on_an_organisation_keeps_its_sums_too(shelf: Shelf) -> None:
    shelf.span("a", days(1000), "one")
    shelf.apply(RULES, Listed(set(), frozenset({"acme"})))
    assert shelf.count("operation_minute") == 1
    assert shelf.pieces() == ["one"]
    shelf.apply(RULES)
    assert shelf.count("operation_minute") == shelf.count("otel_traces") == 0


class Broken:
    """Holds whose keeper can't be asked, from the given question on."""

    def __init__(self, after: int) -> None:
        self.left = after

    def held(self, org: str, traces: Sequence[str]) -> set[str]:
        return set()

    def everything(self, org: str) -> bool:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("records are away")
        return False


@pytest.mark.parametrize("after", [0, 1])
def test_where_holds_can_t_be_asked_nothing_is_removed(shelf: Shelf, after: int) -> None:
    shelf.span("a", days(120), "one")
    before = shelf.everything()
    job = shelf.retention(RULES, Broken(after))
    with pytest.raises(HoldsFailed, match="nothing is removed"):
        job.run(job.plan(NOW))
    assert shelf.everything() == before


def test_what_is_held_only_since_the_plan_stays(shelf: Shelf) -> None:
    span = shelf.span("a", days(120), "one")
    holds = Listed(set())
    job = shelf.retention(RULES, holds)
    plan = job.plan(NOW)
    assert plan.rows
    holds.traces.add("a")
    assert job.run(plan) == []
    assert shelf.said() == {span: "one"}


def test_a_span_that_comes_after_its_trace_was_planned_stays_with_its_content(shelf: Shelf) -> None:
    shelf.span("a", days(120), "one", "two")
    job = shelf.retention(RULES)
    plan = job.plan(NOW)
    late = shelf.span("a", days(120), "two", received=NOW + timedelta(minutes=1))
    job.run(plan)
    assert shelf.said() == {late: "two"}


def test_logs_of_no_stored_trace_have_their_own_period(shelf: Shelf) -> None:
    shelf.log("", days(51), "old")
    shelf.log("", days(49), "new")
    shelf.log("unknown", days(51), "old")
    shelf.span("kept", days(51), "one")
    shelf.log("kept", days(51), "of a kept trace")
    shelf.apply(RULES)
    assert shelf.count("otel_logs") == 2
    assert shelf.count("otel_logs", "TraceId = 'kept' AND Body = ''") == 1
    assert shelf.count("otel_logs", "TraceId = ''") == 1


def test_metrics_and_sums_go_by_their_own_periods(shelf: Shelf) -> None:
    for age in (70, 50):
        given = {
            "TimeUnix": days(age),
            "Org": "acme",
            "ServiceName": "mail",
            "MetricName": "m",
            "ReceivedAt": days(age),
        }
        shelf.insert("otel_metrics_gauge", given)
    for age in (800, 700):
        shelf.span("a", days(age), "one")
    shelf.insert(
        "spend_hour", {"Hour": int(days(800).timestamp()), "Org": "acme", "Agent": "writer", "ServiceName": "mail"}
    )
    shelf.apply(RULES)
    assert shelf.count("otel_metrics_gauge") == 1
    assert shelf.count("operation_minute") == shelf.count("agent_activity") == 1
    assert shelf.count("spend_hour") == 0


def test_spans_that_name_no_agent_go_with_the_agents_of_their_service(shelf: Shelf) -> None:
    rules = policy({"agent": "writer", "content": "5d", "metadata": "10d"}, content="30d", metadata="100d")
    shelf.span("a", days(20), "one", agent="writer")
    shelf.span("a", days(20), "two", agent="")
    other = shelf.span("b", days(20), "three", agent="")
    shelf.apply(rules)
    assert shelf.said() == {other: "three"}
