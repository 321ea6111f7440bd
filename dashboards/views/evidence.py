"""Evidence of a trace: what can be said of it, from which rows, and how well it is known."""

from __future__ import annotations

import html
from typing import Final

import streamlit as st

from dashboards import api, links, words
from dashboards.views import parts, tables
from dashboards.views.tables import Link
from inventory.contract.evidence import Answer, Evidence

MARKS: Final = {
    "verified": "✓ verified", "claimed": "○ claimed", "missing": "✕ missing", "not-needed": "– not needed",
}  # fmt: skip


def draw(trace_id: str) -> None:
    with st.spinner("Gathering evidence …", show_time=True):
        found = api.shown("Evidence", lambda: api.evidence(trace_id))
    if found is None:
        return
    missing = [one.asks for one in found.answers if one.standing == "missing"]
    parts.tiles(
        [
            ("Answered", words.share(found.completeness), "Of what is needed: verified or claimed"),
            ("Verified", words.share(found.verified), "Muster's own record says so, or checked it"),
            ("Missing", words.count(len(missing)), "; ".join(missing) or "Nothing"),
        ]
    )
    parts.as_of(
        f"As of {words.moment(found.as_of, parts.reader_zone())}"
        + ("; content is masked for you" if found.masked else "")
        + ("" if found.sealed else "; the trace isn't worked out yet")
    )
    for one in found.answers:
        _answer(trace_id, one)
    _undo(trace_id, found)
    client = api.client()
    with st.container(horizontal=True):
        st.download_button(
            "Page to print (HTML)", lambda: client.evidence_page(trace_id), f"evidence-{trace_id}.html", "text/html",
            key="evidence-html", on_click="ignore", icon=":material/print:",
        )  # fmt: skip
        st.download_button(
            "JSON", found.model_dump_json(indent=2), f"evidence-{trace_id}.json", "application/json",
            key="evidence-json", on_click="ignore", icon=":material/download:",
        )  # fmt: skip
    st.caption(f"SHA-256 of these answers: {found.digest}")


def _answer(trace_id: str, one: Answer) -> None:
    remedies = "".join(f"<p class=small>To know it: {html.escape(text)}.</p>" for text in one.missing)
    st.html(
        f"<section class='muster-answer {one.standing}'><div class=asks><b>{html.escape(one.asks)}</b>"
        f"<span class='mark'>{MARKS[one.standing]}</span></div>"
        f"<p>{html.escape(one.answer)}</p>{remedies}{_sources(trace_id, one)}</section>"
    )


def _sources(trace_id: str, one: Answer) -> str:
    """Folded: the rows that the answer rests on."""
    if not one.sources:
        return ""
    body: list[list[str | Link]] = [
        [
            source.says, MARKS[source.standing],
            Link(source.id, links.href(links.TRACE, links.trace(trace_id, source.id)))
            if source.kind in ("span", "envelope") else f"{source.kind} {source.id}",
        ]
        for source in one.sources
    ]  # fmt: skip
    table = tables.drawn(["What says so", "Standing", "Source"], body, label=f"Sources: {one.asks}")
    more = f"<p class=small>and {one.more:,} more that say the like</p>" if one.more else ""
    count = words.plural(len(one.sources) + one.more, "source")
    return f"<details><summary>{count}</summary>{table}{more}</details>"


def _undo(trace_id: str, found: Evidence) -> None:
    if not found.undo:
        return
    st.markdown("##### Steps to undo it")
    body: list[list[str | Link]] = [
        [
            str(number), step.what, step.how or "nobody says how", MARKS[step.standing],
            Link("Span", links.href(links.TRACE, links.trace(trace_id, step.span_id))) if step.span_id else "",
        ]
        for number, step in enumerate(found.undo, 1)
    ]  # fmt: skip
    tables.rows(["", "What was done", "How it is undone", "Standing", ""], body, label="steps to undo it")
