"""Spend: who is burning money now?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import streamlit as st

from dashboards import api, figures, links, words
from dashboards.links import Pages
from dashboards.views import parts, tables
from dashboards.views.tables import Link
from inventory import contract
from inventory.client import ClientError
from inventory.contract import agents
from inventory.contract.figures import Spend
from inventory.contract.incidents import Workflows

_HOURLY = timedelta(hours=49)


@dataclass(slots=True)
class Sum:
    """Of some calls. `cost` is of the priced ones; None: there are none."""

    calls: int = 0
    unpriced: int = 0
    tokens: int = 0
    cost: Decimal | None = None
    models: set[str] = field(default_factory=set)

    def add(self, row: Spend) -> None:
        self.calls += row.calls
        self.unpriced += row.unpriced
        self.tokens += (row.input_tokens or 0) + (row.output_tokens or 0)
        if row.cost is not None:
            self.cost = (self.cost or Decimal(0)) + row.cost
        if model := row.names.get("model"):
            self.models.add(model)


def page(pages: Pages) -> None:
    head, picker = st.columns([3, 2], vertical_alignment="bottom")
    head.title("Spend", anchor=False)
    with picker, st.container(horizontal=True, horizontal_alignment="right"):
        window = parts.pick_window("24h")
    hourly = window.until - window.since <= _HOURLY
    with st.spinner("Adding up …", show_time=True):
        table = api.shown("Spend", lambda: api.spend(window, ("agent", "model"), "hour" if hourly else "day"))
        flows = api.shown("Cost by workflow", lambda: api.workflows(window))
        listed = api.shown("Agents", lambda: api.all_agents(5_000)) or []
    if table is None:
        return
    if not table.rows:
        st.info(
            f"**No model call was counted** {words.window(table.window, parts.reader_zone())}. "
            "Calls are counted when their trace is sealed, seconds after it ends."
            + (f" {words.plural(table.waiting, 'trace')} wait." if table.waiting else ""),
            icon=":material/payments:",
        )
        return
    hours = Decimal((table.window.until - table.window.since).total_seconds()) / 3600
    total, zone = _total(table.rows), parts.reader_zone()
    _tiles(table.rows, total, hours, flows, hourly)
    parts.as_of(
        f"Whole {'hours' if hourly else 'days'} of UTC that the window touches, {words.window(table.window, zone)}; "
        f"as of {words.moment(table.as_of, zone)}"
        + (f"; {words.plural(table.waiting, 'trace')} not counted yet" if table.waiting else "")
    )
    left, right = st.columns([1.7, 1], gap="medium")
    with left:
        st.plotly_chart(
            figures.spend(table.rows, hourly, parts.dark()), theme=None, key="spend",
            config={"displayModeBar": False}, alt=f"Cost by agent over time, {words.money(total.cost)} in all",
        )  # fmt: skip
    with right:
        _unpriced(table.rows)
        _dearest(window)
    if flows is not None:
        _workflows(flows, listed)
    _by_agent_and_model(table.rows)


def _total(rows: Sequence[Spend]) -> Sum:
    total = Sum()
    for row in rows:
        total.add(row)
    return total


def _tiles(rows: Sequence[Spend], total: Sum, hours: Decimal, flows: Workflows | None, hourly: bool) -> None:
    last = max(row.start for row in rows)
    lately = _total([row for row in rows if row.start == last])
    per_hour = total.cost / hours if total.cost is not None and hours else None
    whole = flows.total if flows else None
    each = _each(whole.cost, whole.traces) if whole else None
    share = words.share(total.unpriced / total.calls) if total.calls else words.UNKNOWN
    unit = "hour" if hourly else "day"
    began = f"{whole.traces:,} traces" if whole else ""
    parts.row_of(
        [
            parts.tile("Cost", _money(total.cost), "Of calls with a known price, US dollars"),
            parts.tile("An hour", _money(per_hour), "Over the whole window", _a_month(per_hour)),
            parts.tile(f"This {unit}", _money(lately.cost), f"Since {last:%Y-%m-%d %H:%M} UTC", "so far"),
            parts.tile("A trace", _money(each), "Cost of traces that began in the window, by their number", began),
            parts.tile("Calls", words.count(total.calls), "Model calls, each counted once"),
            parts.tile(
                "Unpriced", words.count(total.unpriced), "In no sum: nobody knows their cost", f"{share} of calls"
            ),
            parts.tile("Tokens", words.count(total.tokens), "In and out, as calls reported them"),
        ]
    )


def _money(usd: Decimal | None) -> str:
    return words.money(None if usd is None else round(usd, 6))


def _a_month(per_hour: Decimal | None) -> str:
    return f"{words.money(round(per_hour * 730, 2))} a month, if it goes on" if per_hour is not None else ""


def _unpriced(rows: Sequence[Spend]) -> None:
    st.markdown("##### Without a price")
    by_model: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        if row.unpriced:
            by_model[row.names.get("model") or "(no model said)"] += row.unpriced
    if not by_model:
        st.caption("Every call has a price.")
        return
    body: list[list[str | Link]] = [
        [model, f"{count:,}"] for model, count in sorted(by_model.items(), key=lambda one: -one[1])[:5]
    ]
    tables.rows(["Model", "Calls"], body, label="Models without a price")
    tables.take("unpriced", {"model": list(by_model), "calls": list(by_model.values())}, "unpriced")
    st.caption("Give them a price: `muster prices`; what is sealed is corrected.")


def _dearest(window: contract.Window) -> None:
    st.markdown("##### Dearest traces")
    found = api.shown("Dearest traces", lambda: api.traces(api.TraceSearch(window, "dearest", limit=5)))
    if not found or not found.traces:
        st.caption("None in the window.")
        return
    body: list[list[str | Link]] = [
        [
            Link(words.shorter(one.root_name or "(no name)", 34), links.href(links.TRACE, links.trace(one.trace_id))),
            words.cost(one),
            words.plural(one.model_calls, "call"),
        ]
        for one in found.traces
    ]
    tables.rows(["Trace", "Cost", "Model calls"], body, label="Dearest traces")
    names = ("trace_id", "start", "root_name", "cost", "unpriced_calls", "model_calls")
    tables.take("dearest", tables.members(found.traces, names), "dearest-traces")


def _workflows(flows: Workflows, listed: Sequence[agents.AgentSummary]) -> None:
    """Burn against budget: what a trace costs, and what it may."""
    st.markdown("##### Cost per trace against budget")
    if not flows.workflows:
        st.caption("No workflow began in the window.")
        return
    budgets = _budgets([one.id for one in listed if one.id in {flow.name for flow in flows.workflows}])
    each = [_each(one.cost, one.traces) for one in flows.workflows]
    tables.grid(
        "workflows",
        {
            "Workflow": [one.name for one in flows.workflows],
            "Cost": [_rounded(one.cost) for one in flows.workflows],
            "Traces": [one.traces for one in flows.workflows],
            "Failed": [one.failed for one in flows.workflows],
            "Cost per trace": [_rounded(cost) for cost in each],
            "Budget per trace": [_rounded(budgets.get(one.name)) for one in flows.workflows],
            "Against budget": [
                _against(cost, budgets.get(one.name)) for cost, one in zip(each, flows.workflows, strict=True)
            ],
            "Calls": [one.model_calls for one in flows.workflows],
            "Unpriced": [one.unpriced for one in flows.workflows],
        },
        "cost-per-trace",
        alt="Workflows by what their traces cost",
        column_config={
            name: st.column_config.NumberColumn(format="$ %.5f")
            for name in ("Cost", "Cost per trace", "Budget per trace")
        },
    )
    if not budgets:
        st.caption("No budget is set for these agents: `budgets.money_usd` of an agent, per task.")


def _budgets(names: Sequence[str]) -> dict[str, Decimal]:
    found = {}
    for name in names[:50]:
        try:
            money = api.agent(name).spec.budgets.money_usd
        except ClientError:
            continue
        if money is not None:
            found[name] = money
    return found


def _each(cost: Decimal | None, traces: int) -> Decimal | None:
    return cost / traces if cost is not None and traces else None


def _rounded(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _against(each: Decimal | None, budget: Decimal | None) -> str:
    if each is None or budget is None:
        return "no budget" if budget is None else words.UNKNOWN
    share = each / budget
    return f"{'▲ over' if share > 1 else '✓'} {float(share) * 100:.0f} %"


def _by_agent_and_model(rows: Sequence[Spend]) -> None:
    st.markdown("##### Agent × model")
    sums: defaultdict[tuple[str, str], Sum] = defaultdict(Sum)
    for row in rows:
        sums[row.names.get("agent") or "(no agent)", row.names.get("model") or "(no model)"].add(row)
    ordered = sorted(sums, key=lambda key: -(sums[key].cost or Decimal(0)))
    tables.grid(
        "agent-model",
        {
            "Agent": [agent for agent, _ in ordered],
            "Model": [model for _, model in ordered],
            "Cost": [_rounded(sums[key].cost) for key in ordered],
            "Calls": [sums[key].calls for key in ordered],
            "Unpriced": [sums[key].unpriced for key in ordered],
            "Tokens": [sums[key].tokens for key in ordered],
            "Cost per call": [_rounded(_each(sums[key].cost, sums[key].calls - sums[key].unpriced)) for key in ordered],
        },
        "spend",
        alt="Cost by agent and model, dearest first",
        column_config={
            "Cost": st.column_config.NumberColumn(format="$ %.5f"),
            "Cost per call": st.column_config.NumberColumn(format="$ %.6f"),
            "Tokens": st.column_config.NumberColumn(format="localized"),
        },
    )
