"""Records: is every period exported, and provable?"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from dashboards import api, links, words
from dashboards.links import Pages
from dashboards.views import acting, keeping, parts, tables, working
from dashboards.views.tables import Link
from inventory.contract import records

CELLS: dict[records.Cell, tuple[str, str]] = {
    "complete": ("✓", "complete"),
    "supplemented": ("✓+", "complete, with supplements for what came late"),
    "missing": ("✕", "not archived"),
    "failed": ("▲", "its export failed"),
    "held": ("§", "held: nothing of it may be destroyed"),
    "disposed": ("∅", "destroyed by its schedule"),
    "open": ("…", "the month isn't over"),
    "empty": ("·", "nothing happened"),
    "under-way": ("◌", "being exported"),
}
_BAD = ("missing", "failed")
_MONTHS = {"6": 6, "12": 12, "24": 24}


def page(pages: Pages) -> None:
    head, picker = st.columns([1, 1], vertical_alignment="bottom")
    head.title("Records", anchor=False)
    with picker, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
        months = _MONTHS[st.selectbox("Months", list(_MONTHS), index=1, key="months", bind="query-params", width=100)]
        wanted = st.text_input("Agent", key="agent", bind="query-params", placeholder="all", width=180)
        if st.button("Export …", type="primary", icon=":material/archive:", key="export"):
            export_dialog((wanted or "").strip())
    parts.told("records")
    working.progress("records", _export_done)
    with st.spinner("Reading the calendar …", show_time=True):
        rows = api.shown("The calendar", lambda: api.calendar(months))
        packages = api.shown("Packages", api.packages)
    if rows is not None:
        rows = [row for row in rows if not (wanted or "").strip() or row.agent == (wanted or "").strip()]
        _tiles(rows, packages or [])
        _calendar(rows, months)
    if packages is not None:
        _packages([one for one in packages if not wanted or one.agent == wanted.strip()])
    tabs = st.tabs(["Holds", "Destruction", "Schedules", "Keys"], key="tab", bind="query-params", on_change="rerun")
    with tabs[0]:
        keeping.holds()
    with tabs[1]:
        keeping.dispositions()
    with tabs[2]:
        keeping.schedules()
    with tabs[3]:
        keeping.keys()


def _tiles(rows: Sequence[records.CalendarRow], packages: Sequence[records.Package]) -> None:
    cells = [cell for row in rows for cell in row.months]
    count = {state: sum(cell.state == state for cell in cells) for state in CELLS}
    verified = [one.verified_at for one in packages if one.verified_at]
    unproved = [one for one in packages if one.verdict]
    size = sum(one.bytes for one in packages if one.state == "committed")
    bad = count["missing"] + count["failed"]
    parts.row_of(
        [
            parts.tile("Not archived", words.count(count["missing"]), "Ended months with traces and no package"),
            parts.tile("Failed", words.count(count["failed"]), "Exports that failed; they are tried again"),
            parts.tile("Complete", words.count(count["complete"] + count["supplemented"]), "Months in signed packages"),
            parts.tile("Held", words.count(count["held"]), "Under a legal hold"),
            parts.tile("Packages", words.count(len(packages)), "Of all kinds", words.size(size)),
            parts.tile(
                "Last verified",
                words.ago(max(verified), datetime.now(UTC)) if verified else "never",
                "When a package was last read back and proved",
                f"{len(unproved):,} not proved" if unproved else "",
            ),
        ]
    )
    if bad:
        names = sorted({row.agent for row in rows if any(cell.state in _BAD for cell in row.months)})
        st.warning(
            f"**{words.plural(bad, 'month is', 'months are')} not archived** of {', '.join(names[:5])}"
            f"{f' and {len(names) - 5} more' if len(names) > 5 else ''}. Export them, or enable a schedule that does.",
            icon=":material/event_busy:",
        )


def _calendar(rows: Sequence[records.CalendarRow], months: int) -> None:
    if not rows:
        st.info(
            "**Nothing to archive yet.** Records are kept of registered agents: register one, and its traces stand "
            "here month by month.",
            icon=":material/calendar_month:",
        )
        return
    listed = sorted({cell.month for row in rows for cell in row.months})[-months:]
    if not listed:
        st.info("**No month of any agent has traces yet.**", icon=":material/calendar_month:")
        return
    head = "".join(f"<th scope=col>{month:%b}<br>{month:%Y}</th>" for month in listed)
    body = ""
    for row in rows[:200]:
        by_month = {cell.month: cell for cell in row.months}
        drawn = "".join(_cell(row.agent, by_month.get(month)) for month in listed)
        agent = html.escape(row.agent)
        where = html.escape(links.href(links.AGENT, links.agent(row.agent)), quote=True)
        body += f"<tr><th scope=row><a href='{where}' target=_self>{agent}</a></th>{drawn}</tr>"
    st.html(
        "<div class='muster-scroll' tabindex=0 role=region aria-label='Calendar of archived months'>"
        f"<table class='muster-calendar'><thead><tr><th scope=col>Agent</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
    used = {cell.state for row in rows for cell in row.months}
    key = "".join(
        f"<span><span class='cell {state}'>{icon}</span> {html.escape(meaning)}</span>"
        for state, (icon, meaning) in CELLS.items()
        if state in used
    )
    st.html(f"<div class='muster-key'>{key}</div>")
    flat = [(row.agent, cell) for row in rows for cell in row.months]
    tables.take(
        "calendar",
        {
            "agent": [agent for agent, _ in flat],
            "month": [str(cell.month)[:7] for _, cell in flat],
            "state": [cell.state for _, cell in flat],
            "traces": [cell.traces for _, cell in flat],
            "packages": [cell.packages for _, cell in flat],
            "locked_until": [cell.locked_until for _, cell in flat],
            "why": [cell.why for _, cell in flat],
        },
        "records-calendar",
    )


def _cell(agent: str, cell: records.CalendarCell | None) -> str:
    if cell is None:
        return "<td></td>"
    icon, meaning = CELLS[cell.state]
    why = f": {cell.why}" if cell.why else ""
    locked = f"; locked until {cell.locked_until:%Y-%m-%d}" if cell.locked_until else ""
    title = html.escape(f"{agent}, {cell.month:%B %Y}: {meaning}{why}; {cell.traces:,} traces here{locked}", quote=True)
    if cell.packages:
        where = html.escape(links.href(links.PACKAGE, links.package(cell.packages[0])), quote=True)
        icon = f"<a href='{where}' target=_self aria-label='{title}'>{icon}</a>"
    return f"<td title='{title}'><span class='cell {cell.state}'>{icon}</span></td>"


def _packages(packages: Sequence[records.Package]) -> None:
    st.markdown(f"##### Packages ({len(packages):,})")
    if not packages:
        st.caption("No package yet. Export a month above, or enable a schedule.")
        return
    newest = sorted(packages, key=lambda one: one.created_at, reverse=True)
    body: list[list[str | Link]] = [
        [
            Link(one.id, links.href(links.PACKAGE, links.package(one.id))),
            one.agent,
            f"{one.starts} to {one.ends - timedelta(days=1)}",
            one.kind,
            _state(one),
            words.count(one.rows),
            f"{one.locked_until:%Y-%m-%d}" if one.locked_until else "not locked",
            _proved(one),
        ]
        for one in newest[:10]
    ]
    tables.rows(
        ["Package", "Agent", "Days", "Kind", "State", "Rows", "Locked until", "Verified (UTC)"], body, label="Packages"
    )
    names = ("id", "agent", "kind", "starts", "ends", "state", "rows", "bytes", "locked_until", "manifest_sha256",
             "fingerprint", "sequence", "verified_at", "verdict", "held")  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        tables.take("packages", tables.members(newest, names), "packages")
        if len(newest) > 10:
            st.caption(f"The ten newest of {len(newest):,}; all are in the download.")


def _proved(one: records.Package) -> str:
    if one.verified_at is None:
        return "never"
    return f"{'✕ not proved' if one.verdict else '✓ proved'} {one.verified_at:%Y-%m-%d %H:%M}"


def _state(one: records.Package) -> str:
    icon = "✕ " if one.error else "✓ " if one.state == "committed" else ""
    return f"{icon}{one.state}{', held' if one.held else ''}"


@st.dialog("Export records", icon=":material/archive:")
def export_dialog(agent: str) -> None:
    """What is archived already and hasn't changed isn't written again."""
    if not acting.may("records:write", "Exporting", reach=("all",)):
        return
    known = [one.id for one in api.shown("Agents", lambda: api.all_agents(5_000)) or []]
    if not known:
        st.info("No agent is registered: there is nothing to export.")
        return
    chosen = st.selectbox("Agent", known, index=known.index(agent) if agent in known else 0, key="export-agent")
    this = datetime.now(UTC).date().replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    left, right = st.columns(2)
    starts = left.date_input("From", last, key="export-from", help="UTC days", max_value=datetime.now(UTC).date())
    ends = right.date_input("Until and with", this - timedelta(days=1), key="export-until")
    if not isinstance(starts, date) or not isinstance(ends, date) or ends < starts:
        st.warning("Choose a first day and a last one that isn't before it.")
        return
    st.markdown(
        "Written, read back, signed and locked by the schedule that holds. What a package has already is left out."
    )
    if st.button("Export", type="primary", key="export-do"):
        acting.attempt(
            "records",
            lambda: api.client().export_records(chosen, starts, ends + timedelta(days=1)),
            working.begun,
        )


def _export_done(work: records.Work) -> str:
    package = f"[{work.package}]({links.href(links.PACKAGE, links.package(work.package))})"
    if work.state == "failed":
        return f"**The export failed:** {words.escaped(work.error)}. {package}"
    written = f"{words.count(work.result.get('rows') or work.done)} rows" if work.result or work.done else "nothing new"
    locked = work.result.get("locked_until")
    until = f", locked until {str(locked)[:10]}" if locked else ""
    return f"Exported: {written}{until}. {package} · {acting.audit_link('package', work.package)}"
