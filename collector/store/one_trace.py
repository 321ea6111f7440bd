"""One trace: its tree alone, or with all that was said in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.store.reads import run
from collector.store.rows import ApprovalRow, Event, Link, LogRow, SpanFacts, SpanRow, TraceDetail, TraceRow
from collector.store.texts import WHOLE_TEXT, Refers, Said, said
from collector.store.trace_list import bounds_of, from_spans, sealed_trace, with_approvals

MAX_LOGS = 1_000
MAX_APPROVALS = 1_000
TEXT_BUDGET = 32 * 1024 * 1024
"""Bytes of text that one trace may bring along; above it long texts are cut, and say so."""
_SHORT_TEXT = 2_000
_LOG_TEXT = 20_000
_COLUMNS = {
    "gen_ai.input.messages": "input_messages",
    "gen_ai.output.messages": "output_messages",
    "gen_ai.system_instructions": "system_instructions",
    "gen_ai.tool.call.arguments": "tool_arguments",
    "gen_ai.tool.call.result": "tool_result",
}
"""Texts that a span has a place of its own for; others are attributes."""


@dataclass(frozen=True, slots=True)
class TreeSpan:
    """A span of a trace's tree. `agent` is what the span itself says; `text_bytes` of content are stored with it;
    `duplicate` marks all but the first received copy.
    """

    span_id: str
    parent_span_id: str
    name: str
    start_ns: int
    duration_ns: int
    status: str
    service: str
    operation: str
    agent: str
    model: str
    tool: str
    input_tokens: int | None
    output_tokens: int | None
    text_bytes: int
    duplicate: bool = False
    facts: SpanFacts | None = None


_OF_THE_SPAN = [field.name for field in fields(TreeSpan) if field.name not in ("agent", "duplicate", "facts")]
"""What a row of either tree tells under the same name."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a trace lies; `spans` counts stored copies, `text_bytes` what their texts take."""

    start_ns: int
    end_ns: int
    spans: int
    text_bytes: int


def trace_tree(client: Client, org: str, trace_id: str, limit: int) -> list[TreeSpan]:
    """Up to `limit` spans of a trace by start, without their texts and attributes; empty if none is stored."""
    rows = run(client, "sealed_tree", org=org, trace_id=trace_id)
    came = rows[0]["came"] if rows else 0
    newest = _newest(rows)
    if not newest or sum(row["copies"] for row in newest) != came or came > len(newest):
        return _tree_of_rows(client, org, trace_id, limit)
    newest.sort(key=lambda row: (row["start_ns"], row["span_id"]))
    return [_tree_span(row) for row in newest[:limit]]


def get_trace(client: Client, org: str, trace_id: str, limit: int, beside: Client | None = None) -> TraceDetail | None:
    """A trace with up to `limit` spans, its logs and approvals; None if no span of it is stored. `beside`: another
    client, which is asked for what isn't in the spans' rows while those are read.
    """
    if not (where := _where(client, org, trace_id)):
        return None
    if beside is None or not where["spans"]:
        around = _around(client, where)
        spans = _spans(client, where, text=_most_text(around.extent.text_bytes), limit=limit) if around else []
    else:
        with ThreadPoolExecutor(1, "beside") as pool:
            asked = pool.submit(_around, beside, where)
            spans = _spans(client, where, text=_most_text(where["bytes"]), limit=limit)
            around = asked.result()
    if around is None:
        return None
    spans = _with_facts(spans, around.facts)
    return TraceDetail(around.figures, around.extent.spans, spans, *around.logs, around.decisions)


@dataclass(frozen=True, slots=True)
class _Around:
    """All of a trace but its spans. `facts` are empty where something came since it was sealed."""

    figures: TraceRow
    extent: Extent
    facts: Mapping[str, SpanFacts]
    logs: tuple[list[LogRow], int]
    decisions: list[ApprovalRow]


