"""Who answers for the demo's agents: people, teams, agents and an objective, registered when the registry is empty."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from collector.demo import agents as cast
from inventory.client import InventoryClient
from inventory.contract.agents import AgentSpec
from inventory.contract.people import PersonSpec, TeamSpec

PEOPLE: Final = {
    "kim.lee": "Kim Lee", "noor.haddad": "Noor Haddad", "sam.ortiz": "Sam Ortiz", "ines.moreau": "Inès Moreau",
}  # fmt: skip
TEAMS: Final = {"support": ("kim.lee", "noor.haddad"), "data": ("sam.ortiz", "ines.moreau")}
DRAFT: Final = cast.STEWARD
_TOOLS: Final[dict[str, dict[str, Any]]] = {
    cast.DRAFTER.service: {"read": ["orders.lookup", "orders.history", "shipping.status", "billing.ledger"]},
    cast.CRM.service: {
        "read": ["crm.read"],
        "write": ["crm.update_case", "mail.send_reply", "billing.refund"],
        "reversals": {
            "crm.update_case": "crm.update_case with the version before, from the case's history",
            "mail.send_reply": "it can't be taken back: write to the customer again, from the case",
            "billing.refund": "billing.charge with the refund's id, within 30 days",
        },
    },
    cast.INGEST.service: {
        "read": ["storage.list", "warehouse.query"],
        "write": ["warehouse.load"],
        "reversals": {"warehouse.load": "warehouse.drop_partition of the day, and load it again"},
    },
    cast.SCHEMA.service: {"read": ["contracts.check"]},
    cast.ANOMALY.service: {"read": ["stats.profile", "stats.seasonality", "stats.outliers"]},
    cast.LINEAGE.service: {"read": ["catalog.lineage"]},
    cast.PUBLISHER.service: {
        "write": ["report.publish", "chat.notify"],
        "reversals": {"report.publish": "report.withdraw with its URL"},
    },
}
_NEEDS: Final = {
    cast.SUPPORT.service: (cast.TRIAGE, cast.RETRIEVER, cast.VALIDATOR, cast.DRAFTER, cast.GATE, cast.CRM, cast.QA),
    cast.PIPELINE.service: (cast.INGEST, cast.SCHEMA, cast.ANOMALY, cast.LINEAGE, cast.REPORTER, cast.PUBLISHER),
}
_OBJECTIVE: Final = {"ratioMetric": {side: {"metricSource": {"type": "Muster", "spec": {"indicator": "availability"}}}
                                     for side in ("good", "total")}}  # fmt: skip


def register(client: InventoryClient) -> int:
    """How many agents; 0 where there are some already. Raises ClientError."""
    if client.list_agents(limit=1).agents:
        return 0
    for name, title in PEOPLE.items():
        client.put_person(name, PersonSpec(name=title, email=f"{name}@example.org"))
    for name, members in TEAMS.items():
        client.put_team(name, TeamSpec(name=name.title(), members=list(members)))
    known = [agent for agent in cast.CAST if agent is not cast.UNREGISTERED]
    for agent in sorted(known, key=lambda one: one.service in _NEEDS):
        made = client.register_agent(agent.service, spec(agent))
        if agent is not DRAFT:
            client.move_agent(agent.service, "activate", made.revision)
    client.put_slo(f"{cast.SUPPORT.service}-available", _slo(cast.SUPPORT.service))
    return len(known)


def spec(agent: cast.Agent) -> AgentSpec:
    team = "data" if agent.namespace == cast.PIPELINE.namespace else "support"
    owner, backup = TEAMS[team]
    given: dict[str, Any] = {
        "name": agent.service.replace("-", " ").capitalize(),
        "purpose": f"{agent.purpose}.",
        "owner": owner,
        "backup_owner": backup,
        "team": team,
        "pager": f"{team}-agents",
        "support_queue": f"{team}-queue",
        "runbook": f"https://runbooks.example.org/{agent.service}",
        "service_identity": agent.service,
        "classification": "confidential" if team == "support" else "internal",
        "high_impact": agent is cast.CRM,
        "tools": _TOOLS.get(agent.service, {}),
        "matchers": [{"service": agent.service}],
        "dependencies": [{"kind": "agent", "needs": one.service} for one in _NEEDS.get(agent.service, ())],
        "model": {"provider": agent.model.provider, "inside_boundary": agent.model is not cast.SONNET},
        "tags": ["demo", f"team:{team}"],
    }
    if agent in (cast.SUPPORT, cast.PIPELINE):
        given["budgets"] = {"money_usd": Decimal("0.05"), "tokens": 40_000, "tool_calls": 40}
    return AgentSpec.model_validate(given)


def _slo(agent: str) -> dict[str, Any]:
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": f"{agent}-available"},
        "spec": {
            "service": agent,
            "indicator": {"spec": _OBJECTIVE},
            "timeWindow": [{"duration": "30d", "isRolling": True}],
            "objectives": [{"target": 0.95}],
        },
    }
