"""Muster's pages: `streamlit run dashboards/app.py`, with MUSTER_API_URL naming the inventory's API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from dashboards import api, links, session
from dashboards.links import Pages
from dashboards.views import (
    agent,
    agents,
    approvals,
    audit,
    findings,
    incident,
    package,
    records,
    reviews,
    spend,
    trace,
    traces,
)
from inventory.client import ClientError

_SIDEBAR = 212  # pixels: what is shown needs the width
STATIC = Path(__file__).parent / "static"


def main() -> None:
    st.set_page_config(
        page_title="Muster", page_icon=str(STATIC / "muster.svg"), layout="wide", initial_sidebar_state=_SIDEBAR
    )
    st.html(STATIC / "muster.css")
    st.logo(str(STATIC / "muster-wide.svg"), icon_image=str(STATIC / "muster.svg"), size="large")
    pages: dict[str, Page] = {}

    def at(
        where: str, title: str, draw: Callable[[Pages], None], icon: str | None = None, *, first: bool = False
    ) -> Page:
        pages[where] = st.Page(
            lambda: draw(pages), title=title, url_path=where or None, default=first,
            icon=f":material/{icon}:" if icon else None, visibility="visible" if icon else "hidden",
        )  # fmt: skip
        return pages[where]

    operate = [
        at(links.INCIDENT, "Incident", incident.page, "emergency_home", first=True),
        at(links.TRACES, "Traces", traces.page, "account_tree"),
        at(links.SPEND, "Spend", spend.page, "payments"),
        at(links.APPROVALS, "Approvals", approvals.page, "how_to_reg"),
        at(links.FINDINGS, "Findings", findings.page, "gpp_maybe"),
        at(links.TRACE, "Trace", trace.page),
    ]
    own = [
        at(links.AGENTS, "Agents", agents.page, "smart_toy"),
        at(links.REVIEWS, "Reviews", reviews.page, "rate_review"),
        at(links.AGENT, "Agent", agent.page),
    ]
    keep = [
        at(links.RECORDS, "Records", records.page, "inventory_2"),
        at(links.AUDIT, "Audit", audit.page, "fact_check"),
        at(links.PACKAGE, "Package", package.page),
    ]
    chosen = st.navigation({"Operate": operate, "Own": own, "Keep": keep})
    session.reader()  # Or the way in, and nothing else.
    go_to = st.session_state.pop("go_to", None)
    if go_to is not None:
        st.switch_page(pages[go_to[0]], query_params=go_to[1])
    _who()
    chosen.run()


def _who() -> None:
    """Below the list of pages: as whom, and the way out."""
    with st.sidebar:
        try:
            me = api.me()
        except ClientError as error:
            st.caption(f":material/cloud_off: {error}")
        else:
            roles = ", ".join(sorted({role.role.value for role in me.roles})) or me.kind
            st.caption(f":material/person: {me.person or me.actor}  \n{roles}, organisation {me.org}")
        st.button("Sign out", type="tertiary", icon=":material/logout:", on_click=session.leave, key="sign-out")


main()
