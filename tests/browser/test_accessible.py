"""axe-core finds nothing serious in what is ours; Streamlit's own markup is its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Open
from tests.browser.looking import change_reader, settle
from tests.browser.scene import FAILED
from tests.browser.test_incident import EVERY

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
OURS = ("muster-", "cell")
pytestmark = pytest.mark.browser


def violations(page: Page) -> list[dict[str, Any]]:
    """Serious and critical ones, of elements that are ours."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        {"rule": one["id"], "where": node["html"][:200], "why": node["failureSummary"][:300]}
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
        if page.evaluate(
            "([target, ours]) => { const found = document.querySelector(target); "
            "return !!found && ours.some(name => found.closest(`[class*='${name}']`)); }",
            [str(node["target"][0]), list(OURS)],
        )
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("address", [*EVERY, f"/trace?trace_id={FAILED:032x}"])
def test_nothing_of_ours_keeps_anybody_out(pages: str, opening: Open, address: str, dark: bool) -> None:
    assert AXE.exists(), "axe-core is missing: run `make test`, or `npm ci --prefix tests/browser/axe`"
    page = opening(pages, dark=dark)
    page.goto(address)
    settle(page)
    page.locator("h1").first.wait_for()
    page.wait_for_timeout(300)  # Colours fade in.
    assert violations(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nor_in_an_incident(pages: str, opening: Open, dark: bool) -> None:
    page = opening(pages, dark=dark)
    page.goto("/")
    change_reader(page, "release")
    page.locator(".muster-verdict.unusual").wait_for()
    page.locator(".muster-table").first.wait_for()
    page.wait_for_timeout(300)
    assert violations(page) == []


def test_what_keeps_people_out_is_found(page: Page) -> None:
    page.goto("/")
    settle(page)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', \"<div class='muster-x'><img src='data:,'></div>\")")
    assert [one["rule"] for one in violations(page)] == ["image-alt"]
