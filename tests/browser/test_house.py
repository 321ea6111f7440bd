"""Over `make up` and the demo: each reader's question is answered on the first screen, and what they do is done."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from inventory.client.gate import Gate, Permit
from inventory.contract.people import NewToken
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


def test_an_owner_lets_an_agent_act_and_the_agent_goes_on(house: House, opening: Open, tmp_path: Path) -> None:
    new = NewToken(kind="agent", name="crm", agents=["support-crm-writer"])
    secret = house.client("ada.admin").issue_token(new).secret
    permits: list[Permit] = []
    with Gate("support-crm-writer", house.api, secret) as gate:
        arguments = {"case": "CASE-104211", "amount": 900, "currency": "USD"}
        asking = threading.Thread(
            target=lambda: permits.append(
                gate.ask("billing.refund", arguments, policy=("refund-over-500", "2026-02"), shown="Refund 900 USD")
            )
        )
        asking.start()
        page = _as(house, opening, "kim.lee", "/approvals")
        on_first_screen(page, "Waiting for somebody (1)")
        on_first_screen(page, "Refund 900 USD")
        page.get_by_role("button", name="Decide …").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("CASE-104211")).to_be_visible()
        page.screenshot(path=tmp_path / "decide.png")
        dialog.get_by_role("button", name="Say it").click()
        _told(page, "billing.refund of support-crm-writer is approved")
        asking.join(30)
    assert [permit.approval.approver for permit in permits] == ["kim.lee"]
    expect(page.get_by_text("Waiting for somebody")).to_have_count(0)
    page.screenshot(path=tmp_path / "approvals.png")


def test_an_admin_lives_with_a_finding_until_a_day(house: House, opening: Open, tmp_path: Path) -> None:
    admin = house.client("ada.admin")
    found = next(one for one in admin.list_findings(limit=500).findings if one.finding == "duplicate-write")
    page = _as(house, opening, "vera.view", f"/findings?finding={found.id}")
    on_first_screen(page, "Critical")
    page.get_by_role("button", name="Live with it").click()
    expect(page.get_by_role("dialog").get_by_text("needs the scope findings:accept")).to_be_visible()

    page = _as(house, opening, "ada.admin", f"/findings?finding={found.id}")
    expect(page.get_by_text("After a timeout the first call may have done its work").first).to_be_visible()
    expect(page.get_by_role("link", name="Evidence").first).to_be_visible()
    page.screenshot(path=tmp_path / "finding.png")
    page.get_by_role("button", name="Live with it").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Accept it")).to_be_disabled()
    dialog.get_by_label("Reason", exact=True).fill("the new CRM has idempotency keys")
    dialog.get_by_label("Reason", exact=True).blur()
    dialog.get_by_role("button", name="Accept it").click()
    _told(page, "Accepted until")
    assert admin.get_finding(found.id).finding.accepted_reason == "the new CRM has idempotency keys"
    (entry,) = [
        one for one in admin.list_audit(kind="finding", object=found.id, limit=10).entries if "accept" in one.action
    ]
    assert entry.actor == "person:ada.admin"
    page.get_by_text("accepted", exact=True).click()
    expect(page.get_by_text(re.compile("^1 finding; looked for"))).to_be_visible()


def test_the_controls_and_the_evidence_are_read_and_printed(house: House, opening: Open, tmp_path: Path) -> None:
    page = _as(house, opening, "ada.admin", "/findings?part=Controls")
    on_first_screen(page, "Not assessed")
    on_first_screen(page, "Least Privilege")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Report to print").click()
    report = taken.value.path().read_text()
    assert "controls failed" in report
    now = datetime.now(UTC)
    (trace, *_) = house.client("sven.sre").list_traces(
        limit=1, since=now - timedelta(days=45), until=now, agent="support-crm-writer"
    ).traces  # fmt: skip
    page = _as(house, opening, "sven.sre", f"/trace?trace_id={trace.trace_id}")
    page.get_by_role("tab", name="Evidence").click()
    page.get_by_role("button", name="Gather the evidence").click()
    expect(page.get_by_text("Who requested it?")).to_be_visible()
    on_first_screen(page, "Answered")
    page.get_by_text(re.compile("^[0-9]+ sources?$")).first.click()
    page.screenshot(path=tmp_path / "evidence.png")
    with page.expect_download() as taken:
        page.get_by_role("button", name="Page to print").click()
    kept = taken.value.path().read_text()
    for name, text in (("controls", report), ("evidence", kept)):
        (tmp_path / f"{name}.html").write_text(text)
        printed = page.context.new_page()
        printed.goto((tmp_path / f"{name}.html").as_uri())
        printed.emulate_media(media="print")
        fits(printed)
        assert len(printed.pdf()) > 10_000
        if name == "controls":  # What is folded on a screen is on paper.
            expect(printed.get_by_text("SELECT count(*)").or_(printed.get_by_text("SELECT")).first).to_be_visible()
        printed.close()
