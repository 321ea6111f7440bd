"""Agents: what do I own, and what needs me?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st

from dashboards import api, links, words
from dashboards.links import Pages
from dashboards.views import acting, parts, tables
from dashboards.views.tables import Link
from inventory.contract import agents, discovery, lifecycle

_MOST = 5_000
_SHOWN = 12
_WEEK = 10_080
_KINDS = {
    "shadow": "Telemetry that is no registered agent's",
    "ghost": "Registered, and never seen",
    "duplicate": "Told the same, or calling the same tools",
    "orphan": "Owned by nobody who is here",
}


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for somebody. `urgent`: sorts first."""

    urgent: float
    mark: str
    agent: str
    what: str
    due: str
    owner: str
    address: str


def page(pages: Pages) -> None:
    st.title("Agents", anchor=False)
    parts.told("agents")
    with st.spinner("Reading agents …", show_time=True):
        listed = api.shown("The list of agents", lambda: api.all_agents(_MOST))
        cases = api.shown("Open cases", lambda: api.cases(open=True)) if listed is not None else None
        found = api.shown("Discovery", api.discovered) if listed is not None else None
    if listed is None:
        return
    me = api.shown("Who you are", api.me)
    mine = me.person if me else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scope = st.segmented_control(
            "Whose", ["all", "mine"], default="all", key="whose", bind="query-params", required=True,
            disabled=mine is None, help="Mine: you are its owner or backup owner",
        )  # fmt: skip
        words_ = st.text_input("Find", key="find", bind="query-params", placeholder="name, owner, team, tag", width=230)
    chosen = [one for one in listed if _fits(one, scope == "mine", mine, (words_ or "").strip().lower())]
    needs = _needs(chosen, cases or [], found.found if found else [], scope == "mine")
    _tiles(listed, needs, found)
    _needs_you(needs)
    if not listed:
        _none()
    else:
        _all(chosen, cases or [])
    if found is not None and scope != "mine":
        _discovered(found.found)


def _fits(one: agents.AgentSummary, only_mine: bool, me: str | None, said: str) -> bool:
    if only_mine and me not in (one.owner, one.backup_owner):
        return False
    text = " ".join([one.id, one.name, one.owner or "", one.backup_owner or "", one.team or "", *one.tags]).lower()
    return all(word in text for word in said.split())


def _needs(
    listed: Sequence[agents.AgentSummary],
    cases: Sequence[lifecycle.Case],
    found: Sequence[discovery.Discovered],
    only_mine: bool,
) -> list[Need]:
    by_id, now = {one.id: one for one in listed}, datetime.now(UTC)
    needs = []
    for case in cases:
        agent = by_id.get(case.agent)
        if agent is None:
            continue
        due = case.next_action_at
        when = f"{case.next_action or 'nothing'} {words.until(due, now)}" if due else "no date"
        what = f"{case.reason}: {words.CASE.get(case.state, case.state)}" + (
            f"; {case.blocked}" if case.blocked else ""
        )
        urgent = due.timestamp() if due else 9e12
        address = links.href(links.REVIEWS, links.review(case.id))
        needs.append(Need(urgent, "▲", case.agent, what, when, agent.owner or "nobody", address))
    for agent in listed:
        if agent.state == "draft":
            address = links.href(links.AGENT, links.agent(agent.id))
            needs.append(Need(9.1e12, "○", agent.id, "a draft: not active yet", "", agent.owner or "nobody", address))
    for one in found:
        if only_mine or one.kind == "duplicate":
            continue
        name = str(one.details.get("agent") or one.details.get("service") or one.subject)
        if one.kind in ("ghost", "orphan") and one.subject not in by_id:
            continue
        if one.kind == "shadow":
            needs.append(
                Need(
                    9.2e12,
                    "◌",
                    name,
                    _KINDS["shadow"].lower(),
                    "",
                    "nobody",
                    links.href(links.AGENT, links.agent(name)),
                )
            )
        else:
            address = links.href(links.AGENT, links.agent(one.subject))
            owner = by_id[one.subject].owner or "nobody"
            needs.append(Need(9.15e12, "◌", one.subject, _KINDS[one.kind].lower(), "", owner, address))
    return sorted(needs, key=lambda need: (need.urgent, need.agent))


