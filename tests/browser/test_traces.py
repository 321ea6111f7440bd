"""A reader finds a failed trace and the span to blame, in a real browser against the real thing."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.scene import BROKEN, FAILED, LARGE, running

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
BARS = "[data-testid=stPlotlyChart] .barlayer .point path"

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    assert CHROMIUM.exists(), "Chromium is missing: run `apt-get install -y chromium`"
    with running(tmp_path_factory.mktemp("scene"), _free_port(), _free_port()) as (_, address):
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(pages: str, browser: Browser) -> Iterator[Page]:
    """A reader in Berlin. Nothing may be fetched from anywhere but this machine."""
    elsewhere: list[str] = []

    def watch(url: str) -> None:
        if urlsplit(url).scheme in ("http", "https", "ws") and urlsplit(url).hostname != "127.0.0.1":
            elsewhere.append(url)

    context = browser.new_context(base_url=pages, viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    context.set_default_timeout(30_000)
    opened = context.new_page()
    opened.on("request", lambda request: watch(request.url))
    yield opened
    context.close()
    assert not elsewhere


def test_from_the_list_to_the_span_to_blame(page: Page, tmp_path: Path) -> None:
    page.goto("/traces")
    expect(page.get_by_text(re.compile(r"15 traces that started .* (CET|CEST)\)"))).to_be_visible()
    _settle(page)
    page.screenshot(path=tmp_path / "list.png")

    page.get_by_label("Agent", exact=True).fill("crm-writer")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("^1 trace that started"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"/traces\?agent=crm-writer"))

    _select_row(page, 0)
    expect(page.get_by_text("(1 copy not counted)")).to_be_visible()
    page.screenshot(path=tmp_path / "selected.png")
    page.get_by_text("Open the trace").click()
    expect(page).to_have_url(re.compile(f"/trace\\?trace_id={FAILED:032x}"))
    expect(page.get_by_role("heading", name="invoke_workflow support")).to_be_visible()
    expect(page.get_by_text("1 error; 2 spans above repeat them")).to_be_visible()

    expect(page.locator(BARS)).to_have_count(4)
    _settle(page)
    _click_bar(page, 3, re.compile(f"span={0x14:016x}"))
    _settle(page)
    expect(page.get_by_role("heading", name="execute_tool billing.refund")).to_be_visible()
    expect(page.get_by_text('"amount": 640.0')).to_be_visible()
    page.screenshot(path=tmp_path / "span.png", full_page=True)
    page.get_by_role("tab", name="Sender").click()
    expect(page.get_by_text("verified by its ingest token")).to_be_visible()
    page.get_by_role("tab", name="Decisions (1)").click()
    expect(page.get_by_text("denied by kim.lee").last).to_be_visible()

    page.goto(page.url)  # The address alone brings it all back.
    expect(page.get_by_role("heading", name="execute_tool billing.refund")).to_be_visible()

    page.get_by_text("All traces").click()
    expect(page.get_by_text(re.compile("^15 traces that started"))).to_be_visible()


def test_a_trace_of_two_thousand_spans_is_reduced_then_drawn_whole(page: Page, tmp_path: Path) -> None:
    page.goto(f"/trace?trace_id={LARGE:032x}")
    expect(page.locator(BARS)).to_have_count(80)
    page.screenshot(path=tmp_path / "large.png")
    page.get_by_text("Show all 2,000 spans").click()
    expect(page.locator(BARS)).to_have_count(2_000)


def test_a_trace_without_its_root_says_so_on_a_phone(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/trace?trace_id={BROKEN:032x}")
    expect(page.get_by_text("Its root span never came.")).to_be_visible()
    expect(page.locator(BARS)).to_have_count(2)
    _settle(page)
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0


def test_the_first_address_leads_to_the_traces(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Traces")).to_be_visible()
    expect(page).to_have_url(re.compile("/traces$"))
    expect(page).to_have_title(re.compile("Traces|Muster"))


def _click_bar(page: Page, number: int, url: re.Pattern[str]) -> None:
    """As a person does: once more if the chart was being drawn anew under the pointer."""
    for _ in range(3):
        page.locator(BARS).nth(number).click(force=True)  # Plotly's drag layer lies above the bars.
        with suppress(AssertionError):
            expect(page).to_have_url(url, timeout=10_000)
            return
    expect(page).to_have_url(url)


def _settle(page: Page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def _select_row(page: Page, row: int) -> None:
    """Rows are drawn on a canvas: the box at the left of one is found by its place."""
    _settle(page)
    box = page.locator("[data-testid=stDataFrame]").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 17, box["y"] + 50 + 33 * row)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
