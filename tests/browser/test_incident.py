"""At 2 a.m.: quiet is called quiet, and what is wrong is named with its cause, on the first screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.looking import change_reader, fits, on_first_screen, settle, sign_in

pytestmark = pytest.mark.browser


def _as(page: Page, organisation: str) -> None:
    page.goto("/")
    change_reader(page, organisation)
    settle(page)


def test_a_quiet_hour_says_nothing_unusual(page: Page, tmp_path: Path) -> None:
    _as(page, "quiet")
    on_first_screen(page, "Nothing unusual: ")
    page.screenshot(path=tmp_path / "quiet.png")
    expect(page.locator(".muster-verdict.quiet")).to_have_count(1)
    expect(page.get_by_text("What deviates")).to_have_count(0)


@pytest.mark.parametrize(
    ("organisation", "sentence", "cause"),
    [
        ("release", r"Errors after release b2b2b2b2b2b2 of drafter \(first seen", "runs fail"),
        ("dead", "Tool crm.update is dead: ", "tool crm.update: usually"),
        ("cost", r"support-triage costs more: \$0.000", "input tokens per call to gpt-4o-mini of drafter rose"),
    ],
)
def test_each_incident_names_its_cause(
    page: Page, tmp_path: Path, organisation: str, sentence: str, cause: str
) -> None:
    _as(page, organisation)
    expect(page.locator(".muster-verdict .sentence")).to_have_text(re.compile(sentence))
    on_first_screen(page, cause)
    on_first_screen(page, "What changed")
    page.screenshot(path=tmp_path / f"{organisation}.png")
    basis = page.locator(".muster-verdict").get_attribute("title") or ""
    assert "against 24 windows of the same length" in basis
    assert re.search(r"\d+\.\d of 4\.5, \d+ events", basis)


def test_from_the_verdict_to_who_answers_and_the_worst_trace(page: Page) -> None:
    _as(page, "release")
    on_first_screen(page, "Agents with errors")
    row = page.locator(".muster-table tr", has_text="drafter").first
    expect(row.get_by_text("ada")).to_be_visible()
    expect(row.get_by_text("support", exact=True)).to_be_visible()
    expect(row.get_by_role("link", name="Runbook")).to_have_attribute("href", "https://runbooks.example.org/a")
    expect(row.get_by_role("link", name="Runbook")).to_have_attribute("rel", "noopener noreferrer")
    assert (row.get_by_role("link", name="Worst trace").get_attribute("href") or "").startswith("/trace?trace_id=")


def test_an_address_opened_before_signing_in_is_shown_after_it(pages: str, opening: Open) -> None:
    page = opening(pages)
    page.goto("/traces?agent=support-drafter&order=newest+first")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    page.get_by_label("Token", exact=True).fill("nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("That didn't work.")).to_be_visible()
    sign_in(page, "dead")
    expect(page.get_by_role("heading", name="Traces")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/traces\?.*agent=support-drafter"))
    expect(page.get_by_label("Agent", exact=True)).to_have_value("support-drafter")


def test_back_leads_back(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Traces").first.click()
    expect(page).to_have_url(re.compile("/traces"))
    page.get_by_role("link", name="Agents").first.click()
    expect(page).to_have_url(re.compile("/agents"))
    page.go_back()
    expect(page).to_have_url(re.compile("/traces"))
    expect(page.get_by_role("heading", name="Traces")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Incident")).to_be_visible()


def test_a_window_may_be_fixed_and_is_in_the_address(page: Page) -> None:
    page.goto("/")
    change_reader(page, "dead")
    settle(page)
    page.get_by_role("button", name="date_range").first.click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile(r"since=.*until="))
    expect(page.get_by_role("button", name="Back to now")).to_be_visible()
    expect(page.locator(".muster-verdict").first).to_be_visible()
    page.get_by_role("button", name="Back to now").click()
    expect(page).not_to_have_url(re.compile("since="))
    page.goto("/?since=nonsense&until=2026")
    expect(page.get_by_label("Last", exact=True).first).to_be_visible()  # As if it weren't there.


def test_an_empty_store_says_how_data_gets_there(page: Page) -> None:
    page.goto("/")
    change_reader(page, "empty")
    on_first_screen(page, "No telemetry yet")
    expect(page.get_by_text("make demo")).to_be_visible()
    for address, words in (
        ("Spend", "No model call was counted"),
        ("Approvals", "No agent asked in this window"),
        ("Findings", "It wasn't looked for findings yet"),
        ("Agents", "All agents (1)"),
        ("Reviews", "Nothing to decide."),
        ("Records", "No month of any agent has traces yet."),
    ):
        page.get_by_role("link", name=address).first.click()
        on_first_screen(page, words)


EVERY = [
    "/",
    "/traces",
    "/spend",
    "/approvals",
    "/findings",
    "/agents",
    "/agent?agent=drafter",
    "/reviews",
    "/records",
    "/audit",
]


@pytest.mark.parametrize("address", EVERY)
def test_every_page_is_usable_on_a_phone(pages: str, opening: Open, tmp_path: Path, address: str) -> None:
    page = opening(pages, phone=True)
    page.goto(address)
    settle(page)
    expect(page.locator("h1").first).to_be_visible()
    fits(page)
    page.screenshot(path=tmp_path / "phone.png")
    expect(page.get_by_test_id("stException")).to_have_count(0)
