"""What every browser test does with a page."""

from __future__ import annotations

import socket

from playwright.sync_api import Page, expect


def settle(page: Page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def on_first_screen(page: Page, text: str) -> None:
    """It is there to read without scrolling."""
    found = page.get_by_text(text).first
    expect(found).to_be_visible()
    box = found.bounding_box()
    size = page.viewport_size
    assert box is not None
    assert size is not None
    assert 0 <= box["y"] <= size["height"] - box["height"], f"{text!r} is at {box['y']}, below {size['height']}"


def fits(page: Page) -> None:
    """Nothing sticks out to the right."""
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def change_reader(page: Page, token: str) -> None:
    """Out, and in again as somebody else."""
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, token)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
