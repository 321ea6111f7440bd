"""Who reads: signed in by the identity provider, by the token of this machine, or by a token that they give.

A token that somebody gives stays here; their browser keeps a random name for it, so that a link that is opened in
another tab finds them signed in, for twelve hours at most. What they may do is the API's to say, at every request.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from dataclasses import dataclass
from typing import NoReturn

import streamlit as st

from dashboards import returning
from inventory.client import DEFAULT_URL, ClientError, InventoryClient

_TOKEN = "signed_in_with"  # noqa: S105 (a name)
_OUT = "signed_out"
_COOKIE = "muster-session"
_TO_SET = "cookie_to_set"
_LASTS = 12 * 3600
_MOST = 10_000


@dataclass(frozen=True)
class Reader:
    """Somebody's client. `key` tells readers apart, in caches, without telling who they are."""

    key: str
    client: InventoryClient

    def __hash__(self) -> int:
        return hash(self.key)


def url() -> str:
    return os.environ.get("MUSTER_API_URL") or DEFAULT_URL


def provider() -> bool:
    """Whether `.streamlit/secrets.toml` names an identity provider."""
    try:
        return "auth" in st.secrets
    except FileNotFoundError:
        return False


def reader() -> Reader:
    """Whoever is signed in. Stops the script with the way in, where nobody is."""
    _let_browser_keep()
    token = st.session_state.get(_TOKEN) or _kept()
    if token:
        return _reader(token)
    if provider():
        return _of_provider()
    if not st.session_state.get(_OUT):
        of_machine = _of_machine()
        if of_machine is not None:
            return of_machine
    return _ask()


def leave() -> None:
    """Sign out: of this tab, and of the identity provider's session."""
    st.session_state.pop(_TOKEN, None)
    _sessions().pop(_digest(st.context.cookies.get(_COOKIE, "")), None)
    _sessions().pop(_digest(st.session_state.pop("session", "")), None)
    st.session_state[_TO_SET] = f"{_COOKIE}=; path=/; max-age=0; samesite=lax"
    st.session_state[_OUT] = True
    st.cache_data.clear()
    if provider() and st.user.is_logged_in:
        st.logout()


@st.cache_resource(show_spinner=False)
def _sessions() -> dict[str, tuple[str, float]]:
    """Tokens and until when, by the digest of the name that a browser keeps."""
    return {}


def _keep(token: str) -> None:
    """For this tab, and for others of the same browser."""
    name = secrets.token_urlsafe(32)
    kept, now = _sessions(), time.time()
    for key in [key for key, (_, until) in kept.items() if until < now][:_MOST]:
        kept.pop(key, None)
    if len(kept) < _MOST:
        kept[_digest(name)] = token, now + _LASTS
    secure = "; secure" if (st.context.url or "").startswith("https:") else ""
    st.session_state[_TOKEN] = token
    st.session_state["session"] = name
    st.session_state[_TO_SET] = f"{_COOKIE}={name}; path=/; max-age={_LASTS}; samesite=lax{secure}"
    st.session_state.pop(_OUT, None)


def _kept() -> str:
    """The token of whoever signed in in another tab; empty: nobody did."""
    if st.session_state.get(_OUT):
        return ""
    token, until = _sessions().get(_digest(st.context.cookies.get(_COOKIE, "")), ("", 0.0))
    return token if until > time.time() else ""


def _let_browser_keep() -> None:
    """In a run of its own: what is drawn just before a rerun never reaches the browser."""
    cookie = st.session_state.pop(_TO_SET, None)
    if cookie:
        returning.set_cookie(cookie)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@st.cache_resource(max_entries=500, show_spinner=False)
def _client(key: str, address: str, _token: str) -> InventoryClient:
    return InventoryClient(address, _token)


def _reader(token: str) -> Reader:
    key = _digest(token)
    return Reader(key, _client(key, url(), token))


@st.cache_resource(show_spinner=False)
def _of_machine() -> Reader | None:
    """By MUSTER_API_TOKEN, or the file that MUSTER_API_TOKEN_FILE names; None: there is neither."""
    given = os.environ.get("MUSTER_API_TOKEN") or os.environ.get("MUSTER_API_TOKEN_FILE")
    return Reader("machine", InventoryClient.of_environment()) if given else None


def _of_provider() -> Reader:
    if not st.user.is_logged_in:
        returning.remember()
        _welcome()
        if st.button("Sign in", type="primary", icon=":material/login:"):
            st.login()
        st.stop()
    token = st.user.tokens.get("id")
    if not token:
        st.error(
            "**The identity provider's token doesn't reach the pages.** Set `expose_tokens = [\"id\"]` in the `[auth]` "
            "section of `.streamlit/secrets.toml`.",
            icon=":material/key_off:",
        )
        st.stop()
    returning.back()
    return _reader(str(token))


def _ask() -> NoReturn:
    """For a token: it is tried before it is taken."""
    _welcome()
    with st.form("sign-in", width=460):
        token = st.text_input(
            "Token",
            type="password",
            autocomplete="off",
            help="A person's token (`muster tokens issue --kind person …`), or the local admin's: `admin-token` in the "
            "data directory.",
        )
        asked = st.form_submit_button("Sign in", type="primary", icon=":material/login:")
    if asked and token.strip():
        try:
            InventoryClient(url(), token.strip()).me()
        except ClientError as error:
            st.error(f"**That didn't work.** {error}", icon=":material/error:")
        else:
            _keep(token.strip())
            st.rerun()
    elif asked:
        st.warning("Paste a token first.")
    st.stop()


def _welcome() -> None:
    st.title("Muster", anchor=False)
    st.markdown("Every agent accounted for. Sign in to go on; you come back to the address that you opened.")
