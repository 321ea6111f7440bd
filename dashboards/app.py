"""Muster's pages: `streamlit run dashboards/app.py`, with MUSTER_API_URL naming the inventory's API."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboards import links
from dashboards.views import trace, traces

STATIC = Path(__file__).parent / "static"


def main() -> None:
    st.set_page_config(page_title="Muster", page_icon=str(STATIC / "muster.svg"), layout="wide")
    st.html(STATIC / "muster.css")
    st.logo(str(STATIC / "muster-wide.svg"), icon_image=str(STATIC / "muster.svg"), size="large")

    def start() -> None:
        st.switch_page(listed)

    home = st.Page(start, title="Muster", url_path="home", default=True, visibility="hidden")
    listed = st.Page(lambda: traces.page(one), title="Traces", url_path=links.TRACES, icon=":material/account_tree:")
    one = st.Page(lambda: trace.page(listed), title="Trace", url_path=links.TRACE, visibility="hidden")
    st.navigation([home, listed, one]).run()


main()
