"""Over `make up` and the demo: each reader's question is answered on the first screen, and what they do is done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.house import EXPIRED, House, standing
from tests.browser.looking import fits, on_first_screen, settle, sign_in

pytestmark = pytest.mark.browser
DRAFTER = "support-drafter"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with standing(tmp_path_factory.mktemp("house")) as stands:
        yield stands


def _as(house: House, opening: Open, person: str, address: str = "/") -> Page:
    page = opening(house.pages)
    page.goto(address)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, house.tokens[person])
    settle(page)
    return page


def _told(page: Page, text: str) -> None:
    expect(page.get_by_test_id("stAlert").filter(has_text=text).first).to_be_visible()


def test_an_sre_stops_an_agent_and_an_admin_gives_it_back(house: House, opening: Open, tmp_path: Path) -> None:
    page = _as(house, opening, "sven.sre", "/?window=7d")
    on_first_screen(page, "Error rate")
    on_first_screen(page, "What changed")
    page.get_by_role("button", name="Stop an agent").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Agent", exact=True).click()
    page.get_by_role("option", name=DRAFTER, exact=True).click()
    expect(dialog.get_by_role("button", name="Report it")).to_be_disabled()
    dialog.get_by_label("Reason", exact=True).fill("it mailed other customers' data")
    dialog.get_by_label("Reason", exact=True).blur()
    dialog.get_by_role("button", name="Report it").click()
    _told(page, f"{DRAFTER} was reported")
    page.screenshot(path=tmp_path / "stopped.png")
    (case,) = house.client("sven.sre").list_cases(agent=DRAFTER, open=True).cases
    assert case.reason == "violation"

    admin = _as(house, opening, "ada.admin", f"/reviews?case={case.id}")
    on_first_screen(admin, "Somebody saw it do what it must not".lower())
    on_first_screen(admin, "If nobody decides")
    admin.get_by_label("Reason", exact=True).fill("a false alarm: it was a test account")
    admin.get_by_label("Reason", exact=True).blur()
    admin.get_by_role("button", name="Go on").click()
    admin.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    _told(admin, "Decided: keep it")
    with admin.expect_popup() as opened:
        admin.get_by_test_id("stAlert").get_by_role("link", name="In the audit log").click()
    expect(opened.value).to_have_url(re.compile(rf"/audit\?.*{case.id}"))
    expect(opened.value.get_by_text(re.compile(r"^\d+ entries that fit$"))).to_be_visible()  # Signed in there too.


def test_an_owner_decides_what_waits_for_them(house: House, opening: Open, tmp_path: Path) -> None:
    page = _as(house, opening, "kim.lee", "/agents")
    on_first_screen(page, "Needs somebody")
    on_first_screen(page, EXPIRED)
    page.get_by_text("mine", exact=True).click()
    expect(page.get_by_text(re.compile(r"All agents \(9\)"))).to_be_visible()
    page.screenshot(path=tmp_path / "agents.png")
    page.get_by_role("link", name="Reviews").first.click()
    on_first_screen(page, "Its time is over")
    on_first_screen(page, "If nobody decides")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Decide").first.click()
    page = opened.value
    on_first_screen(page, "Evidence")
    page.screenshot(path=tmp_path / "review.png")
    expect(page.get_by_role("button", name="Go on")).to_be_disabled()
    page.get_by_label("Reason", exact=True).fill("we still sample with it")
    page.get_by_label("Reason", exact=True).blur()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    _told(page, "Decided: keep it")
    assert house.client("kim.lee").list_cases(agent=EXPIRED, open=True).cases == []


def test_a_records_officer_exports_a_month_and_proves_it(house: House, opening: Open, tmp_path: Path) -> None:
    page = _as(house, opening, "rita.records", "/records")
    on_first_screen(page, "Not archived")
    on_first_screen(page, DRAFTER)
    page.screenshot(path=tmp_path / "records.png")
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Agent", exact=True).click()
    page.get_by_role("option", name=DRAFTER, exact=True).click()
    dialog.get_by_role("button", name="Export", exact=True).click()
    _told(page, "Exported: ")
    with page.expect_popup() as opened:
        page.get_by_test_id("stAlert").get_by_role("link", name=re.compile("^pkg_")).click()
    page = opened.value
    expect(page).to_have_url(re.compile(r"/package\?package=pkg_"))
    on_first_screen(page, "Proved")  # Read back when it was written.
    on_first_screen(page, "counts agree")
    page.get_by_role("button", name="Verify").click()
    _told(page, "Proved: ")
    on_first_screen(page, "every file, count, the signature, the chain and the lock are as they were")
    page.screenshot(path=tmp_path / "package.png")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Manifest").click()
    assert re.match(r"^[0-9a-f]{64}  data/", taken.value.path().read_text())

    page.get_by_role("button", name="Hold").click()
    page.get_by_role("dialog").get_by_label("Number of the legal case").fill("2026-CV-01187")
    page.get_by_role("dialog").get_by_label("Reason", exact=True).fill("litigation")
    page.get_by_role("dialog").get_by_label("Reason", exact=True).blur()
    page.get_by_role("dialog").get_by_role("button", name="Place it").click()
    _told(page, "2026-CV-01187 holds")
    page.get_by_role("button", name="Destroy").click()
    page.get_by_role("dialog").get_by_label("Reason", exact=True).fill("its time is over")
    page.get_by_role("dialog").get_by_label("Reason", exact=True).blur()
    page.get_by_role("dialog").get_by_role("button", name="Ask").click()
    expect(page.get_by_role("dialog").get_by_text("Nothing was changed.")).to_be_visible()


def test_a_reader_without_the_right_is_told_which_one_is_missing(house: House, opening: Open) -> None:
    page = _as(house, opening, "vera.view", "/audit")
    on_first_screen(page, "needs the scope audit:read")
    page.get_by_role("link", name="Records").first.click()
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("dialog").get_by_text("Exporting needs the scope records:write")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Traces").first.click()
    page.get_by_label("Said in it", exact=True).fill("refund")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Full text needs the scope content:read.")).to_be_visible()


@pytest.mark.parametrize(
    ("address", "answers"),
    [
        ("/spend?window=7d", ["Cost", "Unpriced", "Dearest traces"]),
        ("/approvals?window=30d", ["Pending", "Time to decide", "Overrides"]),
        (f"/agent?agent={DRAFTER}", ["Failed", "What happens next", "Pager"]),
        ("/audit", ["Check the chain", "agent.create"]),
        ("/traces?window=7d", ["traces that started"]),
    ],
)
def test_a_page_answers_on_its_first_screen(
    house: House, opening: Open, tmp_path: Path, address: str, answers: list[str]
) -> None:
    page = opening(house.pages, dark=True)
    page.goto(address)
    settle(page)
    for answer in answers:
        if answer == "agent.create":  # The grid is drawn on a canvas.
            expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
        else:
            on_first_screen(page, answer)
    fits(page)
    page.screenshot(path=tmp_path / "dark.png")


def test_the_chain_is_checked_and_everything_can_be_taken_along(house: House, opening: Open) -> None:
    page = _as(house, opening, "rita.records", "/audit?kind=agent")
    page.get_by_role("button", name="Check the chain").click()
    _told(page, "The chain is whole")
    settle(page)
    page.wait_for_timeout(500)  # The button is drawn anew with the page.
    with page.expect_download() as taken:
        page.get_by_test_id("stDownloadButton").get_by_role("button").first.click()
    text = taken.value.path().read_text("utf-8-sig")
    assert text.startswith("No,When (UTC),Who,Action,Kind,Object,Request,Hash")
    assert "agent.create" in text


def test_a_shadow_is_claimed(house: House, opening: Open) -> None:
    page = _as(house, opening, "ada.admin", "/agents")
    page.get_by_role("link", name="shadow-scraper").first.wait_for()
    grid = page.get_by_test_id("stDataFrame").last
    grid.scroll_into_view_if_needed()
    settle(page)
    found = house.client("ada.admin").discover().found
    row = next(number for number, one in enumerate(found) if one.kind == "shadow")
    box = grid.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 17, box["y"] + 50 + 33 * row)
    page.get_by_role("button", name="Claim it").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Register a new agent for it").click()
    dialog.get_by_label("Id", exact=True).fill("scraper")
    dialog.get_by_label("Name", exact=True).fill("Scraper")
    dialog.get_by_label("Name", exact=True).blur()
    dialog.get_by_role("button", name="Claim", exact=True).click()
    _told(page, "It is scraper's now.")
    assert house.client("ada.admin").get_agent("scraper").state == "draft"
