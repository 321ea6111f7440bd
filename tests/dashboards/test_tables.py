"""Tables that are taken along, decisions that are judged, and addresses that are come back to."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboards import links, returning, words
from dashboards.views import reported
from dashboards.views.tables import Link, _drawn, as_csv
from inventory import contract
from inventory.contract.figures import Decision

NOW = datetime(2026, 11, 27, 2, 14, tzinfo=UTC)


def test_a_table_reads_back_as_it_was() -> None:
    columns = {
        "name": ['a "quoted", one', "zeile\numbruch", "é"],
        "n": [1, None, Decimal("0.10")],
        "l": [["x", "y"], [], ()],
    }
    rows = list(csv.reader(io.StringIO(as_csv(columns).decode("utf-8-sig"))))
    assert rows == [
        ["name", "n", "l"], ['a "quoted", one', "1", "x, y"], ["zeile\numbruch", "", ""], ["é", "0.10", ""],
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(A1)", "\tx", "\rx"])
def test_what_looks_like_a_formula_is_text(text: str) -> None:
    rows = list(csv.reader(io.StringIO(as_csv({"a": [text]}).decode("utf-8-sig"), newline="")))
    assert rows[1] == [f"'{text}"]


def test_a_number_below_zero_stays_a_number() -> None:
    assert as_csv({"a": [-3]}).endswith(b"-3\r\n")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x"])
def test_a_link_leads_to_the_web_or_to_these_pages(address: str) -> None:
    drawn = _drawn(Link("x", address))
    assert "javascript" not in drawn
    assert "data:" not in drawn
    assert "ftp:" not in drawn


def test_markup_of_senders_is_text() -> None:
    assert _drawn("<script>") == "&lt;script&gt;"
    assert "<b>" not in _drawn(Link("<b>", "/x?a=<b>'\""))


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/traces", "//evil.example/traces", "/\\evil.example", "\\\\evil.example", "traces",
        "javascript:alert(1)", "/unknown", "/traces/../x", "/" + "a" * 3000, "",
        "http:/traces", "/traces\n//evil.example",
    ],
)  # fmt: skip
def test_no_other_address_is_come_back_to(address: str) -> None:
    found = returning.target(address)
    assert found is None or found[0] in links.KNOWN
    if found is not None:
        assert address.startswith("/")


def test_an_address_of_these_pages_is() -> None:
    assert returning.target("/traces?agent=a&window=24h") == ("traces", {"agent": "a", "window": "24h"})
    assert returning.target("/?window=7d") == ("", {"window": "7d"})


def decision(**given: Any) -> Decision:
    blank = dict.fromkeys(contract.Approval.model_fields, "")
    return Decision(
        trace_id=str(given.pop("trace_id", "ab" * 16)),
        approval=contract.Approval.model_validate({**blank, "time": NOW, "kind": "approval", **given}),
    )


def test_what_was_asked_for_and_not_decided_is_pending() -> None:
    asked = decision(approval_id="a", decision="requested")
    open_ = decision(approval_id="b", decision="requested")
    found = reported.pending([asked, open_, decision(approval_id="a", decision="approved")])
    assert [one.approval.approval_id for one in found] == ["b"]


@pytest.mark.parametrize(
    ("verdict", "enforced", "said", "is_override"),
    [
        ("denied", "allowed", "", True),
        ("deny", "", "approved", True),
        ("denied", "blocked", "denied", False),
        ("needs_approval", "allowed", "approved", False),
        ("", "allowed", "approved", False),
    ],
)
def test_an_override_lets_through_what_the_policy_denied(
    verdict: str, enforced: str, said: str, is_override: bool
) -> None:
    assert reported.overridden(decision(verdict=verdict, enforced=enforced, decision=said)) is is_override


def test_what_was_changed_after_the_approver_saw_it() -> None:
    assert reported.changed(decision(arguments_digest="a", shown_digest="b"))
    assert not reported.changed(decision(arguments_digest="a", shown_digest="a"))
    assert not reported.changed(decision(arguments_digest="a"))


@pytest.mark.parametrize(
    ("asked", "decided", "took"),
    [
        ("2026-11-27T02:00:00Z", "2026-11-27T02:05:00+00:00", timedelta(minutes=5)),
        ("2026-11-27T02:00:00Z", "2026-11-27T01:00:00Z", None),
        ("2026-11-27T02:00:00", "2026-11-27T03:00:00Z", None),
        ("", "", None),
        ("soon", "later", None),
    ],
)
def test_time_to_decide_is_said_only_where_both_ends_are(asked: str, decided: str, took: timedelta | None) -> None:
    assert reported.took(decision(requested_at=asked, decided_at=decided)) == took


def test_figures_are_written_shortly() -> None:
    assert [words.share(value) for value in (0, 0.0047, 0.012, 0.41, 1)] == ["0 %", "0.47 %", "1.2 %", "41 %", "100 %"]
    assert [words.size(value) for value in (0, 999, 12_300_000, 10**13)] == ["0 B", "999 B", "12.3 MB", "10 TB"]
    assert words.until(NOW + timedelta(days=3, hours=4), NOW) == "in 3 d 4 h"
    assert words.until(NOW - timedelta(hours=2), NOW) == "due since 2 h 00 min"
    assert words.escaped("[a](b) *c*") == r"\[a\]\(b\) \*c\*"