def _tiles(listed: Sequence[agents.AgentSummary], needs: Sequence[Need], found: discovery.Discoveries | None) -> None:
    count = {state: sum(one.state == state for one in listed) for state in words.AGENT}
    kinds = {kind: sum(one.kind == kind for one in found.found) for kind in _KINDS} if found else {}
    parts.row_of(
        [
            parts.tile("Needs somebody", words.count(len(needs)), "Open cases, drafts, and what discovery found"),
            parts.tile("Active", words.count(count["active"]), "May run"),
            parts.tile("Disabled", words.count(count["disabled"]), "Switched off; can be given back"),
            parts.tile("Drafts", words.count(count["draft"]), "Registered, not active yet"),
            parts.tile("Retired", words.count(count["retired"]), "Gone for good; their records are kept"),
            parts.tile("Shadows", words.count(kinds.get("shadow")), _KINDS["shadow"]),
            parts.tile("Ghosts", words.count(kinds.get("ghost")), _KINDS["ghost"]),
        ]
    )


def _needs_you(needs: Sequence[Need]) -> None:
    st.markdown("##### Needs somebody")
    if not needs:
        st.success("Nothing waits for anybody.", icon=":material/check_circle:")
        return
    body: list[list[str | Link]] = [
        [need.mark, Link(need.agent, need.address), need.what, need.due or words.UNKNOWN, need.owner]
        for need in needs[:_SHOWN]
    ]
    tables.rows(["", "Agent", "What", "Next", "Owner"], body, label="What needs somebody")
    columns = {
        "agent": [need.agent for need in needs],
        "what": [need.what for need in needs],
        "next": [need.due for need in needs],
        "owner": [need.owner for need in needs],
    }
    with st.container(horizontal=True, vertical_alignment="center"):
        tables.take("needs", columns, "needs-somebody")
        if len(needs) > _SHOWN:
            st.caption(f"{len(needs) - _SHOWN:,} more are in the download.")


def _all(listed: Sequence[agents.AgentSummary], cases: Sequence[lifecycle.Case]) -> None:
    st.markdown(f"##### All agents ({len(listed):,})")
    seen = api.shown("When they were seen", api.agents_seen)
    spent = api.shown("What they cost", lambda: api.spend(api.until(_WEEK), ("agent",), "all"))
    cost = {row.names.get("agent"): row.cost for row in spent.rows} if spent else {}
    objectives = Counter(one.agent for one in api.shown("Objectives", api.all_slos) or [])
    last = {one.agent: one.last_received for one in seen.agents} if seen else {}
    waits = {case.agent: case for case in cases}
    columns = {
        "Agent": [one.id for one in listed],
        "Name": [one.name for one in listed],
        "State": [words.AGENT[one.state] for one in listed],
        "Owner": [one.owner for one in listed],
        "Backup": [one.backup_owner for one in listed],
        "Team": [one.team for one in listed],
        "Data": [one.classification for one in listed],
        "High impact": ["yes" if one.high_impact else "no" for one in listed],
        "Release": [words.release(one.active_release) if one.active_release else None for one in listed],
        "Last seen (UTC)": [tables.utc(last.get(one.id) or last.get(one.name)) for one in listed],
        "Cost, 7 days": [_float(cost.get(one.id, cost.get(one.name))) for one in listed],
        "Objectives": [objectives[one.id] for one in listed],
        "Lifecycle": [waits[one.id].state if one.id in waits else None for one in listed],
        "Tags": [one.tags for one in listed],
    }
    rows = tables.grid(
        "agents", columns, "agents", alt="All agents; select one to go to it", on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Last seen (UTC)": st.column_config.DatetimeColumn(
                format="YYYY-MM-DD HH:mm", help="By telemetry that calls itself like the agent"
            ),
            "Tags": st.column_config.ListColumn(),
            "Cost, 7 days": st.column_config.NumberColumn(
                format="$ %.4f", help="Of calls with a known price, by telemetry that calls itself like the agent"
            ),
        },
    )  # fmt: skip
    if rows and rows[0] < len(listed):
        name = listed[rows[0]].id
        st.markdown(f"**[Open {words.escaped(name)}]({links.href(links.AGENT, links.agent(name))})**")
    else:
        st.caption("Select a row to go to the agent.")


