"""What is kept, and how long: holds, destruction, schedules, and the keys that sign."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboards import api, links, words
from dashboards.views import acting, tables
from inventory.contract import records


def holds() -> None:
    found = api.shown("Holds", api.holds)
    if found is None:
        return
    active = [one for one in found if one.released_at is None]
    if not active:
        st.caption("No legal hold is in force.")
    for one in active:
        with st.container(border=True):
            left, right = st.columns([4, 1], vertical_alignment="center")
            what = f"{one.scope} {one.object}".strip()
            left.markdown(
                f"**§ {words.escaped(one.number)}**: {words.escaped(what)}  \n{words.escaped(one.reason)}  \n"
                f"placed by {one.placed_by}, {one.placed_at:%Y-%m-%d %H:%M} UTC"
            )
            if right.button("Release …", key=f"release-{one.id}"):
                release_dialog(one)
    if st.button("Place a hold …", icon=":material/gavel:", key="hold"):
        hold_dialog("organisation", "")
    if found:
        names = (
            "number",
            "scope",
            "object",
            "reason",
            "placed_by",
            "placed_at",
            "released_by",
            "released_at",
            "release_reason",
        )
        tables.take("holds", tables.members(found, names), "holds")


@st.dialog("Place a legal hold", icon=":material/gavel:")
def hold_dialog(scope: records.HoldScope, object_: str) -> None:
    if not acting.may("lifecycle:hold", "A legal hold", reach=("all",)):
        return
    scopes: list[records.HoldScope] = ["organisation", "agent", "package", "trace"]
    chosen = st.selectbox("Of", scopes, index=scopes.index(scope), key="hold-scope")
    name = "" if chosen == "organisation" else st.text_input("Its id", object_, key="hold-object")
    number = st.text_input("Number of the legal case", key="hold-number", placeholder="2026-CV-01187")
    why = acting.reason(key="hold-reason", example="litigation: nothing of it may be destroyed")
    st.markdown("It wins over every schedule, here and at the target, until it is released.")
    ready = bool(number.strip() and why and (chosen == "organisation" or name.strip()))
    if st.button("Place it", type="primary", disabled=not ready, key="hold-do"):
        given = records.NewHold(number=number.strip(), scope=chosen, object=name.strip(), reason=why)
        acting.attempt(
            "records",
            lambda: api.client().place_hold(given),
            lambda done: f"**{words.escaped(done.number)}** holds. {acting.audit_link('legal hold', done.id)}",
        )


@st.dialog("Release a legal hold", icon=":material/gavel:")
def release_dialog(hold: records.Hold) -> None:
    if not acting.may("lifecycle:hold", "Releasing a hold", reach=("all",)):
        return
    st.markdown(f"**{words.escaped(hold.number)}**: what it held may be destroyed again when its time is over.")
    why = acting.reason(key="release-reason")
    if st.button("Release it", type="primary", disabled=not why, key="release-do"):
        acting.attempt("records", lambda: api.client().release_hold(hold.id, why),
                       lambda done: f"Released. {acting.audit_link('legal hold', done.id)}")  # fmt: skip


def dispositions() -> None:
    found = api.shown("What waits to be destroyed", api.dispositions)
    if found is None:
        return
    waiting = [one for one in found if one.decided_at is None]
    if not waiting:
        st.caption("No destruction waits for a second person. It is asked for on the page of a package.")
    for one in waiting:
        with st.container(border=True):
            package = links.href(links.PACKAGE, links.package(one.package))
            st.markdown(f"Destroy [{one.package}]({package}): {words.escaped(one.reason)}  \n"
                        f"asked for by {one.requested_by}, {one.requested_at:%Y-%m-%d %H:%M} UTC")  # fmt: skip
            if st.button("Decide …", key=f"decide-{one.id}"):
                decide_dialog(one)
    if found:
        names = (
            "id",
            "package",
            "reason",
            "requested_by",
            "requested_at",
            "decided_by",
            "decided_at",
            "approved",
            "verdict",
        )
        tables.take("dispositions", tables.members(found, names), "destructions")


@st.dialog("Destroy for good?", icon=":material/delete_forever:")
def decide_dialog(one: records.Disposition) -> None:
    if not acting.may("records:dispose", "The second person's word", reach=("all",)):
        return
    st.markdown(
        f"**{one.package}** and what is left of its rows here are destroyed; a signed certificate stays, with counts "
        "from before and after. **There is no undo.** Whoever asked can't approve."
    )
    why = acting.reason("Why", needed=False, key="decide-reason")
    sure = st.text_input(f"To destroy it, type {one.package}", key="decide-sure")
    left, right = st.columns(2)
    for place, label, approve in ((left, "Destroy it", True), (right, "Refuse", False)):
        if place.button(
            label,
            key=f"decide-{label}",
            disabled=approve and sure != one.package,
            type="primary" if approve else "secondary",
        ):
            acting.attempt(
                "records",
                partial(api.client().decide_disposition, one.id, approve=approve, reason=why),
                lambda done: (
                    f"{'Approved: it is being destroyed' if done.approved else 'Refused'}. "
                    f"{acting.audit_link('disposition', done.id)}"
                ),
            )


def schedules() -> None:
    found = api.shown("Schedules", api.schedules)
    if found is None:
        return
    tables.grid(
        "schedules",
        {
            "Schedule": [one.id for one in found],
            "Title": [one.spec.title for one in found],
            "Authority": [one.spec.authority for one in found],
            "Kept": [one.spec.period for one in found],
            "From": [one.spec.cutoff for one in found],
            "Then": [one.spec.disposition for one in found],
            "Checked by": [one.spec.verified_by for one in found],
            "State": ["● enabled" if one.spec.enabled else "○ not enabled" for one in found],
        },
        "schedules",
        alt="Retention schedules",
    )
    if not any(one.spec.enabled for one in found):
        st.warning(
            "**No schedule is enabled: no month is archived by itself.** Check one against its authority, then "
            "`muster records schedules put` with `verified_by` and `enabled`.",
            icon=":material/event_busy:",
        )


def keys() -> None:
    found = api.shown("Keys", api.keys)
    for one in found or []:
        state = "signs now" if one.until is None else f"until {one.until:%Y-%m-%d}"
        st.markdown(f"**{state}**, since {one.since:%Y-%m-%d %H:%M} UTC")
        st.code(one.fingerprint, language=None)
        st.download_button(
            "Public key",
            one.pem,
            f"muster-records-{one.fingerprint[:12]}.pem",
            key=f"key-{one.fingerprint}",
            on_click="ignore",
            icon=":material/key:",
            type="tertiary",
        )
    st.caption("Whoever verifies a package compares this fingerprint with what they were told another way.")
