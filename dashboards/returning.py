"""Back to the address somebody opened, after the identity provider has sent them to the first page.

Streamlit forgets it (streamlit#10162). It is kept in a cookie of ten minutes, and only an address of these pages is
gone to: a page by its name, with its parameters.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import streamlit as st

from dashboards import links

COOKIE = "muster-return"
_LONGEST = 2_000


def remember() -> None:
    """Let the browser keep where it is."""
    address = _address(st.context.url or "", dict(st.query_params))
    if address:
        _set(quote(address, safe=""), 600)


def back() -> None:
    """Go there, once."""
    kept = st.context.cookies.get(COOKIE, "")
    if not kept or st.session_state.get("returned"):
        return
    st.session_state["returned"] = True
    _set("", 0)
    found = target(unquote(kept))
    if found is not None and not dict(st.query_params):
        st.session_state["go_to"] = found


def target(address: str) -> tuple[str, dict[str, str]] | None:
    """The page and its parameters; None for anything that isn't an address of these pages."""
    if len(address) > _LONGEST or not address.startswith("/") or address.startswith(("//", "/\\")):
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    page = parts.path.strip("/")
    if parts.scheme or parts.netloc or page not in links.KNOWN:
        return None
    return page, dict(parse_qsl(parts.query)[:30])


def _address(url: str, parameters: dict[str, str]) -> str:
    page = urlsplit(url).path.strip("/").rpartition("/")[2]
    if page not in links.KNOWN or (page == links.INCIDENT and not parameters):
        return ""
    return f"/{page}?{urlencode(parameters)}"[:_LONGEST]


def _set(value: str, seconds: int) -> None:
    set_cookie(f"{COOKIE}={value}; path=/; max-age={seconds}; samesite=lax")


def set_cookie(cookie: str) -> None:
    """As `document.cookie` takes it."""
    st.html(f"<script>document.cookie = {json.dumps(cookie)}</script>", unsafe_allow_javascript=True)
