"""People who read their mail and press buttons: what a browser would send, taken from the page itself."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from starlette.testclient import TestClient


class _Forms(HTMLParser):
    """Hidden fields of each form, by the decision that it is for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append({})
        elif tag == "input" and given.get("type") == "hidden":
            self.found[-1][given["name"]] = given["value"]


def forms(page: str) -> dict[str, dict[str, str]]:
    parser = _Forms()
    parser.feed(page)
    return {form["decision"]: form for form in parser.found}


def opened(pages: TestClient, link: str) -> Any:
    return pages.get(urlsplit(link).path)


def pressed(pages: TestClient, link: str, decision: str, **typed: str) -> Any:
    """Open the link, fill in the form for a decision, send it."""
    page = opened(pages, link)
    if page.status_code != 200 or decision not in forms(page.text):
        return page
    return pages.post(urlsplit(link).path, data={**forms(page.text)[decision], **typed})
