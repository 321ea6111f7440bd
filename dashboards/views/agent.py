"""One agent: is it healthy, what may it do, what happens next?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboards import api, figures, links, words
from dashboards.links import Pages
from dashboards.views import acting, parts, tables
from dashboards.views.tables import Link
from inventory.client import ClientError, NotFound
from inventory.contract import agents, incidents, lifecycle, releases

_WEEK = 10_080


def page(pages: Pages) -> None:
    st.page_link(pages[links.AGENTS], label="All agents", icon=":material/arrow_back:")
    name = st.query_params.get("agent", "").strip()
    if not name:
        st.title("Agent", anchor=False)
        st.info("Which one? Choose it in the list of agents, or put its id in the address: /agent?agent=…")
        return
    parts.told("agent")
    try:
        agent = api.agent(name)
    except NotFound:
        agent = None
    except ClientError as error:
        st.title(words.shorter(name, 80), anchor=False)
        st.error(f"**Agent {name[:60]} can't be shown.** {error}", icon=":material/error:")
        return
    if agent is None:
        _unregistered(name, pages)
        return
    _head(agent)
    with st.spinner("Reading a week …", show_time=True):
        week = api.shown("Its figures", lambda: api.agent_figures(name, api.until(_WEEK), 84))
        cases = api.shown("Its cases", lambda: api.cases(agent=name)) or []
    if week is not None:
        _tiles(agent, week)
    left, right = st.columns([1.9, 1], gap="medium")
    with left:
        if week is not None:
            _chart(week)
    with right:
        _next(agent, cases)
        _answers(agent)
    tabs = st.tabs(["What it may do", "Releases", "Objectives", "Lifecycle", "Everything said of it"], key="tab",
                   bind="query-params", on_change="rerun")  # fmt: skip
    with tabs[0]:
        _may(agent)
    with tabs[1]:
        _releases(agent)
    with tabs[2]:
        _objectives(agent)
    with tabs[3]:
        _history(cases)
    with tabs[4]:
        st.json(agent.spec.model_dump(mode="json"), expanded=1)
        st.markdown(acting.audit_link("agent", agent.id))


def _unregistered(name: str, pages: Pages) -> None:
    st.title(words.shorter(name, 80), anchor=False)
    st.warning(
        "**No agent of this id is registered.** Telemetry may call itself so: what it did in seven days is below. "
        "Claim it on the page of agents, and somebody answers for it.",
        icon=":material/person_off:",
    )
    st.page_link(pages[links.AGENTS], label="Claim it among the shadows", icon=":material/add_link:")
    week = api.shown("Its figures", lambda: api.agent_figures(name, api.until(_WEEK), 84))
    if week is not None:
        _chart(week)


def _head(agent: agents.Agent) -> None:
    spec = agent.spec
    st.title(words.shorter(spec.name, 90), anchor=False)
    claims = [
        words.AGENT[agent.state],
        agent.id,
        f"owned by {spec.owner}" if spec.owner else "owned by nobody",
        f"backup {spec.backup_owner}" if spec.backup_owner else "no backup owner",
        f"team {spec.team}" if spec.team else "",
        f"{spec.classification} data",
        "high impact" if spec.high_impact else "",
    ]
    parts.as_of(" · ".join(claim for claim in claims if claim))
    if spec.purpose:
        st.markdown(words.escaped(words.shorter(spec.purpose, 300)))


def _tiles(agent: agents.Agent, week: incidents.AgentFigures) -> None:
    total, budget = week.total, agent.spec.budgets.money_usd
    share = words.share(total.failed / total.runs) if total.runs else words.UNKNOWN
    each = total.cost / total.runs if total.cost is not None and total.runs else None
    unpriced = f"{words.plural(total.unpriced, 'call')} unpriced" if total.unpriced else "all calls priced"
    limit = f"budget {words.money(budget)} a task" if budget is not None else "no budget set"
    p95 = words.duration(total.p95_ns) if total.p95_ns is not None else words.UNKNOWN
    parts.row_of(
        [
            parts.tile("Runs, 7 days", words.count(total.runs), "Sealed runs that began in the last seven days"),
            parts.tile("Failed", share, "Of its runs", f"{total.failed:,} of {total.runs:,}"),
            parts.tile("p95 of a run", p95, "95th percentile, from start to end"),
            parts.tile("Cost, 7 days", words.money(total.cost), "Of its own calls with a known price", unpriced),
            parts.tile("Cost of a run", words.money(each and round(each, 6)), "Cost by runs", limit),
            parts.tile(
                "Tokens in / out", f"{total.input_tokens:,} / {total.output_tokens:,}", "As calls reported them"
            ),
        ]
    )
    zone = parts.reader_zone()
    parts.as_of(f"{words.window(week.window, zone)}; as of {words.moment(week.as_of, zone)}")


def _chart(week: incidents.AgentFigures) -> None:
    if not week.total.runs and not week.total.model_calls:
        st.info("**Nothing in seven days.** No sealed run of it began in them.", icon=":material/hourglass_empty:")
        return
    st.plotly_chart(
        figures.agent(week, parts.dark()),
        theme=None,
        key="agent-week",
        config={"displayModeBar": False},
        alt=f"Runs and cost of {week.agent} over seven days: {week.total.failed:,} of {week.total.runs:,} runs failed",
    )
    names = ("start", "runs", "failed", "model_calls", "unpriced", "input_tokens", "output_tokens", "cost")
    tables.take("agent-week", tables.members(week.steps, names), f"{week.agent}-7-days")


def _next(agent: agents.Agent, cases: Sequence[lifecycle.Case]) -> None:
    st.markdown("##### What happens next")
    waiting = [case for case in cases if not case.is_terminal]
    if not waiting:
        text = {
            "active": "Nothing is scheduled: no lifecycle case is open.",
            "draft": "Nothing, until it is activated: it needs an owner, a runbook and a pager.",
            "disabled": "Nothing is scheduled, and it is disabled.",
            "retired": "Nothing: it is retired, and its records are kept.",
        }[agent.state]
        st.caption(text)
    for case in waiting:
        with st.container(border=True):
            due = case.next_action_at
            st.markdown(
                f"**{case.next_action or 'Nothing'}** "
                + (f"{words.until(due, datetime.now(UTC))}, {words.moment(due, parts.reader_zone())}" if due else "")
            )
            st.caption(
                f"{case.reason}, {words.CASE.get(case.state, case.state)}{': ' + case.blocked if case.blocked else ''}"
            )
            st.markdown(f"[Decide]({links.href(links.REVIEWS, links.review(case.id))})")


def _answers(agent: agents.Agent) -> None:
    spec = agent.spec
    runbook = f"[{words.escaped(words.shorter(str(spec.runbook), 60))}]({spec.runbook})" if spec.runbook else "–"
    st.markdown("##### At night")
    parts.facts([("Pager", spec.pager or words.UNKNOWN), ("Queue", spec.support_queue)])
    st.markdown(f"Runbook: {runbook}")
    st.markdown(
        f"[Its traces]({links.href(links.TRACES, {'registered': agent.id})}) · "
        f"[its failures]({links.href(links.TRACES, {'registered': agent.id, 'failed': 'true'})}) · "
        f"[its records]({links.href(links.RECORDS, {'agent': agent.id})})"
    )


def _may(agent: agents.Agent) -> None:
    spec = agent.spec
    budget = spec.budgets
    needed = api.shown("What needs it", lambda: api.used_by(agent.id)) or []
    parts.facts(
        [
            ("Tools that read", ", ".join(spec.tools.read)),
            ("Tools that write", ", ".join(spec.tools.write)),
            ("Hosts", ", ".join(spec.egress)),
            ("Tokens a task", words.count(budget.tokens) if budget.tokens else ""),
            ("Money a task", words.money(budget.money_usd) if budget.money_usd is not None else ""),
            ("Tool calls a task", words.count(budget.tool_calls) if budget.tool_calls else ""),
            ("Identity", spec.service_identity),
            ("Acts through", ", ".join(f"{one.kind} {one.ref}" for one in spec.bindings)),
            ("Needs", ", ".join(f"{one.kind} {one.needs}" for one in spec.dependencies)),
            ("Needed by", ", ".join(needed)),
            ("Model", " ".join(part for part in (spec.model.provider, spec.model.residency) if part)),
            ("Telemetry", "; ".join(_matcher(one) for one in spec.matchers)),
            ("References", ", ".join(f"{one.kind} {one.ref}" for one in spec.references)),
            ("Ends on", str(spec.end_date or "")),
        ]
    )
    if not (spec.tools.read or spec.tools.write):
        st.caption("No allowed tools are said: nothing that it calls is out of bounds.")


def _matcher(one: agents.Matcher) -> str:
    said = {"service": one.service, "agent": one.agent_name, "agent id": one.agent_id, "identity": one.identity}
    return " and ".join(f"{key} {value}" for key, value in said.items() if value)


def _releases(agent: agents.Agent) -> None:
    found = api.shown("Its releases", lambda: api.agent_releases(agent.id))
    if not found:
        if found is not None:
            st.info(
                "No release yet. Propose a draft with `muster releases` or the API.", icon=":material/deployed_code:"
            )
        return
    body: list[list[str | Link]] = [_release(one) for one in found]
    tables.rows(
        ["", "Release", "Status", "Parts", "Decided by", "When (UTC)", "Evaluations", "Look at"], body,
        label="Releases, newest first",
    )  # fmt: skip
    tables.take(
        "releases",
        tables.members(found, ("id", "number", "version", "status", "created_by")),
        f"{agent.id}-releases",
    )


def _release(one: releases.Release) -> list[str | Link]:
    scores = ", ".join(
        f"{score.name} {'✓' if score.passed else '✕' if score.passed is False else score.score}"
        for score in one.evaluations[:3]
    )
    return [
        "● live" if one.active else "",
        f"{one.number}. {words.release(one.id, one.version)}",
        one.status,
        words.count(len(one.parts)),
        one.decided_by or "nobody yet",
        f"{one.decided_at or one.created_at:%Y-%m-%d %H:%M}",
        scores or words.UNKNOWN,
        Link("Its traces", links.href(links.TRACES, {"release": one.id})),
    ]


def _objectives(agent: agents.Agent) -> None:
    found = api.shown("Its objectives", lambda: api.agent_slos(agent.id))
    if found is None:
        return
    if not found:
        st.info("No objective. Import OpenSLO documents: `muster slos import …`", icon=":material/target:")
        return
    tables.grid(
        "slos",
        {
            "Objective": [one.id for one in found],
            "Indicator": [one.indicator for one in found],
            "Counts": [one.counts for one in found],
            "Target": [one.target or one.value for one in found],
            "Window": [one.window for one in found],
            "Pages above": [", ".join(f"{a.fires_above} over {a.long}" for a in one.alerts) for one in found],
        },
        f"{agent.id}-objectives",
        alt="Objectives of the agent",
    )


def _history(cases: Sequence[lifecycle.Case]) -> None:
    if not cases:
        st.info("No lifecycle case was ever opened for it.", icon=":material/history:")
        return
    body: list[list[str | Link]] = [
        [
            Link(one.id, links.href(links.REVIEWS, links.review(one.id))),
            one.reason,
            words.CASE.get(one.state, one.state),
            f"{one.opened_at:%Y-%m-%d %H:%M}",
            f"{one.last_action} {one.last_action_at:%Y-%m-%d %H:%M}",
            one.policy,
        ]
        for one in cases
    ]
    tables.rows(["Case", "Reason", "State", "Opened (UTC)", "Last action (UTC)", "Policy"], body, label="Cases")
    names = ("id", "reason", "state", "opened_at", "last_action", "last_action_at", "policy")
    tables.take("cases", tables.members(cases, names), "cases")
