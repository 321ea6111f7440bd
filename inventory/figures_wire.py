"""From the store's figures to the wire."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from collector.store import agents_seen, conversations, decisions, latency, search, spend
from inventory import contract, wire
from inventory.contract import figures
from inventory.db.approvals import Approval
from inventory.wire import moment

_COMMON = (
    "These words are in very many texts: spans were looked at from the newest back to searched_since. "
    "Add a rarer word, or go on with next."
)


def hits(found: search.Found, window: contract.Window, as_of: datetime) -> figures.Hits:
    return figures.Hits(
        as_of=as_of,
        window=window,
        hits=[hit(row) for row in found.hits],
        searched_since=moment(found.searched_ns),
        note=_COMMON if found.common and found.after else "",
        next=wire.search_cursor(found.after) if found.after else None,
    )


def hit(row: search.Hit) -> figures.Hit:
    fields = asdict(row)
    time_ns = fields.pop("time_ns")
    return figures.Hit(time=moment(time_ns), time_ns=str(time_ns), **fields)


def conversation(
    found: conversations.Conversation, conversation_id: str, window: contract.Window, as_of: datetime
) -> figures.Conversation:
    return figures.Conversation(
        as_of=as_of,
        window=window,
        conversation_id=conversation_id,
        traces=[wire.trace(row) for row in found.traces],
        messages=[message(row) for row in found.messages],
        calls=found.calls,
        calls_missing=found.calls_missing,
        more=found.more,
    )


def message(row: conversations.Message) -> figures.Message:
    fields = asdict(row)
    return figures.Message(time=moment(fields.pop("time_ns")), json_text=fields.pop("json"), **fields)


def spend_table(table: spend.SpendTable, as_of: datetime) -> figures.SpendTable:
    return figures.SpendTable(
        as_of=as_of,
        window=contract.Window(since=moment(table.since_ns), until=moment(table.until_ns)),
        rows=[spend_row(row) for row in table.rows],
        waiting=table.waiting,
    )


def spend_row(row: spend.Spend) -> figures.Spend:
    fields = asdict(row)
    names = {by.value: name for by, name in fields.pop("names").items()}
    return figures.Spend(start=moment(fields.pop("start_ns")), names=names, **fields)


def latency_row(row: latency.Latency) -> figures.Latency:
    fields = asdict(row)
    names = {of.value: name for of, name in fields.pop("names").items()}
    return figures.Latency(start=moment(fields.pop("start_ns")), names=names, **fields)


def tool(row: latency.ToolFigures) -> figures.Tool:
    fields = asdict(row)
    return figures.Tool(last=moment(fields.pop("last_ns")), **fields)


def decision(row: decisions.Decision, record: Approval | None = None) -> figures.Decision:
    """`record`: what was asked for under its id, if that is on record."""
    return figures.Decision(
        trace_id=row.trace_id,
        approval=wire.approval(row.approval),
        standing="claimed" if record is None else "on record" if _agree(row, record) else "contradicted",
    )


def _agree(row: decisions.Decision, record: Approval) -> bool:
    """A request that was decided since agrees with its record too."""
    said = row.approval
    same = said.decision in ("requested", record.state)
    return same and said.approver in ("", record.approver, record.decided_by)


def agent(row: agents_seen.AgentSeen) -> figures.AgentSeen:
    fields = asdict(row)
    return figures.AgentSeen(
        first=moment(fields.pop("first_ns")),
        last=moment(fields.pop("last_ns")),
        last_received=moment(fields.pop("received_ns")),
        senders=[figures.Sender(identity=who, method=how) for who, how in fields.pop("identities")],
        **fields,
    )
