"""What takes long: its progress, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboards import api, words
from dashboards.views import parts
from inventory.client import ClientError
from inventory.contract import records

_EVERY = "1s"


def begun(answer: records.Work | records.Exported) -> str:
    """Its id goes into the address, so that it is found again after a reload."""
    work = answer if isinstance(answer, records.Work) else answer.work
    st.query_params["work"] = work.id
    return f"Begun: {work.kind} of {work.package}."


def progress(place: str, said: Callable[[records.Work], str]) -> None:
    """Of the work that the address names."""
    name = st.query_params.get("work", "")
    if not name:
        return

    @st.fragment(run_every=_EVERY)
    def live() -> None:
        try:
            work = api.work(name)
        except ClientError as error:
            st.error(f"**Its progress can't be shown.** {error}", icon=":material/error:")
            return
        if work.state in ("done", "failed"):
            st.query_params.pop("work", None)
            api.changed()
            parts.tell(place, said(work))
            st.rerun()
        share = min(work.done / work.total, 1.0) if work.total else 0.0
        rows = f"{work.done:,} of {work.total:,}" if work.total else f"{work.done:,}"
        size = f", {words.size(work.bytes)}" if work.bytes else ""
        again = f" (attempt {work.attempts})" if work.attempts > 1 else ""
        st.progress(share, f"**{work.kind} of {work.package}**{again}: {work.what or work.state}, {rows}{size}")

    live()
