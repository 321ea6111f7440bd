"""The API's promises: typed answers, problems that say what to do, a complete description of itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from collector.store import reads
from collector.store.connection import Store
from collector.store.writer import Writer
from inventory import contract, wire
from inventory.app import api_app
from inventory.client import Busy, Invalid, InventoryClient, NotFound, NotUnderstood, Refused, Unreachable
from tests.inventory.access import inventory, local
from tests.inventory.serving import served
from tests.inventory.telemetry import HOUR, MINUTE, MS, SECOND, Sender, Sent, chat, span_id, tool, trace_id

NOW = time.time_ns() // SECOND * SECOND
START = NOW - 20 * MINUTE + 123_456_789


@pytest.fixture(scope="module")
def base_url(store: Store, writer: Writer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    sender = Sender(writer, "api")
    sender.spans(
        Sent(1, 1, 0, "workflow", START, 2 * SECOND, "it broke"),
        Sent(1, 2, 1, "chat", START + MS, SECOND, None, "back", chat("m", (2**53 + 1, 5))),
        Sent(1, 3, 1, "pay", START + 2 * MS, SECOND, "no", "back", {**tool("pay", '{"a": 1}'), "n": 3}),
        *(Sent(n, 1, 0, start=START - n * SECOND) for n in range(2, 8)),
        received=NOW,
    )
    with served(api_app(store, inventory(tmp_path_factory.mktemp("api"), local("api")))) as url:
        yield url


@pytest.fixture
def client(base_url: str) -> Iterator[InventoryClient]:
    with InventoryClient(base_url) as opened:
        yield opened


@pytest.fixture
def http(base_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base_url) as opened:
        yield opened


class Broken:
    """A store whose engine fails with `code`."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def reader(self) -> AbstractContextManager[Client]:
        raise self._error

    def spare_reader(self) -> AbstractContextManager[Client | None]:
        raise self._error


def test_a_trace_keeps_its_nanoseconds_and_its_large_numbers(client: InventoryClient) -> None:
    detail = client.get_trace(trace_id(1).upper())
    assert detail.trace.start_ns == str(START)
    assert detail.trace.start == datetime.fromtimestamp(START // 1_000 / 1_000_000, UTC)
    assert detail.trace.input_tokens == 2**53 + 1
    assert detail.trace.health == "failed"
    paid = detail.spans[2]
    assert (paid.tool_arguments, paid.attribute_kinds, paid.stamp.method) == ('{"a": 1}', {"n": "int"}, "token")
    assert client.get_span(trace_id(1), paid.span_id) == paid


def test_every_page_of_a_list_is_followed_once(client: InventoryClient) -> None:
    for order in ("newest", "worst", "dearest"):
        found = [trace.trace_id for trace in client.iterate_traces(order=order, page_size=2)]
        assert sorted(found) == [trace_id(n) for n in range(1, 8)]


def test_a_list_names_its_window_and_its_time(client: InventoryClient) -> None:
    page = client.list_traces(limit=2)
    assert page.window.until - page.window.since == timedelta(hours=1)
    assert page.as_of >= page.window.until
    assert page.next is not None
    assert [trace.trace_id for trace in client.list_traces(failed=True, service="back").traces] == [trace_id(1)]
    assert client.list_traces(text="nothing like it").traces == []


def test_figures_are_asked_through_the_client(client: InventoryClient) -> None:
    found = client.search(words="a", phrase='"a": 1')
    assert [(hit.trace_id, hit.names) for hit in found.hits] == [(trace_id(1), ["gen_ai.tool.call.arguments"])]
    assert (found.next, found.note) == (None, "")
    spent = client.spend(by=["agent", "model"], bucket="hour")
    assert (spent.rows, spent.waiting) == ([], 7)
    took = client.latency(of=["operation"], only={"operation": "chat"})
    assert [(row.names, row.calls, row.p50_ns) for row in took.rows] == [({"operation": "chat"}, 1, SECOND)]
    assert [(tool.tool, tool.errors) for tool in client.tools().tools] == [("pay", 1)]
    assert client.approvals(only={"decision": "denied"}).decisions == []
    (front, back) = sorted(client.agents_seen().agents, key=lambda agent: agent.service, reverse=True)
    assert (front.spans, back.spans) == (7, 2)
    assert front.senders[0].method == "token"
    with pytest.raises(NotFound, match="longer window"):
        client.conversation("nobody's / ?")
    with pytest.raises(Invalid, match="at least one word"):
        client.search(words="!")


def test_a_list_takes_every_filter(client: InventoryClient) -> None:
    found = client.list_traces(model="m", tool="pay", attributes={"n": "3"}, max_duration_ms=1e6, order="dearest")
    assert [trace.trace_id for trace in found.traces] == [trace_id(1)]
    assert (found.traces[0].sealed, found.traces[0].cost) == (False, None)
    assert client.list_traces(min_cost=Decimal("0.1")).traces == []
    names = ("requester", "release", "conversation", "environment")
    assert all(client.list_traces(**{name: "nobody"}).traces == [] for name in names)  # type: ignore[arg-type]


def test_ingest_has_every_minute(client: InventoryClient) -> None:
    health = client.ingest(minutes=5)
    assert len(health.minutes) == 5
    assert health.newest is not None
    assert health.spans_total == 9


@pytest.mark.parametrize(
    ("query", "field", "remedy"),
    [
        ("limit=0", "query.limit", "whole number"),
        ("limit=501", "query.limit", "whole number"),
        ("since=yesterday", "query.since", "RFC 3339"),
        ("since=2026-01-01T00:00:00", "query.since", "zone"),
        ("since=1800-01-01T00:00:00Z", "query.since", "RFC 3339"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "query.since", "RFC 3339"),
        ("order=best", "query.order", "worst"),
        ("attribute=tenant", "query.attribute", "key=value"),
        ("min_cost=-1", "query.min_cost", "US dollars"),
        ("cursor=dearest.x.1.y&order=dearest", "query.cursor", "next"),
        ("status=ok", "query.status", "error"),
        ("min_duration_ms=-1", "query.min_duration_ms", "0 or more"),
        ("cursor=garbage", "query.cursor", "next"),
        ("cursor=newest.x.y", "query.cursor", "next"),
        (f"cursor=newest.{10**30}.y", "query.cursor", "next"),
        ("cursor=worst.1.2.y", "query.cursor", "next"),
        ("serivce=typo", "query.serivce", "/docs"),
    ],
)
def test_a_field_that_cant_be_accepted_is_named_with_its_remedy(
    http: httpx.Client, query: str, field: str, remedy: str
) -> None:
    response = http.get(f"/v1/traces?{query}")
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = contract.Problem.model_validate_json(response.content)
    assert [error.field for error in problem.errors] == [field]
    assert remedy in problem.errors[0].remedy


@pytest.mark.parametrize("bad", ["x", "0" * 31, "g" * 32, "0" * 33, "../ingest", "%00"])
def test_a_malformed_trace_id_is_refused(client: InventoryClient, bad: str) -> None:
    with pytest.raises((Invalid, NotFound)) as caught:
        client.get_trace(bad)
    if "/" not in bad:
        assert "32 hexadecimal digits" in str(caught.value)


def test_an_unknown_trace_says_how_long_it_may_take(client: InventoryClient) -> None:
    with pytest.raises(NotFound, match="about two seconds") as caught:
        client.get_trace("f" * 32)
    assert caught.value.problem.type == "urn:muster:problem:trace-not-found"
    with pytest.raises(NotFound, match="No such span"):
        client.get_span(trace_id(1), span_id(99))


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (DatabaseError("secret", code=241, name="MEMORY_LIMIT_EXCEEDED"), 500, "Unexpected"),
        (reads.TooMuch("the engine stopped a read at its limit (X)"), 503, "shorter window"),
        (reads.Unavailable("the engine could not answer (X)"), 503, "try again"),
    ],
)
def test_the_stores_errors_become_problems_that_quote_nothing(
    error: Exception, status: int, words: str, tmp_path: Path
) -> None:
    with served(api_app(Broken(error), inventory(tmp_path))) as url, InventoryClient(url) as client:
        with pytest.raises(Refused, match=f"(?i){words}") as caught:
            client.list_traces()
        assert caught.value.problem.status == status
        assert isinstance(caught.value, Busy) == (status == 503)
        assert "secret" not in str(caught.value)


