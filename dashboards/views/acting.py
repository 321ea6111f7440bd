"""Actions: what will happen is said first, a second click does it; what came of it is shown with its audit entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboards import api, links
from dashboards.views import parts
from inventory.client import ClientError


def attempt(key: str, act: Callable[[], Any], said: Callable[[Any], str]) -> None:
    """Do it, in a dialog: an error stays in the dialog, what came of it is told on the page."""
    try:
        with st.spinner("Asking the API …"):
            answer = act()
    except ClientError as error:
        st.error(f"**Nothing was changed.** {error}", icon=":material/error:")
        return
    api.changed()
    parts.tell(key, said(answer))
    st.rerun()


def audit_link(kind: str, object_: str) -> str:
    """Markdown: where the audit log says it."""
    return f"[In the audit log]({links.href(links.AUDIT, links.audit(kind, object_))})"


def reason(label: str = "Reason", *, needed: bool = True, key: str = "reason", example: str = "") -> str:
    """As it will stand in the audit log."""
    text = st.text_area(
        label, key=key, max_chars=2_000, placeholder=example, height=90, help="Kept, with your name, in the audit log."
    )
    if needed and not (text or "").strip():
        st.caption("A reason is needed.")
    return (text or "").strip()


def may(scope: str, what: str, *, reach: tuple[str, ...] = ("all", "teams", "own")) -> bool:
    """Whether the reader's roles have the scope; says what is missing where a button would be."""
    me = api.shown(what, api.me)
    if me is None:
        return False
    if me.scopes.get(scope, "") in reach:
        return True
    st.caption(f":material/lock: {what} needs the scope `{scope}`: ask an admin for a role that has it.")
    return False
