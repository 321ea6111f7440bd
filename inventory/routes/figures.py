"""Routes of figures: search, conversations, spend, latency, tools, decisions, agents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from collector.store import agents_seen, conversations, decisions, latency, search, spend
from inventory import contract, figures_wire, masking, problems, wire
from inventory.contract import figures
from inventory.contract.words import Instant
from inventory.queries import ApprovalsQuery, ConversationQuery, LatencyQuery, SearchQuery, SpendQuery, ToolsQuery
from inventory.readers import Readers
from inventory.registry import approvals
from inventory.registry.change import Registry
from inventory.routes.door import TheCaller
from inventory.sight import Sight

ConversationIdPath = Annotated[str, Path(max_length=500, examples=["conv-6f1e"])]


def figures_routes(store: Readers, registry: Registry, sight: Sight, now: Callable[[], datetime]) -> APIRouter:
    """Endpoints are synchronous, as `api_app`'s."""
    routes = APIRouter()

    @routes.get(
        "/v1/search", tags=["traces"], summary="Full text", responses=problems.responses(401, 403, 422, 429, 503)
    )
    def search_texts(caller: TheCaller, query: Annotated[SearchQuery, Query()]) -> figures.Hits:
        """Traces in which prompts, answers, tool arguments or long attributes have these words, newest first."""
        as_of = now()
        window = query.window(as_of)
        asked = query.asked(window)
        sight.everything(caller, f"search {query.words} {query.phrase}".strip())
        with store.reader() as client:
            return figures_wire.hits(search.search(client, caller.org, asked), window, as_of)

    @routes.get(
        "/v1/conversations/{conversation_id:path}",
        tags=["traces"],
        summary="One conversation",
        responses=problems.responses(*problems.READS),
    )
    def get_conversation(
        caller: TheCaller, conversation_id: ConversationIdPath, query: Annotated[ConversationQuery, Query()]
    ) -> figures.Conversation:
        """Its traces, and what was said in them: each message once, by time."""
        as_of = now()
        window = query.window(as_of)
        since, until = _bounds(window)
        with store.reader() as client:
            found = conversations.conversation(client, caller.org, conversation_id, since, until, limit=query.limit)
        if found is None:
            raise problems.not_found(
                "No such conversation",
                "No span of it that started in the window is stored.",
                "ask for a longer window with since and until",
                "conversation-not-found",
            )
        answer = figures_wire.conversation(found, conversation_id, window, as_of)
        return answer if sight.everything(caller, f"conversation {conversation_id}") else masking.conversation(answer)

    @routes.get(
        "/v1/spend", tags=["figures"], summary="What is spent", responses=problems.responses(401, 403, 422, 429, 503)
    )
    def get_spend(caller: TheCaller, query: Annotated[SpendQuery, Query()]) -> figures.SpendTable:
        """Calls, tokens and money over time, by any names. Calls without a price are counted, never 0."""
        as_of = now()
        with store.reader() as client:
            return figures_wire.spend_table(spend.spend(client, caller.org, query.asked(query.window(as_of))), as_of)

    @routes.get(
        "/v1/latency",
        tags=["figures"],
        summary="How long it takes",
        responses=problems.responses(401, 403, 422, 429, 503),
    )
    def get_latency(caller: TheCaller, query: Annotated[LatencyQuery, Query()]) -> figures.LatencyTable:
        """Quantiles of operations' durations over time."""
        as_of = now()
        window = query.window(as_of)
        with store.reader() as client:
            found = latency.latency(
                client, caller.org, *_bounds(window), of=query.of, only=query.only, step_minutes=query.step_minutes
            )
        return figures.LatencyTable(as_of=as_of, window=window, rows=[figures_wire.latency_row(row) for row in found])

    @routes.get(
        "/v1/tools", tags=["figures"], summary="How tools do", responses=problems.responses(401, 403, 422, 429, 503)
    )
    def get_tools(caller: TheCaller, query: Annotated[ToolsQuery, Query()]) -> figures.Tools:
        """Calls, errors and durations of each tool."""
        as_of = now()
        window = query.window(as_of)
        with store.reader() as client:
            found = latency.tools(client, caller.org, *_bounds(window), tool=query.tool, by_agent=query.by_agent)
        return figures.Tools(as_of=as_of, window=window, tools=[figures_wire.tool(row) for row in found])

    @routes.get(
        "/v1/approvals", tags=["figures"], summary="Decisions", responses=problems.responses(401, 403, 422, 429, 503)
    )
    def get_approvals(caller: TheCaller, query: Annotated[ApprovalsQuery, Query()]) -> figures.Decisions:
        """Approvals and guardrails' verdicts as agents reported them; follow `next` for more. `standing` says of each
        whether it is on record: those records are in /v1/approval-requests.
        """
        as_of = now()
        window = query.window(as_of)
        filters = query.filters(window)
        with store.reader() as client:
            page = decisions.decisions(client, caller.org, filters)
        with registry.reading() as session:
            records = approvals.by_id(session, caller.org, {row.approval.approval_id for row in page.decisions})
        return figures.Decisions(
            as_of=as_of,
            window=window,
            decisions=[figures_wire.decision(row, records.get(row.approval.approval_id)) for row in page.decisions],
            next=wire.decision_cursor(page.after) if page.after else None,
        )

    @routes.get(
        "/v1/agents/seen",
        tags=["figures"],
        summary="Agents seen",
        responses=problems.responses(401, 403, 422, 429, 503),
    )
    def get_agents(
        caller: TheCaller,
        active_since: Annotated[Instant | None, Query(description="Only those received since then")] = None,
    ) -> figures.AgentsSeen:
        """Whoever sent spans, with the identities that were verified."""
        since = wire.nanoseconds(active_since) if active_since else 0
        with store.reader() as client:
            found = agents_seen.agents_seen(client, caller.org, active_since_ns=since)
        return figures.AgentsSeen(as_of=now(), agents=[figures_wire.agent(row) for row in found])

    return routes


def _bounds(window: contract.Window) -> tuple[int, int]:
    return wire.nanoseconds(window.since), wire.nanoseconds(window.until)
