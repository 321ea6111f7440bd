"""A reader finds a failed trace and the span to blame, in a real browser against the real thing."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import change_reader, fits, settle
from tests.browser.scene import BROKEN, FAILED, HUGE, LARGE

BARS = "[data-testid=stPlotlyChart] .barlayer .point path"

pytestmark = pytest.mark.browser


def test_from_the_list_to_the_span_to_blame(page: Page, tmp_path: Path) -> None:
    page.goto("/traces")
    expect(page.get_by_text(re.compile(r"15 traces that started .* (CET|CEST)\)"))).to_be_visible()
    settle(page)
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
    settle(page)
    _click_bar(page, 3, re.compile(f"span={0x14:016x}"))
    settle(page)
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


def test_a_trace_of_ten_thousand_spans_is_drawn_as_far_as_it_is_of_use(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    change_reader(page, "quiet")
    page.goto(f"/trace?trace_id={HUGE:032x}")
    change_reader(page, "quiet")  # An address opened anew is a new session.
    expect(page.locator(BARS)).to_have_count(80)
    expect(page.get_by_text("80 of 10,000 spans:")).to_be_visible()
    page.get_by_text("Show the first 2,000 spans").click()
    expect(page.locator(BARS)).to_have_count(2_000)
    page.screenshot(path=tmp_path / "huge.png")


def test_a_trace_without_its_root_says_so_on_a_phone(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/trace?trace_id={BROKEN:032x}")
    expect(page.get_by_text("Its root span never came.")).to_be_visible()
    expect(page.locator(BARS)).to_have_count(2)
    settle(page)
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    fits(page)


def _click_bar(page: Page, number: int, url: re.Pattern[str]) -> None:
    """As a person does: once more if the chart was being drawn anew under the pointer."""
    for _ in range(3):
        page.locator(BARS).nth(number).click(force=True)  # Plotly's drag layer lies above the bars.
        with suppress(AssertionError):
            expect(page).to_have_url(url, timeout=10_000)
            return
    expect(page).to_have_url(url)


def _select_row(page: Page, row: int) -> None:
    """Rows are drawn on a canvas: the box at the left of one is found by its place."""
    settle(page)
    box = page.locator("[data-testid=stDataFrame]").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 17, box["y"] + 50 + 33 * row)
