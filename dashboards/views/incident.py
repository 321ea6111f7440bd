"""Incident: what is broken, since when, whose is it, what changed?"""

from __future__ import annotations

import html
from collections.abc import Sequence
from decimal import Decimal

import streamlit as st

from dashboards import api, figures, links, words
from dashboards.links import Pages
from dashboards.views import acting, parts, tables
from dashboards.views.tables import Link
from inventory import contract
from inventory.client import InventoryClient
from inventory.contract import incidents, lifecycle

_STATE = {
    "quiet": ("✓", "Nothing unusual"),
    "unusual": ("▲", "Unusual"),
    "unknown": ("?", "Nothing to compare with"),
    "blind": ("◌", "Blind"),
    "empty": ("○", "Empty"),
}
_TILES = {
    "error_rate": ("Error rate", "Traces whose root failed, of those that began in the window"),
    "p95": ("p95", "95th percentile of whole traces, without waits for people"),
    "cost_per_hour": ("Cost", "US dollars an hour, of calls with a known price"),
    "traces_per_hour": ("Traces", "Traces that began, an hour"),
}
_AGENTS, _CHANGES = 8, 7


def page(pages: Pages) -> None:
    head, picker = st.columns([3, 2], vertical_alignment="bottom")
    head.title("Incident", anchor=False)
    with picker, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        window = parts.pick_window()
        every = parts.pick_refresh()
    parts.told("incident")
    minutes = window.until - window.since
    fixed = "since" in st.query_params

    @st.fragment(run_every=None if fixed else every)
    def live() -> None:
        _live(window if fixed else api.until(int(minutes.total_seconds() // 60)), pages)

    live()


def _live(window: contract.Window, pages: Pages) -> None:
    with st.spinner("Comparing with what came before …", show_time=True):
        seen = api.shown("The verdict", lambda: api.incident(window))
    if seen is None:
        _onward(pages)
        return
    if seen.verdict.state == "empty":
        parts.how_data_gets_here()
        return
    _verdict(seen)
    _tiles(seen)
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        st.plotly_chart(
            figures.health(seen, parts.dark()),
            theme=None,
            key="health",
            config={"displayModeBar": False},
            alt=f"Traces and failed traces; {seen.verdict.sentence}",
        )
    with right:
        _changes(seen)
    _agents(seen, pages)
    _radius(seen)
    if seen.deviations:
        _deviations(seen)
    st.caption(f"How this is known: {seen.verdict.basis}")  # Also where nothing can be hovered over.


def _onward(pages: Pages) -> None:
    """The rest of the house, where the verdict fails."""
    st.page_link(pages[links.TRACES], label="Look at the traces themselves", icon=":material/arrow_forward:")


def _verdict(seen: incidents.Incident) -> None:
    verdict, zone = seen.verdict, parts.reader_zone()
    icon, word = _STATE[verdict.state]
    since = (
        f"since {words.moment(verdict.since, zone)} ({words.ago(verdict.since, seen.as_of)})" if verdict.since else ""
    )
    cause = f"<div class=cause>{html.escape(verdict.cause)}</div>" if verdict.cause else ""
    small = " · ".join(
        part
        for part in (
            since,
            f"window {words.window(seen.window, zone)}",
            f"as of {words.moment(seen.as_of, zone)}",
        )
        if part
    )
    st.html(
        f"<section class='muster-verdict {verdict.state}' role=status title='{html.escape(verdict.basis, quote=True)}'>"
        f"<div class=word><span aria-hidden=true>{icon}</span> {word}</div>"
        f"<div><p class=sentence>{html.escape(verdict.sentence)}</p>{cause}<p class=small>{html.escape(small)}</p>"
        "</div></section>"
    )


def _tiles(seen: incidents.Incident) -> None:
    drawn = []
    for one in seen.figures:
        label, meaning = _TILES[one.name]
        note = f". {one.note}" if one.note else ""
        usual = f"usually {_figure(one.usual, one.unit)}" if one.usual is not None else "no usual yet"
        drawn.append(parts.tile(label, _figure(one.now, one.unit), f"{meaning}{note}", usual))
    newest = words.ago(seen.newest, seen.as_of) if seen.newest else "never"
    came = parts.tile("Last span", newest, "When the collector last received a span", _waiting(seen.waiting))
    parts.row_of([*drawn, came])


def _waiting(number: int) -> str:
    return f"{words.plural(number, 'trace')} not worked out yet" if number else "all worked out"


def _figure(value: Decimal | None, unit: incidents.Unit) -> str:
    if value is None:
        return words.UNKNOWN
    if unit == "share":
        return words.share(float(value))
    if unit == "ns":
        return words.duration(int(value))
    if unit == "usd":
        return f"{words.money(round(value, 6))}/h"
    return f"{value:,.0f}/h"


def _changes(seen: incidents.Incident) -> None:
    st.markdown("##### What changed")
    if not seen.changes:
        st.caption("No release, agent, policy or lifecycle case was changed in the six hours before, nor since.")
        return
    items = "".join(
        f"<li class='{'suspect' if one.suspect else ''}'><span class=when>{one.at:%H:%M}</span>"
        f"<a href='{html.escape(_where(one), quote=True)}' target=_self>{html.escape(one.words)}</a>"
        f" <span class=who>{html.escape(one.actor)}{' ◀ just before' if one.suspect else ''}</span></li>"
        for one in seen.changes[:_CHANGES]
    )
    more = len(seen.changes) - _CHANGES
    tail = f"<li class=who>and {more:,} more</li>" if more > 0 else ""
    st.html(f"<ul class='muster-changes'>{items}{tail}</ul>")


def _where(change: incidents.Changed) -> str:
    if change.kind == "telemetry":
        return links.href(links.TRACES, {"release": change.object})
    return links.href(links.AUDIT, links.audit(change.kind, change.object))


def _agents(seen: incidents.Incident, pages: Pages) -> None:
    if not seen.agents:
        st.caption("No agent's run failed in this window.")
        return
    st.markdown("##### Agents with errors")
    body: list[list[str | Link]] = []
    for one in seen.agents[:_AGENTS]:
        mark = "▲ " if one.unusual else ""
        name = Link(f"{mark}{one.agent}", links.href(links.AGENT, links.agent(one.agent)))
        owner = " / ".join(part for part in (one.owner, one.backup_owner) if part)
        body.append(
            [
                name,
                f"{one.failed:,} of {one.runs:,} runs" if one.runs else f"{one.traces:,} traces",
                owner or ("nobody" if one.registered else "not registered"),
                one.pager or words.UNKNOWN,
                Link("Runbook", one.runbook, elsewhere=True) if one.runbook else words.UNKNOWN,
                Link("Worst trace", links.href(links.TRACE, links.trace(one.worst_trace))),
                Link("All of them", links.href(links.TRACES, _failed_of(one))),
            ]
        )
    headings = ["Agent", "Failed", "Owner", "Pager", "Runbook", "Look at", "Traces"]
    tables.rows(headings, body, label="Agents with errors")
    left, right = st.columns([1, 1], vertical_alignment="center")
    with left:
        tables.take("affected", _columns(seen.agents), "agents-with-errors")
    registered = [one.agent for one in seen.agents if one.registered and one.state == "active"]
    if registered:
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Stop an agent …", icon=":material/front_hand:", key="stop"):
                stop_dialog(registered)


def _failed_of(one: incidents.Affected) -> dict[str, str]:
    return {"registered" if one.registered else "agent": one.agent, "failed": "true"}


def _columns(agents: Sequence[incidents.Affected]) -> tables.Columns:
    names = ["agent", "registered", "state", "owner", "backup_owner", "team", "pager", "runbook", "runs", "failed"]
    return tables.members(agents, [*names, "traces", "worst_trace"])


def _radius(seen: incidents.Incident) -> None:
    radius = seen.radius
    if not radius.traces:
        return
    st.markdown("##### Blast radius")
    parts.facts(
        [
            ("Traces with errors", words.count(radius.traces)),
            ("Requested by", words.plural(radius.requesters, "person or system", "people or systems")),
            ("Workflows", ", ".join(radius.workflows)),
            ("Environments", ", ".join(radius.environments)),
            ("Tools called in them", ", ".join(radius.tools)),
            ("Needed by", ", ".join(radius.needed_by)),
        ]
    )


def _deviations(seen: incidents.Incident) -> None:
    st.markdown(f"##### What deviates ({len(seen.deviations):,})")
    tables.grid(
        "deviations",
        {
            "What": [one.sentence for one in seen.deviations],
            "Signal": [one.signal for one in seen.deviations],
            "Statistic": [one.statistic for one in seen.deviations],
            "Limit": [one.limit for one in seen.deviations],
            "Events": [one.events for one in seen.deviations],
            "From": [one.minimum for one in seen.deviations],
            "Windows before": [one.slots for one in seen.deviations],
            "How": [one.method for one in seen.deviations],
        },
        "deviations",
        alt="Every figure that is not as usual",
        column_config={"What": st.column_config.TextColumn(width="large")},
    )


@st.dialog("Stop an agent", icon=":material/front_hand:")
def stop_dialog(agents: Sequence[str]) -> None:
    """A violation is reported; where the reader may, it is disabled at once."""
    agent = st.selectbox("Agent", agents, key="stop-agent")
    at_once = api.may("lifecycle:enforce") == "all"
    st.markdown(
        "A case is opened and its owner is told. "
        + (
            "It is **disabled at the next run of the scheduler**: its ingest tokens stop working and what it acts "
            "through is switched off. Undo on its case gives everything back."
            if at_once
            else "It is disabled two days later unless somebody decides otherwise; an admin can do it at once."
        )
    )
    if not acting.may("lifecycle:stop", "Stopping an agent", reach=("all",)):
        return
    said = acting.reason(example="it answers customers with other customers' data", key="stop-reason")
    if st.button("Disable it" if at_once else "Report it", type="primary", disabled=not said, key="stop-do"):
        acting.attempt("incident", lambda: _stop(api.client(), agent, said, at_once), _stopped)


def _stop(client: InventoryClient, agent: str, reason: str, at_once: bool) -> lifecycle.Case:
    case = client.report_violation(agent, reason)
    return client.decide_case(case.id, lifecycle.Decide(decision="disable", reason=reason)) if at_once else case


def _stopped(case: lifecycle.Case) -> str:
    watched = "" if case.enforced else " Its policy only watches: nothing is enforced until that is switched on."
    return (
        f"**{case.agent}** was reported; next: {case.next_action or 'nothing'}.{watched} "
        f"[The case, with its undo]({links.href(links.REVIEWS, links.review(case.id))}) · "
        f"{acting.audit_link('case', case.id)}"
    )