def _around(client: Client, where: Mapping[str, Any]) -> _Around | None:
    org, trace_id = where["org"], where["trace_id"]
    summary = sealed_trace(client, org, trace_id, where)
    extent = _extent(client, where, summary)
    if extent is None:
        return None
    if summary and _settled(summary, extent.spans):
        figures: TraceRow | None = summary
    else:
        figures = from_spans(client, org, [trace_id]).get(trace_id)
    if figures is None:
        return None
    facts = _facts(client, where)[1] if figures.sealed else {}
    logs = _logs(client, org, trace_id, extent)
    decisions = [ApprovalRow(**row) for row in run(client, "trace_approvals", **where, limit=MAX_APPROVALS)]
    if len(decisions) < MAX_APPROVALS:
        figures = replace(figures, approvals=sum(decision.kind == "approval" for decision in decisions))
    else:
        (figures,) = with_approvals(client, org, [figures])
    return _Around(figures, extent, facts, logs, decisions)


def _most_text(text_bytes: int) -> int:
    return WHOLE_TEXT if text_bytes <= TEXT_BUDGET else _SHORT_TEXT


def get_span(client: Client, org: str, trace_id: str, span_id: str) -> SpanRow | None:
    """The first received copy of a span with its texts whole; None if it isn't stored."""
    if not (where := _where(client, org, trace_id)):
        return None
    copies = _spans(client, where, text=WHOLE_TEXT, limit=10, span_id=span_id)
    first = [span for span in copies if not span.duplicate][:1]
    if first and (summary := sealed_trace(client, org, trace_id, where)):
        extent = _extent(client, where, summary)
        if extent and _settled(summary, extent.spans):
            first = _with_facts(first, _facts(client, where)[1])
    return first[0] if first else None


def _where(client: Client, org: str, trace_id: str) -> dict[str, Any]:
    """Which rows are the trace's; empty if there are none."""
    bounds = bounds_of(client, [trace_id])
    return {"org": org, "trace_id": trace_id, **bounds} if bounds else {}


def _extent(client: Client, where: Mapping[str, Any], summary: TraceRow | None) -> Extent | None:
    """From the seal, where it knows all that ever came in; else from the rows."""
    if summary and _settled(summary, where["spans"]):
        end = summary.start_ns + summary.duration_ns
        return Extent(summary.start_ns, end, where["spans"], where["bytes"])
    rows = run(client, "trace_extent", **where)
    return Extent(**rows[0]) if rows else None


def _settled(summary: TraceRow, rows: int) -> bool:
    """Whether nothing came since it was sealed: there are so many rows."""
    return summary.spans + summary.duplicates == rows


def _tree_of_rows(client: Client, org: str, trace_id: str, limit: int) -> list[TreeSpan]:
    """The same from all rows that are stored, whatever is sealed of them."""
    if not (where := _where(client, org, trace_id)):
        return []
    rows = run(client, "trace_tree", **where, limit=limit)
    seals, facts = _facts(client, where)
    settled = sum(seals.values()) == len(rows) or len(rows) == limit
    firsts = _firsts(rows)
    tree: list[TreeSpan] = []
    for number, row in enumerate(rows):
        first = firsts[row["span_id"]] == number
        known = facts.get(row["span_id"]) if settled and first else None
        tree.append(TreeSpan(**_own(row), duplicate=not first, facts=known))
    return tree


def _tree_span(row: dict[str, Any]) -> TreeSpan:
    """From a row of `sealed_tree`, which has what the span says and what it means."""
    return TreeSpan(**_own(row), facts=SpanFacts(**{field.name: row[field.name] for field in fields(SpanFacts)}))


def _own(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"agent": row["named_agent"], **{name: row[name] for name in _OF_THE_SPAN}}