def test_every_error_is_a_problem(http: httpx.Client) -> None:
    for method, path, status in (("GET", "/nope", 404), ("POST", "/v1/traces", 405)):
        response = http.request(method, path)
        assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
        assert contract.Problem.model_validate_json(response.content).instance == path
    assert http.get("/healthz").json() == {"status": "ok"}


def test_the_description_is_whole(http: httpx.Client) -> None:
    schema: dict[str, Any] = http.get("/openapi.json").json()
    named = set(schema["components"]["schemas"])
    refs = {part.split('"')[0] for part in http.get("/openapi.json").text.split("#/components/schemas/")[1:]}
    assert refs <= named
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"]
            assert operation["description"]
            for status, answer in operation["responses"].items():
                if status == "204":
                    continue
                good = "text/html" if path.endswith("/page") else "application/json"
                media = good if status[0] == "2" else "application/problem+json"
                assert media in answer["content"], f"{method} {path} {status}"
    assert not [name for name in named if "__" in name], "two models have one name"
    trace = schema["components"]["schemas"]["Trace"]["properties"]
    assert trace["trace_id"]["examples"]
    assert trace["start_ns"]["type"] == "string"


def test_nothing_at_the_address_is_said_with_the_address_and_a_remedy() -> None:
    with (
        InventoryClient("http://127.0.0.1:9/") as client,
        pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9.*make up"),
    ):
        client.ingest()
    with InventoryClient("not-a-url") as client, pytest.raises(Unreachable, match="MUSTER_API_URL"):
        client.ingest()


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200, text="<html>"), httpx.Response(502, text="bad gateway"), httpx.Response(200, json={})],
)
def test_something_else_at_the_address_is_not_mistaken_for_the_api(answer: httpx.Response) -> None:
    with (
        InventoryClient("http://x", transport=httpx.MockTransport(lambda _: answer)) as client,
        pytest.raises(NotUnderstood, match="MUSTER_API_URL"),
    ):
        client.list_traces()


def test_silence_ends() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    with (
        InventoryClient("http://x", transport=httpx.MockTransport(silent)) as client,
        pytest.raises(Unreachable, match="in time"),
    ):
        client.list_traces()


def test_a_token_is_sent_as_bearer() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(404, json={"title": "No", "status": 404})

    with (
        InventoryClient("http://x", "secret", transport=httpx.MockTransport(answer)) as client,
        pytest.raises(NotFound),
    ):
        client.get_trace("x")
    assert seen == ["Bearer secret"]


def test_times_survive_the_wire() -> None:
    assert wire.nanoseconds(wire.moment(1_772_417_647_512_345_000)) == 1_772_417_647_512_345_000
    assert wire.moment(-1) < wire.moment(0)
    assert wire.nanoseconds(wire.moment(HOUR)) == HOUR
