"""What pages say: figures with their window, errors in words in place, and how data gets here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, cast

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboards import session
from inventory import contract
from inventory.client import InventoryClient, NotFound, Unreachable
from tests.dashboards.spans import THEN, TRACE, detail, ingest, listing, span, trace

_Answer = TypeVar("_Answer")


class FakeClient:
    """An API that answers what a test says; an exception is raised instead."""

    def __init__(self) -> None:
        self.traces: contract.TraceList | Exception = listing(trace())
        self.detail: contract.TraceDetail | Exception = detail(span(1))
        self.health: contract.Ingest | Exception = ingest()
        self.whole: contract.Span | Exception = span(1)
        self.asked: list[dict[str, Any]] = []

    def list_traces(self, **query: Any) -> contract.TraceList:
        self.asked.append(query)
        return self._answer(self.traces)

    def get_trace(self, trace_id: str, *, limit: int) -> contract.TraceDetail:
        assert limit == contract.MAX_SPANS
        return self._answer(self.detail)

    def get_span(self, trace_id: str, span_id: str) -> contract.Span:
        return self._answer(self.whole)

    def ingest(self, *, minutes: int) -> contract.Ingest:
        return self._answer(self.health)

    @staticmethod
    def _answer(answer: _Answer | Exception) -> _Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeClient]:
    fake = FakeClient()
    reader = session.Reader("test", cast("InventoryClient", fake))
    monkeypatch.setattr(session, "reader", lambda: reader)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield fake
    st.cache_data.clear()
    st.cache_resource.clear()


def run(page: str, **query: str) -> AppTest:
    def script(page: str) -> None:
        import streamlit as st

        from dashboards import links
        from dashboards.views import agent, agents, approvals, incident, records, reviews, spend, trace, traces

        drawn = {
            "traces": traces.page, "trace": trace.page, "incident": incident.page, "agents": agents.page,
            "agent": agent.page, "reviews": reviews.page, "records": records.page, "spend": spend.page,
            "approvals": approvals.page,
        }[page]  # fmt: skip
        other = st.Page(lambda: None, title="other", url_path="other")
        pages = dict.fromkeys(links.KNOWN, other)
        st.navigation([st.Page(lambda: drawn(pages), title=page, url_path=page, default=True), other]).run()

    app = AppTest.from_function(script, args=(page,), default_timeout=20)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def text(app: AppTest) -> str:
    """All the words on the page."""
    kinds = ("title", "subheader", "markdown", "caption", "error", "warning", "info", "code")
    said = [str(element.value) for kind in kinds for element in getattr(app, kind)]
    said += [element.proto.body for element in app.get("html")]
    said += [button.label for button in app.button]
    return "\n".join(said)


def test_the_list_names_its_window_and_its_time(client: FakeClient) -> None:
    client.traces = listing(trace(health="failed", errors=2), trace(health="errors", errors=1))
    app = run("traces")
    assert (
        "2 traces that started 2026-03-02 01:14 to 02:14 UTC: 1 failed, 1 with errors inside; "
        "as of 2026-03-02 02:14:07 UTC"
    ) in text(app)
    table = app.dataframe[0].value
    assert list(table["Status"]) == ["✕ failed", "▲ errors inside"]
    assert table["Tokens in"].isna().all()
    assert (client.asked[0]["order"], client.asked[0]["failed"]) == ("worst", False)


def test_filters_come_from_the_url(client: FakeClient) -> None:
    run("traces", agent="drafter", order="newest first", window="24h", failed="true", slower="2.5", text="refund")
    (asked,) = client.asked
    assert (asked["agent"], asked["order"], asked["failed"], asked["text"]) == ("drafter", "newest", True, "refund")
    assert asked["min_duration_ms"] == 2_500
    assert (asked["until"] - asked["since"]).total_seconds() == 86_400


def test_a_longer_list_can_be_asked_for(client: FakeClient) -> None:
    client.traces = listing(*[trace()] * 100, following="worst.0.1.x")
    app = run("traces")
    assert "The first 100 traces" in text(app)
    next(one for one in app.button if one.label == "Show 100 more").click().run()
    assert [asked["limit"] for asked in client.asked] == [100, 200]


def test_an_empty_store_says_how_data_gets_there(client: FakeClient) -> None:
    client.traces, client.health = listing(), ingest(None)
    said = text(run("traces"))
    assert "make demo" in said
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318" in said


def test_an_empty_window_says_what_to_change(client: FakeClient) -> None:
    client.traces = listing()
    assert "Widen the window" in text(run("traces"))
    assert "Loosen a filter" in text(run("traces", agent="nobody"))


def test_one_failing_figure_leaves_the_rest(client: FakeClient) -> None:
    client.health = Unreachable("Nothing answers at http://x.")
    app = run("traces")
    assert [error.value for error in app.error] == ["**Ingest can't be shown.** Nothing answers at http://x."]
    assert len(app.dataframe) == 1
    client.health, client.traces = ingest(), Unreachable("Nothing answers at http://x.")
    st.cache_data.clear()
    app = run("traces")
    assert "The trace list can't be shown" in app.error[0].value
    assert "last span received just now" in text(app)


def test_a_trace_shows_its_totals_and_where_it_broke(client: FakeClient) -> None:
    spans = [
        span(1, status="Error", status_message="late"),
        span(2, 1, 5_000_000, status="Error", status_message="late *[x](y)*", agent="crm"),
        span(3, 1),
    ]
    figures = trace(errors=2, model_calls=2, model_calls_without_tokens=1, input_tokens=1850, output_tokens=None)
    client.detail = detail(*spans, trace=figures)
    app = run("trace", trace_id=TRACE)
    said = text(app)
    assert "≥ 1,850" in said
    assert "1 of 2 model calls reported no tokens" in said
    assert "**✕ 1 error**; 1 span above repeats them" in said
    assert "Click a bar" in said
    app.button[0].click().run()
    assert app.query_params["span"] == f"{2:016x}"
    assert "Click a bar" not in text(app)


def test_a_chosen_span_shows_what_it_said_and_who_sent_it(client: FakeClient) -> None:
    chosen = span(
        2,
        1,
        operation="execute_tool",
        tool_arguments='{"amount":640}',
        input_messages='[{"role":"user","parts":[{"type":"text","content":"Refund me"}]}]',
        attributes={"retry": "2", "<script>": "<b>"},
        attribute_kinds={"retry": "int"},
    )
    approval = contract.Approval.model_validate(
        {
            **dict.fromkeys(contract.Approval.model_fields, ""),
            "time": THEN, "span_id": chosen.span_id, "decision": "denied", "approver": "kim",
            "arguments_digest": "sha256:a", "shown_digest": "sha256:b",
        }
    )  # fmt: skip
    client.detail = detail(span(1), chosen, approvals=[approval])
    said = text(run("trace", trace_id=TRACE, span=chosen.span_id))
    assert '"amount": 640' in said
    assert "Refund me" in said
    assert "✕ denied" in said
    assert "differs from what the approver was shown" in said
    assert "verified by its ingest token" in said
    assert "<dt>retry</dt><dd class=mono>2<span class=kind>int</span></dd>" in said
    assert "&lt;script&gt;" in said
    assert "<script>" not in said


def test_a_shortened_span_is_read_whole(client: FakeClient) -> None:
    client.detail = detail(span(1, shortened=True, tool_result="beg"))
    client.whole = span(1, tool_result="beginning and end")
    assert "beginning and end" in text(run("trace", trace_id=TRACE, span=f"{1:016x}"))
    client.whole = Unreachable("Gone.")
    st.cache_data.clear()
    said = text(run("trace", trace_id=TRACE, span=f"{1:016x}"))
    assert "The whole text can't be shown" in said
    assert "beg" in said


def test_what_is_missing_cut_or_doubled_is_said(client: FakeClient) -> None:
    figures = trace(has_root=False, duplicates=2)
    client.detail = detail(span(2, 9, parent_missing=True), trace=figures, stored_spans=30_000)
    said = text(run("trace", trace_id=TRACE))
    assert "Its root span never came. 1 span that others name as parent is not stored." in said
    assert "The first 1 of 30,000 stored spans" in said
    assert "2 span copies came again" in said
    assert "named `muster.approval`" in said
    assert "No log record carries this trace's id" in said


def test_a_large_trace_is_reduced_and_can_be_expanded(client: FakeClient) -> None:
    client.detail = detail(span(1, duration=10**9), *(span(n, 1, n) for n in range(2, 301)))
    app = run("trace", trace_id=TRACE)
    assert "80 of 300 spans" in text(app)
    app.toggle[0].set_value(True).run()
    assert "80 of 300" not in text(app)


@pytest.mark.parametrize("query", [{}, {"trace_id": "unknown"}])
def test_a_trace_that_isnt_there_is_said_in_words(client: FakeClient, query: dict[str, str]) -> None:
    client.detail = NotFound(contract.Problem(title="No such trace", status=404, remedy="wait two seconds"))
    said = text(run("trace", **query))
    assert ("No such trace. Wait two seconds." if query else "Which one?") in said