def _newest(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the newest seal, without its number."""
    newest = max((row["seal"] for row in rows), default=0)
    return [row for row in rows if row.pop("seal") == newest]


def _facts(client: Client, where: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, SpanFacts]]:
    """Of the newest seal: how many copies each span had, and what it means."""
    copies: dict[str, int] = {}
    facts: dict[str, SpanFacts] = {}
    for row in _newest(run(client, "trace_facts", **where)):
        span_id = row.pop("span_id")
        copies[span_id] = row.pop("copies")
        facts[span_id] = SpanFacts(**row)
    return copies, facts


def _with_facts(spans: Sequence[SpanRow], facts: Mapping[str, SpanFacts]) -> list[SpanRow]:
    return [span if span.duplicate else replace(span, facts=facts.get(span.span_id)) for span in spans]


def _spans(client: Client, where: Mapping[str, Any], *, text: int, limit: int, span_id: str = "") -> list[SpanRow]:
    if text == WHOLE_TEXT:
        rows = run(client, "trace_spans", **where, limit=limit, span_id=span_id)
    else:
        rows = run(client, "trace_spans_cut", **where, limit=limit, span_id=span_id, text=text)
    here = {row["span_id"] for row in rows}
    if any(row["parent_span_id"] not in here for row in rows if row["parent_span_id"]) and (
        span_id or len(rows) == limit
    ):
        here = {row["span_id"] for row in run(client, "trace_span_ids", **where)}
    for row in rows:
        row["parent_missing"] = row["parent_span_id"] not in here and row["parent_span_id"] != ""
    texts = said(
        client, where["org"], [Refers(row.pop("day"), row["service"], row.pop("pieces")) for row in rows], text
    )
    firsts = _firsts(rows)
    duplicates = [firsts[row["span_id"]] != number for number, row in enumerate(rows)]
    return [
        _span(row, found, duplicate=duplicate) for row, found, duplicate in zip(rows, texts, duplicates, strict=True)
    ]


def _firsts(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Of each span the place of the copy that was received first."""
    firsts: dict[str, int] = {}
    for number, row in enumerate(rows):
        seen = rows[firsts.setdefault(row["span_id"], number)]
        if (row["received_ns"], row["request_id"]) < (seen["received_ns"], seen["request_id"]):
            firsts[row["span_id"]] = number
    return firsts


def _span(row: dict[str, Any], texts: Said, *, duplicate: bool) -> SpanRow:
    events = zip(*(row.pop(f"event_{part}") for part in ("times", "names", "attributes", "kinds")), strict=False)
    links = zip(*(row.pop(f"link_{part}") for part in ("trace_ids", "span_ids", "attributes", "kinds")), strict=False)
    attributes = dict(row.pop("attributes"))
    for name, text in texts.texts.items():
        if name in _COLUMNS:
            row[_COLUMNS[name]] = text
        else:
            attributes[name] = text
    shortened = row.pop("shortened") or texts.shortened
    return SpanRow(
        **row,
        attributes=attributes,
        shortened=shortened,
        texts_missing=texts.missing,
        events=[Event(*event) for event in events],
        links=[Link(*link) for link in links],
        duplicate=duplicate,
    )


def _logs(client: Client, org: str, trace_id: str, extent: Extent) -> tuple[list[LogRow], int]:
    """Log records, and how many there are."""
    rows = run(
        client,
        "trace_logs",
        org=org,
        trace_id=trace_id,
        start=extent.start_ns,
        end=extent.end_ns,
        text=_LOG_TEXT,
        limit=MAX_LOGS,
    )
    total = rows[0]["total"] if rows else 0
    refers = [Refers(row.pop("day"), row["service"], row.pop("pieces")) for row in rows]
    return [_log(row, found) for row, found in zip(rows, said(client, org, refers, _LOG_TEXT), strict=True)], total


def _log(row: dict[str, Any], texts: Said) -> LogRow:
    del row["total"]
    found = dict(texts.texts)
    body = found.pop("body", row.pop("body"))
    attributes = {**row.pop("attributes"), **found}
    shortened = row.pop("shortened") or texts.shortened
    return LogRow(**row, body=body, attributes=attributes, shortened=shortened, texts_missing=texts.missing)
