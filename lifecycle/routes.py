"""Routes of the lifecycle: policies, cases, decisions, the kill switch, jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from inventory import problems
from inventory.auth.policy import Scope, reach
from inventory.contract import lifecycle as wire
from inventory.contract.words import SLUG, Slug
from inventory.db import cases as db
from inventory.db.models import Agent
from inventory.readers import Readers
from inventory.registry import agents
from inventory.registry.change import Change, Registry
from inventory.registry.errors import Clash, Forbidden, Missing
from inventory.routes.agents import AgentPath, PageQuery
from inventory.routes.door import TheAsking, TheCaller, check_agent, post, refused, tag
from lifecycle import activity, cases, deciding, impact, plans, policies
from lifecycle.answers import case_answer, case_detail, policy_answer, request_answer
from lifecycle.conditions import Facts
from lifecycle.connectors.base import ConnectorError
from lifecycle.enforcing import PLANNED
from lifecycle.evaluation import Evaluator
from lifecycle.jobs import Job, jobs_answer, request
from lifecycle.plans import Connectors

CasePath = Annotated[str, Path(pattern=r"^case_[0-9a-f]{16}$", examples=["case_0123456789abcdef"])]
RequestPath = Annotated[str, Path(pattern=r"^req_[0-9a-f]{16}$", examples=["req_0123456789abcdef"])]
JobPath = Annotated[str, Path(pattern=SLUG, examples=["evaluate"])]
PolicyPath = Annotated[str, Path(pattern=SLUG, examples=["idle-90"])]


def _json(answer: BaseModel, status: int = 200) -> Response:
    return Response(answer.model_dump_json(), status, media_type="application/json")


class CaseQuery(PageQuery):
    """Filters of the list; all that are given must hold."""

    agent: Slug | None = None
    state: wire.CaseState | None = None
    reason: wire.CaseReason | None = None
    open: bool = False


class ImpactQuery(BaseModel):
    model_config = PageQuery.model_config

    policy: Slug
    days: Annotated[int, Query(ge=1, le=366)] = 30


def lifecycle_routes(
    registry: Registry, store: Readers, evaluator: Evaluator, connectors: Connectors, jobs: Mapping[str, Job]
) -> APIRouter:
    routes = APIRouter(tags=["lifecycle"])
    reads, changes = problems.responses(*problems.READS), problems.responses(*problems.CHANGES)
    pasts = problems.responses(*problems.READS, 409)
    listed = problems.responses(401, 403, 422, 429, 503)

    @routes.get("/v1/lifecycle/policies", summary="Policies", responses=listed)
    def list_policies(caller: TheCaller) -> wire.PolicyList:
        """What is done about agents, for each reason."""
        with registry.reading() as session:
            return wire.PolicyList(policies=[policy_answer(row) for row in policies.listed(session, caller.org)])

    @routes.put("/v1/lifecycle/policies/{policy_id}", summary="Add or change a policy", responses=changes)
    def put_policy(asking: TheAsking, policy_id: PolicyPath, spec: wire.PolicySpec, response: Response) -> wire.Policy:
        """A new version. `enforced` is a change like any other: it stands in the audit log with who made it."""
        with registry.changing(asking) as change:
            row, new = policies.put(change, policy_id, spec)
            response.status_code = 201 if new else 200
            tag(response, row.revision)
            return policy_answer(row)

    @routes.get("/v1/lifecycle/plan", summary="What a run would do now", responses=listed)
    def get_plan(caller: TheCaller) -> wire.LifecyclePlan:
        """Every agent that a policy says something about, and why nothing is done where nothing is. Changes nothing."""
        return evaluator.plan(caller.org)

    @routes.get("/v1/lifecycle/impact", summary="What a policy would have done", responses=pasts)
    def get_impact(caller: TheCaller, query: Annotated[ImpactQuery, Query()]) -> wire.ImpactReport:
        """In the days that have passed, had nobody answered; and which of those agents were active afterwards."""
        with registry.reading() as session:
            return impact.report(session, store, caller.org, query.policy, query.days, registry.now())

    @routes.get("/v1/lifecycle/cases", summary="Cases", responses=listed)
    def list_cases(caller: TheCaller, query: Annotated[CaseQuery, Query()]) -> wire.CasePage:
        """By id; follow `next` for more."""
        with registry.reading() as session:
            rows, cursor = cases.listed(
                session, caller.org, query.limit, query.cursor, agent=query.agent, state=query.state,
                reason=query.reason, open_only=query.open,
            )  # fmt: skip
            owners = {row.agent: session.get_one(Agent, (row.org, row.agent)).owner for row in rows}
            enforced = policies.enforced(session, caller.org)
            now = registry.now()
            found = [case_answer(row, owners[row.agent], row.policy in enforced, now) for row in rows]
            return wire.CasePage(cases=found, next=cursor)

    @routes.get("/v1/lifecycle/cases/{case_id}", summary="One case", responses=reads)
    def get_case(caller: TheCaller, case_id: CasePath, response: Response) -> wire.CaseDetail:
        """With its history, its steps, who was told, and what two people wanted."""
        with registry.reading() as session:
            row = cases.get(session, caller.org, case_id)
            tag(response, row.revision)
            return case_detail(session, row, registry.now())

    @routes.post(
        "/v1/lifecycle/cases/{case_id}/decision", summary="Decide", response_model=wire.Case, responses=changes
    )
    def decide_case(asking: TheAsking, case_id: CasePath, asked: wire.Decide) -> Response:
        """Keep, snooze, transfer, disable now, retire, or ask for an exemption: for who may change the agent."""

        def act(change: Change) -> tuple[wire.Case, dict[str, str]]:
            row = cases.get(change.session, change.org, case_id)
            scope = Scope.LIFECYCLE_ENFORCE if row.reason == "violation" else Scope.AGENTS_WRITE
            check_agent(change, scope, row.agent)
            row = deciding.decide(change, case_id, asked)
            return _case(change, row), {}

        return post(registry, asking, asked, act, 200)

    @routes.post(
        "/v1/lifecycle/cases/{case_id}/requests", status_code=201,
        summary="Ask for what needs two",
        response_model=wire.CaseRequest, responses=changes,
    )  # fmt: skip
    def ask_case(asking: TheAsking, case_id: CasePath, asked: wire.Ask) -> Response:
        """Revoke, archive, exempt or approve a long interval. What exactly would be done is frozen with it."""

        def act(change: Change) -> tuple[wire.CaseRequest, dict[str, str]]:
            row = cases.hold(change.session, change.org, case_id)
            check_agent(change, Scope.AGENTS_WRITE, row.agent)
            if asked.action in PLANNED:
                _frozen(change, row, asked.action)
            return request_answer(deciding.request(change, case_id, asked)), {}

        return post(registry, asking, asked, act)

    def _frozen(change: Change, row: db.Case, action: wire.TwoPerson) -> None:
        facts = Facts.of(agents.get(change.session, change.org, row.agent))
        try:
            planned = connectors.plan(change.org, facts, PLANNED[action])
        except ConnectorError as error:
            raise problems.unavailable("A target can't be asked what is there", str(error)) from None
        plans.freeze(change.session, row, planned)

    @routes.post(
        "/v1/lifecycle/requests/{request_id}/decision", summary="The second person's answer",
        response_model=wire.CaseRequest, responses=changes,
    )  # fmt: skip
    def answer_request(asking: TheAsking, request_id: RequestPath, given: wire.Verdict) -> Response:
        """Approve or refuse. Whoever asked can't."""

        def act(change: Change) -> tuple[wire.CaseRequest, dict[str, str]]:
            return request_answer(deciding.answer(change, request_id, given)), {}

        return post(registry, asking, given, act, 200)

    @routes.post(
        "/v1/lifecycle/cases/{case_id}/hold", summary="Legal hold, or its end",
        response_model=wire.Case, responses=changes,
    )  # fmt: skip
    def hold_case(asking: TheAsking, case_id: CasePath, given: wire.Hold) -> Response:
        """What is held is not deleted, whatever else happens to the agent."""
        return post(
            registry, asking, given, lambda change: (_case(change, deciding.hold(change, case_id, given)), {}), 200
        )

    @routes.post(
        "/v1/agents/{agent_id}/violations",
        status_code=201,
        summary="Report a violation",
        response_model=wire.Case,
        responses=changes,
    )
    def report_violation(asking: TheAsking, agent_id: AgentPath, given: wire.Raise) -> Response:
        """Opens a case: the agent did what it must not."""
        return post(
            registry, asking, given,
            lambda change: (_case(change, deciding.violation(change, agent_id, given.reason)), {}),
        )  # fmt: skip

    @routes.post("/v1/agents/{agent_id}/activity", summary="Vouch for activity", status_code=204, responses=changes)
    def report_activity(asking: TheAsking, agent_id: AgentPath, given: wire.Reported) -> None:
        """The owner's own system saw the agent work. A moment to come counts as now."""
        with registry.changing(asking) as change:
            row = agents.get(change.session, change.org, agent_id)
            held = reach(asking.caller, Scope.ACTIVITY_REPORT)
            own = reach(asking.caller, Scope.AGENTS_WRITE)
            owners = (row.owner, row.backup_owner)
            if not any(one.covers(row.id, owners=owners, team=row.team) for one in (held, own)):
                raise refused(asking.caller, Scope.ACTIVITY_REPORT, agent_id)
            activity.report(change, row, given)

    @routes.get("/v1/lifecycle/switch", summary="The kill switch", responses=listed)
    def get_switch(caller: TheCaller) -> wire.SwitchState:
        with registry.reading() as session:
            return policies.switch(session, caller.org)

    @routes.put("/v1/lifecycle/switch", summary="Stop all enforcement, or let it go on", responses=listed)
    def put_switch(asking: TheAsking, given: wire.Switch) -> wire.SwitchState:
        """Off: at once nothing is disabled, revoked, removed or archived any more; notices go on."""
        held = reach(asking.caller, Scope.LIFECYCLE_ENFORCE)
        if given.enforcement and not held.everything:
            raise Forbidden(
                "You can't switch enforcement on", "Whoever may change agents can stop it; starting needs more.",
                "ask an admin", "forbidden",
            )  # fmt: skip
        with registry.changing(asking) as change:
            return policies.set_switch(change, given)

    @routes.get("/v1/jobs", summary="Jobs", responses=problems.responses(401, 403, 429, 503))
    def list_jobs(caller: TheCaller) -> wire.JobList:
        """When each ran last and will run next, how long it took, what came of it, and who acts."""
        with registry.reading() as session:
            return jobs_answer(session, registry.now(), jobs)

    @routes.post("/v1/jobs/{name}/run", summary="Run a job", response_model=wire.JobAsked, responses=changes)
    def run_job(asking: TheAsking, name: JobPath, given: wire.RunJob) -> Response:
        """The process that acts takes it within seconds. A dry run changes nothing, and its answer is here at once."""
        if name not in jobs:
            raise Missing("job", name)
        if given.dry_run:
            return _json(wire.JobAsked(name=name, outcome="dry-run", summary=dict(jobs[name].act(True))))

        def act(change: Change) -> tuple[wire.JobAsked, dict[str, str]]:
            request(change.session, name, change.actor, False, change.at)
            change.record("run", "job", name, None, {"dry_run": False})
            return wire.JobAsked(name=name, outcome="requested", summary={}), {}

        return post(registry, asking, given, act, 200)

    @routes.get("/v1/lifecycle/cases/{case_id}/certificate", summary="Retirement certificate", responses=pasts)
    def get_certificate(caller: TheCaller, case_id: CasePath) -> wire.Certificate:
        """What was done to a retired agent, by whom, and with what proof; `digest` stands in the audit log too."""
        with registry.reading() as session:
            row = cases.get(session, caller.org, case_id)
            if row.state != "retired":
                raise Clash(
                    "There is no certificate yet",
                    f"{row.agent} is {row.state}.",
                    "wait until it is retired",
                    "not-retired",
                )
            return wire.Certificate(case=row.id, agent=row.agent, document=row.facts["certificate"])

    def _case(change: Change, row: db.Case) -> wire.Case:
        owner = agents.get(change.session, change.org, row.agent).owner
        return case_answer(row, owner, row.policy in policies.enforced(change.session, change.org), change.at)

    return routes