def _float(cost: Decimal | None) -> float | None:
    return None if cost is None else float(cost)


def _discovered(found: Sequence[discovery.Discovered]) -> None:
    st.html("<a id=discovery></a>")
    st.markdown(f"##### Registry against telemetry ({len(found):,})")
    if not found:
        st.caption("Registry and telemetry agree: every agent that was seen is registered, and the other way round.")
        return
    columns = {
        "Kind": [one.kind for one in found],
        "What it means": [_KINDS[one.kind] for one in found],
        "Subject": [one.subject for one in found],
        "Agent": [str(one.details.get("agent") or "") for one in found],
        "Service": [str(one.details.get("service") or "") for one in found],
        "Since (UTC)": [tables.utc(one.opened_at) for one in found],
        "Spans": [one.details.get("spans") for one in found],
    }
    rows = tables.grid(
        "discovery", columns, "discovery", alt="Where registry and telemetry differ", on_select="rerun",
        selection_mode="single-row",
        column_config={"Since (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")},
    )  # fmt: skip
    shadow = found[rows[0]] if rows and rows[0] < len(found) and found[rows[0]].kind == "shadow" else None
    if shadow is not None and st.button("Claim it …", icon=":material/add_link:", key="claim"):
        claim_dialog(shadow)
    elif shadow is None:
        st.caption("Select a shadow to say whose it is.")


@st.dialog("Whose telemetry is it?", icon=":material/add_link:")
def claim_dialog(shadow: discovery.Discovered) -> None:
    """For an agent that is registered, or a new one."""
    details = {key: str(shadow.details.get(key) or "") for key in ("service", "agent", "agent_id", "identity")}
    parts.facts([(key.replace("_", " ").capitalize(), value) for key, value in details.items()])
    if not acting.may("discovery:claim", "Claiming"):
        return
    matcher = agents.Matcher(service=details["service"], agent_name=details["agent"], agent_id=details["agent_id"])
    new = st.toggle("Register a new agent for it", key="claim-new")
    known = [one.id for one in api.all_agents(_MOST) if one.state != "retired"]
    spec = None
    if new:
        agent = st.text_input("Id", key="claim-id", placeholder="support-drafter", help="a–z, 0–9 and -")
        name = st.text_input("Name", key="claim-name", placeholder="Support drafter")
        spec = agents.AgentSpec(name=name) if name else None
    else:
        agent = st.selectbox("Agent", known, key="claim-agent") if known else ""
        if not known:
            st.caption("No agent is registered yet: register a new one.")
    st.markdown("All telemetry of this service and name becomes the agent's, also what came in before.")
    ready = bool(agent) and (not new or spec is not None)
    if st.button("Claim", type="primary", disabled=not ready, key="claim-do"):
        given = {"agent": agent, "matcher": matcher, "spec": spec}
        acting.attempt(
            "agents",
            lambda: api.client().claim(discovery.Claim.model_validate(given)),
            lambda done: (
                f"It is **{done.agent}**'s now. [The agent]({links.href(links.AGENT, links.agent(done.agent))}) · "
                f"{acting.audit_link('agent', done.agent)}"
            ),
        )


def _none() -> None:
    with st.container(border=True):
        st.subheader("No agent is registered yet")
        st.markdown("Agents come from files, from the API, or from telemetry that somebody claims below:")
        st.code("muster apply -f agents.yaml", language="bash")
