"""Routes of approvals: agents ask, people decide, both can see what came of it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from collector.store.executions import ToolCall, tool_calls
from inventory import problems
from inventory import wire as of_store
from inventory.auth.caller import Caller
from inventory.auth.policy import Scope, reach
from inventory.contract import approvals as wire
from inventory.contract.words import Instant, Name, Slug
from inventory.db.approvals import Approval
from inventory.masking import MASK
from inventory.readers import Readers
from inventory.reading_log import ReadLog
from inventory.registry import agents, approvals
from inventory.registry.approvals import Digests
from inventory.registry.change import Change, Registry
from inventory.routes.agents import PageQuery
from inventory.routes.door import TheAsking, TheCaller, post, refused, tag

ApprovalPath = Annotated[str, Path(pattern=r"^apr_[0-9a-f]{16}$", examples=["apr_0123456789abcdef"])]
LONGEST: float = wire.LONGEST_WAIT
"""Seconds that an answer is held back, whatever is asked for."""
_LOOKS = 0.5
"""Seconds between two looks at what is waited for."""


class ApprovalQuery(PageQuery):
    """Filters of the list; all that are given must hold."""

    agent: Slug | None = None
    state: wire.ApprovalState | None = None
    tool: Name | None = None
    trace: Annotated[str | None, Field(pattern="^[0-9a-f]{32}$")] = None
    since: Annotated[Instant | None, Field(description="Asked for at or after it")] = None
    until: Annotated[Instant | None, Field(description="Asked for before it")] = None


class WaitQuery(PageQuery):
    wait: Annotated[
        int, Field(ge=0, le=wire.LONGEST_WAIT, description="Seconds to wait for a decision before it is answered")
    ] = 0


def approval_routes(registry: Registry, store: Readers, reads: ReadLog, digests: Digests) -> APIRouter:
    routes = APIRouter(tags=["approvals"])
    answers = problems.responses(401, 403, 404, 409, 422, 429, 503)

    @routes.get("/v1/approval-requests", summary="Approvals", responses=problems.responses(401, 403, 422, 429, 503))
    def list_approvals(caller: TheCaller, query: Annotated[ApprovalQuery, Query()]) -> wire.ApprovalPage:
        """What agents asked for and what people said, newest first; follow `next` for more. The record: what agents
        report themselves is in /v1/approvals.
        """
        now = registry.now()
        with registry.reading() as session:
            filters = query.model_dump(include={"agent", "state", "tool", "trace", "since", "until"})
            rows, cursor = approvals.listed(session, caller.org, query.limit, query.cursor, now, **filters)
            found = [_seen(session, caller, row) for row in rows]
        if shown := [one.id for one in found if not one.masked]:
            reads.note(caller, f"approvals {shown[0]} and {len(shown) - 1} more")
        return wire.ApprovalPage(as_of=now, approvals=found, next=cursor)

    @routes.post(
        "/v1/approval-requests", status_code=201, summary="Ask", response_model=wire.ApprovalRecord, responses=answers
    )
    def ask_approval(asking: TheAsking, asked: wire.AskApproval) -> Response:
        """May the agent do this? Ask again with the same Idempotency-Key and it is the same request."""
        if not approvals.asks_for(asking.caller, asked.agent):
            raise refused(asking.caller, Scope.APPROVALS_REQUEST, asked.agent)

        def act(change: Change) -> tuple[wire.ApprovalRecord, dict[str, str]]:
            row = approvals.ask(change, asked, digests)
            return answer(row, change.at, content=True), {"Location": f"/v1/approval-requests/{row.id}"}

        return post(registry, asking, asked, act)

    @routes.get(
        "/v1/approval-requests/{approval_id}", summary="One approval", responses=problems.responses(*problems.READS)
    )
    async def get_approval(
        caller: TheCaller, approval_id: ApprovalPath, query: Annotated[WaitQuery, Query()], response: Response
    ) -> wire.ApprovalDetail:
        """With the calls that were made on it. `wait` holds the answer back until somebody has decided."""
        loop = asyncio.get_running_loop()
        until = loop.time() + min(query.wait, LONGEST)
        row = await run_in_threadpool(_read, caller, approval_id)
        while row.state == approvals.PENDING and (left := until - loop.time()) > 0:
            await asyncio.sleep(min(_LOOKS, left))
            row = await run_in_threadpool(_read, caller, approval_id)
        tag(response, row.revision)
        if not row.masked and not approvals.asks_for(caller, row.agent):
            await run_in_threadpool(reads.note, caller, f"approval {approval_id}")
        calls = await run_in_threadpool(_calls, caller.org, row)
        return wire.ApprovalDetail(approval=row, executions=calls)

    @routes.post(
        "/v1/approval-requests/{approval_id}/decision", summary="Decide", response_model=wire.ApprovalRecord,
        responses=answers,
    )  # fmt: skip
    def decide_approval(asking: TheAsking, approval_id: ApprovalPath, said: wire.DecideApproval) -> Response:
        """For who was named; for who may decide for the agent, if nobody was. Never for whom it was asked."""

        def act(change: Change) -> tuple[wire.ApprovalRecord, dict[str, str]]:
            row = approvals.decide(change, approval_id, said, digests)
            return _seen(change.session, asking.caller, row), {"ETag": f'"{row.revision}"'}

        return post(registry, asking, said, act, 200)

    @routes.post(
        "/v1/approval-requests/{approval_id}/withdraw", summary="Withdraw", response_model=wire.ApprovalRecord,
        responses=answers,
    )  # fmt: skip
    def withdraw_approval(asking: TheAsking, approval_id: ApprovalPath, given: wire.Withdraw) -> Response:
        """The agent does without it."""

        def act(change: Change) -> tuple[wire.ApprovalRecord, dict[str, str]]:
            row = approvals.withdraw(change, approval_id, given.reason)
            return answer(row, change.at, content=True), {"ETag": f'"{row.revision}"'}

        return post(registry, asking, given, act, 200)

    def _read(caller: Caller, name: str) -> wire.ApprovalRecord:
        with registry.reading() as session:
            row = approvals.get(session, caller.org, name)
            may = approvals.asks_for(caller, row.agent) or reach(caller, Scope.TELEMETRY_READ)
            if not may and not approvals.named(caller, row):
                raise refused(caller, Scope.TELEMETRY_READ, name)
            return _seen(session, caller, row)

    def _calls(org: str, row: wire.ApprovalRecord) -> list[wire.Execution]:
        if not row.trace_id:
            return []
        with store.reader() as client:
            return executions(row, tool_calls(client, org, row.trace_id))

    def _seen(session: Session, caller: Caller, row: Approval) -> wire.ApprovalRecord:
        agent = agents.get(session, row.org, row.agent)
        held = reach(caller, Scope.CONTENT_READ)
        own = held.covers(agent.id, owners=(agent.owner, agent.backup_owner), team=agent.team)
        may = approvals.could_decide(caller, row, agent, registry.now())
        content = own or may or approvals.named(caller, row) or approvals.asks_for(caller, row.agent)
        return answer(row, registry.now(), content=content, may=may)

    return routes


def answer(row: Approval, now: datetime, *, content: bool, may: bool = False) -> wire.ApprovalRecord:
    """As it is at this moment."""
    fields = {name: getattr(row, name) for name in wire.ApprovalRecord.model_fields if hasattr(row, name)}
    state = approvals.state_at(row, now)
    if not content:
        fields |= {"arguments": None, "shown": None, "decided_arguments": None, "why": row.why and MASK}
    return wire.ApprovalRecord.model_validate(
        {**fields, "state": state, "enforced": approvals.enforced_at(row, now), "masked": not content,
         "may_decide": may}
    )  # fmt: skip


def executions(row: wire.ApprovalRecord, calls: list[ToolCall]) -> list[wire.Execution]:
    """Which of a trace's tool calls were made on an approval: those that name it, or have the id of the call asked
    for.
    """
    found = []
    for call in calls:
        by_call = row.tool_call_id != "" and call.tool_call_id == row.tool_call_id and call.tool == row.tool
        if call.approval_id != row.id and not by_call:
            continue
        at = of_store.moment(call.start_ns)
        known = bool(call.arguments_digest) and row.allowed_digest is not None
        found.append(
            wire.Execution(
                span_id=call.span_id, at=at, failed=call.failed, arguments_digest=call.arguments_digest,
                matches=call.arguments_digest == row.allowed_digest if known else None,
                in_time=row.good_until is not None and row.decided_at is not None and at <= row.good_until,
            )
        )  # fmt: skip
    return found
