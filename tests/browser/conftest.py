"""A browser, and readers in it. Nothing may be fetched from anywhere but this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import scene
from tests.browser.looking import free_port

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
expect.set_options(timeout=30_000)
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for longer: while it is there its event loop runs, and no other can."""
    assert CHROMIUM.exists(), "Chromium is missing: run `apt-get install -y chromium`"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the scene: one address for all its organisations."""
    with scene.running(tmp_path_factory.mktemp("scene"), free_port(), free_port()) as (_, address):
        yield address


@pytest.fixture
def opening(browser: Browser) -> Iterator[Open]:
    """Opens a reader's tab, in Berlin; `phone`, `dark`."""
    elsewhere: list[str] = []
    contexts = []

    def watch(url: str) -> None:
        if urlsplit(url).scheme in ("http", "https", "ws") and urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
            elsewhere.append(url)

    def opened(base: str, *, phone: bool = False, dark: bool = False) -> Page:
        size = (390, 844) if phone else (1440, 900)
        context = browser.new_context(
            base_url=base, viewport={"width": size[0], "height": size[1]}, timezone_id="Europe/Berlin",
            color_scheme="dark" if dark else "light", accept_downloads=True,
        )  # fmt: skip
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: watch(request.url))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not elsewhere


@pytest.fixture
def page(pages: str, opening: Open) -> Page:
    """The scene, as the admin of the default organisation."""
    return opening(pages)
