"""What the demo says it sent is what arrives, over both protocols, and every incident is in it."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import socket
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from rich.console import Console

from collector.demo.agents import DORMANT, UNREGISTERED
from collector.demo.progress import bar
from collector.demo.schedule import DAY, HOUR, SECOND, Incident, Workflow, book, book_live
from collector.demo.traffic import SendError, Sent, Totals, send
from tests.collector.demo.capture import Captured, attribute, grpc_receiver, http_receiver

UNTIL = 1_767_610_800_000_000_000  # 2026-01-05 11:00 UTC, a Monday
SMALL = {"days": 14, "traces": 160, "seed": 11, "until": UNTIL}


class VirtualClock:
    def __init__(self) -> None:
        self._now = UNTIL

    def now(self) -> int:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += int(seconds * SECOND)


@pytest.fixture(scope="module")
def sent() -> Iterator[tuple[Captured, Totals]]:
    with http_receiver() as captured:
        totals = send(captured.endpoint, token="demo-token", **SMALL)  # type: ignore[arg-type]
        yield captured, totals


def counted(captured: Captured) -> Totals:
    """Totals as the receiver sees them."""
    spans = [span for _, span in captured.spans]
    requests = len(captured.traces) + len(captured.logs) + len(captured.metrics)
    return Totals(
        traces=len({span.trace_id for span in spans}),
        spans=len(spans),
        logs=len(captured.records),
        points=len(captured.points),
        approvals=sum(e.name == "muster.approval" for s in spans for e in s.events)
        + sum(r.event_name == "muster.approval" for r in captured.records),
        tool_calls=sum(attribute(s.attributes, "gen_ai.operation.name") == "execute_tool" for s in spans),
        errors=sum(s.status.code == Status.STATUS_CODE_ERROR for s in spans),
        requests=requests,
        attempts=requests,
    )


def operation(span: Span, name: str) -> bool:
    return bool(attribute(span.attributes, "gen_ai.operation.name") == name)


def test_totals_are_exactly_what_arrives_over_http(sent: tuple[Captured, Totals]) -> None:
    captured, totals = sent
    assert totals == counted(captured)
    assert totals.traces == 160
    assert captured.tokens == {"Bearer demo-token"}


def test_totals_are_exactly_what_arrives_over_grpc(sent: tuple[Captured, Totals]) -> None:
    _, over_http = sent
    with grpc_receiver() as captured:
        totals = send(captured.endpoint, protocol="grpc", token="demo-token", **SMALL)  # type: ignore[arg-type]
        assert totals == counted(captured) == over_http
        assert captured.tokens == {"Bearer demo-token"}


def test_the_same_seed_sends_the_same_bytes() -> None:
    bodies = []
    for seed in (3, 3, 4):
        with http_receiver() as captured:
            send(captured.endpoint, days=2, traces=25, seed=seed, until=UNTIL)
            bodies.append(captured.bodies)
    assert bodies[0] == bodies[1]
    assert bodies[0] != bodies[2]


def test_times_lie_in_the_window_and_children_within_their_traces(sent: tuple[Captured, Totals]) -> None:
    spans = [span for _, span in sent[0].spans]
    assert all(UNTIL - 14 * DAY <= s.start_time_unix_nano <= s.end_time_unix_nano <= UNTIL for s in spans)
    by_id = {(s.trace_id, s.span_id): s for s in spans}
    assert len(by_id) == len(spans)
    for span in spans:
        if span.parent_span_id:
            parent = by_id[span.trace_id, span.parent_span_id]
            assert parent.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano


def test_one_trace_spans_several_services_and_logs_belong_to_spans(sent: tuple[Captured, Totals]) -> None:
    services = defaultdict(set)
    for service, span in sent[0].spans:
        services[span.trace_id].add(service)
    assert max(len(names) for names in services.values()) >= 7
    ids = {(span.trace_id, span.span_id) for _, span in sent[0].spans}
    assert all((record.trace_id, record.span_id) in ids for record in sent[0].records)


def test_model_calls_name_providers_tokens_and_messages(sent: tuple[Captured, Totals]) -> None:
    chats = [s for _, s in sent[0].spans if operation(s, "chat") and s.status.code != Status.STATUS_CODE_ERROR]
    providers = {attribute(s.attributes, "gen_ai.provider.name") for s in chats}
    assert providers == {"openai", "anthropic", "aws.bedrock", "velocity.inference"}
    kinds: Counter[str] = Counter()
    for span in chats:
        cached = attribute(span.attributes, "gen_ai.usage.cache_read.input_tokens")
        assert 0 <= cached <= attribute(span.attributes, "gen_ai.usage.input_tokens")
        messages = attribute(span.attributes, "gen_ai.input.messages")
        if isinstance(messages, str):
            assert json.loads(messages)[0]["parts"][0]["type"] == "text"
        kinds[type(messages).__name__] += 1
    assert set(kinds) == {"str", "ArrayValue"}


def test_approvals_come_as_span_events_and_as_log_events_with_every_decision(
    sent: tuple[Captured, Totals],
) -> None:
    events = [e for _, s in sent[0].spans for e in s.events if e.name == "muster.approval"]
    logs = [record for record in sent[0].records if record.event_name == "muster.approval"]
    for approvals in (events, logs):
        decisions = {attribute(a.attributes, "muster.approval.decision") for a in approvals}
        assert decisions == {"approved", "denied", "abandoned"}
    digests = [
        [attribute(e.attributes, f"muster.approval.{which}.digest") for which in ("arguments", "shown")] for e in events
    ]
    assert any(arguments != shown for arguments, shown in digests)


def test_a_write_is_repeated_with_the_same_arguments_after_a_timeout(sent: tuple[Captured, Totals]) -> None:
    refunds = defaultdict(list)
    for _, span in sent[0].spans:
        if span.name == "execute_tool billing.refund":
            refunds[span.trace_id].append(span)
    twice = [spans for spans in refunds.values() if len(spans) == 2]
    assert twice
    for first, second in twice:
        assert first.status.code == Status.STATUS_CODE_ERROR
        arguments = [attribute(s.attributes, "gen_ai.tool.call.arguments") for s in (first, second)]
        assert arguments[0] == arguments[1]


def test_three_tools_of_half_a_second_run_in_series(sent: tuple[Captured, Totals]) -> None:
    by_parent = defaultdict(list)
    for _, span in sent[0].spans:
        if operation(span, "execute_tool"):
            by_parent[span.parent_span_id].append(span.end_time_unix_nano - span.start_time_unix_nano)
    assert [500_000_000] * 3 in by_parent.values()


def test_failures_and_retries_are_recorded_with_their_exceptions(sent: tuple[Captured, Totals]) -> None:
    exceptions = {
        attribute(e.attributes, "exception.type") for _, s in sent[0].spans for e in s.events if e.name == "exception"
    }
    assert {"anthropic.InternalServerError", "openai.RateLimitError", "httpx.ReadTimeout"} <= exceptions
    assert any(record.severity_text == "WARN" and "attempt" in record.body.string_value for record in sent[0].records)


def test_the_last_hours_hold_an_error_burst(sent: tuple[Captured, Totals]) -> None:
    roots = [s for _, s in sent[0].spans if not s.parent_span_id]
    late = [s for s in roots if s.start_time_unix_nano > UNTIL - 3 * HOUR]
    early = [s for s in roots if s.start_time_unix_nano <= UNTIL - 3 * HOUR]

    def failed(spans: list[Span]) -> float:
        return sum(s.status.code == Status.STATUS_CODE_ERROR for s in spans) / len(spans)

    assert failed(late) > 0.3 > 5 * failed(early)


def test_one_agent_is_unregistered_and_one_is_idle_since_the_third_day(sent: tuple[Captured, Totals]) -> None:
    last: dict[str, int] = defaultdict(int)
    for service, span in sent[0].spans:
        last[service] = max(last[service], span.end_time_unix_nano)
    assert UNREGISTERED.service in last
    assert 0 < last[DORMANT.service] <= UNTIL - 11 * DAY


def test_metrics_hold_histograms_gauges_and_counters(sent: tuple[Captured, Totals]) -> None:
    kinds = {metric.name: metric.WhichOneof("data") for metric, _ in sent[0].points}
    assert kinds == {
        "gen_ai.client.token.usage": "histogram",
        "gen_ai.client.operation.duration": "histogram",
        "agent.queue.depth": "gauge",
        "agent.tasks": "sum",
        "agent.tool.calls": "sum",
    }


def test_every_incident_is_booked_even_for_few_traces() -> None:
    booked = {booking.incident for booking in book(traces=80, days=14, seed=1, until=UNTIL)}
    assert booked >= set(Incident)


def test_load_follows_working_hours() -> None:
    starts = [b.start for b in book(traces=3000, days=14, seed=1, until=UNTIL)]
    hours = Counter(start // HOUR % 24 for start in starts)
    assert hours[10] > 4 * hours[2]


def test_live_traffic_is_sent_as_it_happens() -> None:
    clock = VirtualClock()
    seen: list[int] = []
    with http_receiver() as captured:

        def watch(sent: Sent) -> None:
            ends = [s.end_time_unix_nano for _, s in captured.spans[len(seen) :]]
            assert all(clock.now() - SECOND < end <= clock.now() for end in ends)
            seen.extend(ends)

        totals = send(captured.endpoint, live=True, rate=5, traces=12, seed=2, clock=clock, progress=watch)
        assert totals == counted(captured)
    assert totals.traces == 12
    assert len(seen) == totals.spans


def test_live_bookings_never_end_unless_told_to() -> None:
    endless = book_live(rate=100, seed=1, start=UNTIL)
    assert Workflow.LEGACY not in {next(endless).workflow for _ in range(500)}


def test_nobody_there_is_one_clear_error(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(SendError, match=rf"{endpoint}.*refused.*make up"):
            send(endpoint, traces=5)
    out, said = capfd.readouterr()
    # gRPC's core says, whatever it is told to log, when the server of another test went away.
    assert (out, [line for line in said.splitlines() if "Got goaway" not in line]) == ("", [])


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_refusal_names_the_remedy_and_stays_out_of_the_log(
    protocol: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver = http_receiver if protocol == "http" else grpc_receiver
    with receiver() as captured, caplog.at_level(logging.DEBUG):
        captured.answers = [401] * 50
        with pytest.raises(SendError, match="token") as raised:
            send(captured.endpoint, protocol=protocol, traces=5, until=UNTIL)  # type: ignore[arg-type]
        assert captured.endpoint in str(raised.value)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert capfd.readouterr() == ("", "")


def test_the_sdk_retries_and_every_attempt_is_counted() -> None:
    with http_receiver() as captured:
        captured.answers = [503, 429]
        totals = send(captured.endpoint, traces=5, days=1, until=UNTIL)
        assert totals == dataclasses.replace(counted(captured), attempts=totals.requests + 2)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_partial_success_is_counted(protocol: str) -> None:
    receiver = http_receiver if protocol == "http" else grpc_receiver
    with receiver() as captured:
        captured.reject = 3
        totals = send(captured.endpoint, protocol=protocol, traces=5, days=1, until=UNTIL)  # type: ignore[arg-type]
        assert totals.partial == len(captured.traces)
        assert totals.rejected == 3 * totals.partial


def test_the_bar_shows_what_was_sent() -> None:
    drawn = io.StringIO()
    with http_receiver() as captured, bar(9, console=Console(file=drawn, width=120)) as progress:
        totals = send(captured.endpoint, traces=9, days=1, until=UNTIL, progress=progress)
    assert "9/9" in drawn.getvalue()
    assert totals.traces == 9


@pytest.mark.parametrize("plan", [{"traces": None}, {"traces": 0}, {"days": 0}, {"rate": 0}])
def test_impossible_plans_are_refused(plan: dict[str, int | None]) -> None:
    with pytest.raises(ValueError):
        send("http://127.0.0.1:1", **plan)  # type: ignore[arg-type]
