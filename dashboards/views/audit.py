"""Audit: who did what?"""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from dashboards import api, words
from dashboards.links import Pages
from dashboards.views import acting, parts, tables
from inventory.contract import people

_SHOWN = 200
_MOST = 5_000


def page(pages: Pages) -> None:
    st.title("Audit", anchor=False)
    if not acting.may("audit:read", "The audit log", reach=("all",)):
        st.caption("Auditors, records officers and admins read it.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.text_input("Kind", key="kind", bind="query-params", placeholder="agent", width=140)
        object_ = st.text_input("Object", key="object", bind="query-params", placeholder="its id", width=240)
        actor = st.text_input("Who", key="actor", bind="query-params", placeholder="person:ada", width=200)
        action = st.text_input("Action", key="action", bind="query-params", placeholder="agent.update", width=180)
        asked = st.button("Check the chain", icon=":material/link:", key="chain")
    if asked:
        _chain()
    filters = {"kind": kind, "object": object_, "actor": actor, "action": action}
    given = {name: value.strip() for name, value in filters.items() if value and value.strip()}
    with st.spinner("Reading the log …", show_time=True):
        found = api.shown("The audit log", lambda: api.audit(_SHOWN, **given))
    if found is None:
        return
    if not found.entries:
        st.info("**No entry fits.** Names are exact; leave a filter empty to see more.", icon=":material/search_off:")
        return
    _list(found, given)


def _chain() -> None:
    with st.spinner("Walking the whole chain …", show_time=True):
        verdict = api.shown("The check", api.verify_audit)
    if verdict is None:
        return
    anchored = f"{verdict.anchors:,} anchors" + (
        f", the last at entry {verdict.last_anchored:,}" if verdict.last_anchored else ""
    )
    if verdict.intact:
        st.success(f"**The chain is whole**: {verdict.entries:,} entries, {anchored}.", icon=":material/verified:")
    else:
        breaks = "; ".join(f"entry {one.seq:,}: {one.reason}" for one in verdict.breaks[:10])
        st.error(f"**The chain is broken.** {words.escaped(breaks)}", icon=":material/gpp_bad:")


def _list(found: people.AuditPage, given: dict[str, str]) -> None:
    entries = found.entries
    more = f"the newest {len(entries):,} entries" if found.next else words.plural(len(entries), "entry", "entries")
    parts.as_of(f"{more[0].upper()}{more[1:]}{' that fit' if given else ''}")
    rows = tables.grid(
        "entries", _columns(entries), "audit", alt="Audit entries, the newest first; select one to see what changed",
        on_select="rerun", selection_mode="single-row", tall=560,
        column_config={
            "When (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss"),
            "Object": st.column_config.TextColumn(width="medium"),
        },
    )  # fmt: skip
    if found.next and st.button(f"Prepare all of them as CSV (up to {_MOST:,})", key="audit-all"):
        _everything(given)
    if not rows or rows[0] >= len(entries):
        st.caption("Select an entry to see what was changed.")
        return
    entry = entries[rows[0]]
    with st.container(border=True):
        st.markdown(f"**{words.escaped(entry.action)}** of {words.escaped(entry.kind)} {words.escaped(entry.object)}, "
                    f"by {words.escaped(entry.actor)}, {words.moment(entry.at, parts.reader_zone())}")  # fmt: skip
        left, right = st.columns(2)
        for place, title, value in ((left, "Before", entry.before), (right, "After", entry.after)):
            with place:
                st.caption(title)
                st.json(value if isinstance(value, dict | list) else {"": value}, expanded=2)
        parts.facts([("Request", entry.request_id), ("Hash", entry.hash), ("Of the one before", entry.previous)],
                    mono=frozenset({"Hash", "Of the one before", "Request"}))  # fmt: skip


def _everything(given: dict[str, str]) -> None:
    entries: list[people.AuditEntry] = []
    cursor: str | None = None
    with st.spinner("Reading …", show_time=True):
        while len(entries) < _MOST:
            page_ = api.shown("The audit log", partial(api.audit, 500, cursor=cursor, **given))
            if page_ is None:
                return
            entries += page_.entries
            cursor = page_.next
            if cursor is None:
                break
    tables.take("audit-everything", _columns(entries), "audit")


def _columns(entries: list[people.AuditEntry]) -> dict[str, list[Any]]:
    return {
        "No": [one.seq for one in entries],
        "When (UTC)": [tables.utc(one.at) for one in entries],
        "Who": [one.actor for one in entries],
        "Action": [one.action for one in entries],
        "Kind": [one.kind for one in entries],
        "Object": [one.object for one in entries],
        "Request": [one.request_id for one in entries],
        "Hash": [one.hash for one in entries],
    }
