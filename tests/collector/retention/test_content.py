"""What was said goes in time, and not before the last who shares it lets it go."""

from __future__ import annotations

from datetime import timedelta

from tests.collector.retention.shelf import NOW, Listed, Shelf, days, policy

MAIL = policy(
    {"agent": "archivist", "content": "90d"},
    content="30d",
    metadata="400d",
)


def test_a_message_that_two_agents_share_stays_until_the_longer_period_ends_and_goes_then(shelf: Shelf) -> None:
    short = shelf.span("a", days(40), "shared", "only mine", agent="writer")
    long = shelf.span("b", days(40), "shared", agent="archivist")
    shelf.apply(MAIL)
    assert shelf.said() == {short: None, long: "shared"}
    assert shelf.pieces() == ["shared"]
    shelf.apply(MAIL, now=NOW + timedelta(days=60))
    assert shelf.said() == {short: None, long: None}
    assert shelf.count("contents") == 0


def test_metadata_outlives_content_and_says_that_it_is_missing(shelf: Shelf) -> None:
    span = shelf.span("a", days(40), "secret plans")
    shelf.apply(MAIL)
    client = shelf.store.client()
    ((digest, texts),) = client.query("SELECT ArgumentsDigest, Texts FROM otel_traces").result_rows
    assert digest == "d1"
    assert len(texts["gen_ai.input.messages"]) == 1
    assert shelf.said() == {span: None}
    shelf.apply(MAIL, now=NOW + timedelta(days=400))
    assert shelf.said() == {}


def test_a_trace_is_kept_as_long_as_the_longest_of_its_participants(shelf: Shelf) -> None:
    rules = policy({"service": "payments", "content": "90d"}, content="30d", metadata="400d")
    ours = shelf.span("a", days(40), "one", service="mail")
    theirs = shelf.span("a", days(40), "two", service="payments")
    alone = shelf.span("b", days(40), "three", service="mail")
    shelf.apply(rules)
    assert shelf.said() == {ours: "one", theirs: "two", alone: None}


def test_the_same_day_of_another_service_keeps_its_own(shelf: Shelf) -> None:
    rules = policy({"service": "payments", "content": "90d"}, content="30d", metadata="400d")
    shelf.span("a", days(40), "shared", service="mail")
    theirs = shelf.span("b", days(40), "shared", service="payments")
    shelf.apply(rules)
    assert shelf.said()[theirs] == "shared"
    assert shelf.pieces() == ["shared"]


def test_what_came_late_is_as_old_as_its_arrival(shelf: Shelf) -> None:
    loaded = shelf.span("a", days(500), "back-dated", received=days(10))
    shelf.apply(MAIL)
    assert shelf.said() == {loaded: "back-dated"}


def test_a_day_for_which_something_just_came_is_left_alone(shelf: Shelf) -> None:
    old = shelf.span("a", days(40), "old")
    new = shelf.span("b", days(40), "just loaded", received=NOW - timedelta(minutes=5))
    shelf.apply(MAIL)
    assert shelf.said() == {old: "old", new: "just loaded"}


def test_without_a_policy_nothing_goes(shelf: Shelf) -> None:
    span = shelf.span("a", days(20_000), "first words")
    plan, removed = shelf.apply(policy())
    assert (plan.items, removed) == ([], [])
    assert shelf.said() == {span: "first words"}


def test_content_in_rows_of_stock_exporters_goes_and_its_digest_stays(shelf: Shelf) -> None:
    written = {
        "Timestamp": days(40),
        "TraceId": "a",
        "SpanId": "1",
        "ServiceName": "mail",
        "SpanAttributes": {"gen_ai.input.messages": "hello", "input.value": "hi", "long": "x" * 300, "short": "kept"},
        "Events.Timestamp": [0],
        "Events.Name": ["gen_ai.user.message"],
        "Events.Attributes": [{"gen_ai.prompt.0.content": "hello", "id": "7"}],
    }
    shelf.insert("otel_traces", written)
    fresh = written | {"Timestamp": days(5), "TraceId": "b", "SpanId": "2"}
    shelf.insert("otel_traces", fresh)
    shelf.log("a", days(40), "they said hello", org="default")
    plan, removed = shelf.apply(MAIL)
    assert {(item.table, item.rows) for item in plan.items} == {("otel_traces", 1), ("otel_logs", 1)}
    assert removed == plan.items
    columns = "InputMessages, SpanAttributes, `Events.Attributes`, Texts"
    rows = shelf.store.client().query(f"SELECT {columns} FROM otel_traces ORDER BY SpanId").result_rows
    assert rows[0][:3] == ("", {"short": "kept"}, [{"id": "7"}])
    assert {*rows[0][3]} == {"gen_ai.input.messages", "input.value", "long"}
    assert rows[1][0] == "hello"
    assert shelf.count("otel_logs", "Body = '' AND mapKeys(Texts) = ['body']") == 1


def test_pieces_that_no_row_refers_to_go_when_rows_of_their_day_would(shelf: Shelf) -> None:
    for age in (100, 500):
        at = days(age)
        shelf.insert(
            "contents", {"Day": at.date(), "Org": "acme", "ServiceName": "mail", "Id": b"x" * 16, "Content": "lost"}
        )
    shelf.apply(MAIL)
    assert shelf.count("contents") == 1


def test_what_log_records_say_is_shared_too(shelf: Shelf) -> None:
    """Of a stored trace it goes with that; of none, when its service's content does, or the record itself."""
    shelf.span("old", days(95), "one")
    shelf.event("old", days(95), "one")
    shelf.span("kept", days(95), "two", agent="archivist")
    shelf.event("kept", days(95), "one and all")
    shelf.event("", days(95), "of no trace")
    shelf.event("lost", days(95), "evidence")
    shelf.event("", days(50), "one")
    rules = policy({"agent": "archivist", "content": "200d"}, content="30d", metadata="400d", logs="90d")
    shelf.apply(rules, Listed({"lost"}))
    assert sorted(shelf.pieces()) == ["evidence", "one", "one and all", "two"]
    assert shelf.count("contents", "Content = 'one'") == 1
    assert shelf.count("otel_logs") == 4
    shelf.apply(rules)
    assert sorted(shelf.pieces()) == ["one", "one and all", "two"]


def test_what_judges_explain_goes_with_the_content_and_their_scores_with_the_trace(shelf: Shelf) -> None:
    shelf.span("a", days(40), "one")
    given = {"Timestamp": days(40), "Org": "acme", "TraceId": "a", "ServiceName": "mail", "ReceivedAt": days(40)}
    shelf.insert("evaluations", given | {"Name": "tone", "Score": 0.5, "Explanation": "they said one"})
    shelf.apply(MAIL)
    assert shelf.count("evaluations", "Score = 0.5 AND Explanation = ''") == 1
    shelf.apply(MAIL, now=NOW + timedelta(days=400))
    assert shelf.count("evaluations") == 0
