"""The span panel: what one span did, said and returned, and who sent it."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence

import streamlit as st

from dashboards import api, words
from dashboards.figures import ICON
from dashboards.views import parts
from dashboards.waterfall import Node
from inventory import contract

_METHODS = {
    "token": "verified by its ingest token",
    "mtls": "verified by its client certificate",
    "oidc": "verified by its identity provider's token",
    "asserted": "asserted by a gateway, which was verified",
    "none": "not verified: anyone on this machine could have sent it",
}
_CONVENTIONS = {
    "claude_code": "Claude Code",
    "microsoft": "Microsoft",
    "openinference": "OpenInference",
    "pydantic_ai": "Pydantic AI",
}
_UNPRICED = {
    "MODEL": "no price is known for this model",
    "TOKENS": "it did not report tokens that are charged",
    "IMPLAUSIBLE": "its token counts can't be right",
    "AMBIGUOUS": "its token counts overlap, by how much wasn't reported",
    "UNITS": "the model is charged by something that calls don't report",
}
_TEXTS = {
    "system_instructions": "System instructions",
    "input_messages": "Input",
    "output_messages": "Output",
    "tool_arguments": "Tool arguments",
    "tool_result": "Tool result",
}


def panel(trace_id: str, node: Node, approvals: Sequence[contract.Approval]) -> None:
    """Everything about one span; texts that were cut in the trace are read whole."""
    span = node.span
    if span.shortened:
        span = api.shown("The whole text", lambda: api.span(trace_id, span.span_id)) or span
    with st.container(border=True):
        st.html(
            f"<div class='muster-key'><span>{ICON[node.role]} {node.role.value}</span>"
            f"<span>{'✕ error' if node.failed else '✓ no error'}</span></div>"
        )
        st.subheader(words.shorter(span.name or "(no name)", 90), anchor=False)
        if node.failed:
            st.error(span.status_message or span.error_type or "The span says no more than that it failed.")
        _facts(node, span)
        tabs = st.tabs(["Content", "Attributes", f"Events ({len(span.events)})", "Sender"])
        with tabs[0]:
            _content(span)
            mine = [approval for approval in approvals if approval.span_id == span.span_id]
            if mine:
                st.markdown("**Approvals**")
                for approval in mine:
                    decision(approval)
        with tabs[1]:
            _attributes("Span", span.attributes, span.attribute_kinds)
            _attributes("Resource", span.resource_attributes, span.resource_attribute_kinds)
            _attributes(f"Scope {span.scope_name} {span.scope_version}".rstrip(), span.scope_attributes, {})
        with tabs[2]:
            _events(span, node)
        with tabs[3]:
            _sender(span)


def decision(approval: contract.Approval) -> None:
    """One approval in a sentence, then its facts."""
    icon = {"approved": "✓", "denied": "✕"}.get(approval.decision, "○")
    who = f" by {approval.approver}" if approval.approver else ""
    said = approval.decision or approval.verdict or "no decision said"
    with st.container(border=True):
        st.markdown(f"**{icon} {words.shorter(said, 200)}**{who}" + (" (guardrail)" * (approval.kind == "guardrail")))
        changed = approval.arguments_digest != approval.shown_digest and approval.shown_digest
        if changed:
            st.warning("What was carried out differs from what the approver was shown.", icon=":material/difference:")
        parts.facts(
            [
                ("Policy", f"{approval.policy_id} {approval.policy_version}".strip()),
                ("Tool", approval.tool),
                ("Verdict", approval.verdict if approval.verdict != said else ""),
                ("Reason", approval.reason),
                ("Enforced", approval.enforced),
                ("Asked", approval.requested_at),
                ("Decided", approval.decided_at),
                ("Approval", approval.approval_id),
                ("Reported by", _reporter(approval)),
            ],
            mono=frozenset({"Approval"}),
        )


def _reporter(approval: contract.Approval) -> str:
    how = approval.source.replace("_", " ")
    words_of = (
        ""
        if approval.convention == "muster"
        else f", in the words of {_CONVENTIONS.get(approval.convention, approval.convention)}"
    )
    return f"{approval.service} ({how}{words_of})"


def pretty(text: str) -> tuple[str, bool]:
    """JSON laid out for people, and whether it was JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return text, False
    if not isinstance(value, dict | list):
        return text, False
    return json.dumps(value, indent=2, ensure_ascii=False), True


def messages(text: str) -> list[tuple[str, str]]:
    """(role, text) of GenAI messages; empty if it isn't a list of those."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    if not isinstance(value, list):
        return []
    found: list[tuple[str, str]] = []
    for message in value:
        if not isinstance(message, dict):
            return []
        content = message.get("parts", message.get("content"))
        pieces = content if isinstance(content, list) else [message if content is None else content]
        found.append((str(message.get("role", "")), "\n\n".join(_piece(piece) for piece in pieces)))
    return found


def _piece(piece: object) -> str:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, dict):
        for key in ("content", "text"):
            if isinstance(piece.get(key), str):
                return str(piece[key])
    return json.dumps(piece, indent=2, ensure_ascii=False)


def _facts(node: Node, span: contract.Span) -> None:
    zone = parts.reader_zone()
    parts.facts(
        [
            ("Started", words.moment(span.start, zone)),
            ("Offset", f"+{words.duration(node.offset)}"),
            ("Duration", words.duration(span.duration_ns)),
            ("Own time", f"{words.duration(node.own)} outside its children" if node.children else ""),
            ("Error type", span.error_type),
            ("Agent", f"{span.agent} {span.agent_version}".strip()),
            ("Workflow", span.workflow),
            ("Service", span.service),
            ("Model", " / ".join(part for part in (span.provider, span.model) if part)),
            ("Asked for", span.request_model if span.request_model != span.model else ""),
            ("Service tier", span.service_tier),
            ("Tokens", _tokens(span)),
            ("Cost", _cost(span.facts)),
            ("With all below", _bill(node) if node.children else ""),
            ("Tool", span.tool),
            ("Outcome", span.outcome),
            ("Requested by", span.requester),
            ("Conversation", span.conversation_id),
            ("Release", span.release_id),
            ("Span", span.span_id),
            ("Parent", f"{span.parent_span_id} (not stored)" if span.parent_missing else span.parent_span_id),
        ],
        mono=frozenset({"Span", "Parent", "Release", "Conversation"}),
    )
    if span.sent_times:
        st.warning("Its times as sent can't be true; the time of receipt stands in for them.")


def _tokens(span: contract.Span) -> str:
    if span.input_tokens is None and span.output_tokens is None:
        return ""
    asked, given = f"{words.count(span.input_tokens)} in", f"{words.count(span.output_tokens)} out"
    parts_in = [(span.cache_read_tokens, "read from cache"), (span.cache_write_tokens, "written to cache")]
    return f"{asked}{_of_which(parts_in)}, {given}{_of_which([(span.reasoning_tokens, 'reasoning')])}"


def _cost(facts: contract.SpanFacts | None) -> str:
    if facts is None or not facts.call:
        return ""
    if facts.cost is None:
        return f"unpriced: {_UNPRICED.get(facts.unpriced, facts.unpriced.lower())}"
    tier = "; its service tier has no price of its own" if facts.tier_unknown else ""
    beside = f"; not counted: {facts.not_counted}" if facts.not_counted else ""
    return f"{words.money(facts.cost)}{tier}{beside}"


def _bill(node: Node) -> str:
    cost, unpriced = node.bill()
    return "" if cost is None and not unpriced else words.bill(cost, unpriced)


def _of_which(counted: Sequence[tuple[int | None, str]]) -> str:
    said = ", ".join(f"{words.count(number)} {what}" for number, what in counted if number)
    return f" ({said})" if said else ""


def _content(span: contract.Span) -> None:
    found = False
    for name, title in _TEXTS.items():
        text: str = getattr(span, name)
        if not text:
            continue
        found = True
        st.markdown(f"**{title}**")
        said = messages(text) if name.endswith("messages") or name == "system_instructions" else []
        if said:
            for role, words_ in said:
                if role:
                    st.caption(role)
                st.code(words_, language=None, wrap_lines=True)
        else:
            laid_out, is_json = pretty(text)
            st.code(laid_out, language="json" if is_json else None, wrap_lines=True)
    if span.texts_missing:
        st.info(f"Removed by retention: {', '.join(span.texts_missing)}.", icon=":material/auto_delete:")
    elif not found:
        st.caption(
            "No messages, tool arguments or results. Instrumentations record them when content capture is on "
            "(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT)."
        )


def _attributes(title: str, values: Mapping[str, str], kinds: Mapping[str, contract.Kind]) -> None:
    if not values:
        return
    st.markdown(f"**{title}**")
    items = "".join(
        f"<dt>{html.escape(key)}</dt><dd class=mono>{html.escape(words.shorter(value, 4_000))}"
        f"<span class=kind>{kinds.get(key, 'string')}</span></dd>"
        for key, value in sorted(values.items())
    )
    st.html(f"<dl class='muster-facts'>{items}</dl>")


def _events(span: contract.Span, node: Node) -> None:
    if not span.events:
        st.caption("No events.")
    for event in span.events:
        after = int(event.time_ns) - int(span.start_ns) + node.offset
        st.markdown(f"**{words.shorter(event.name, 80) or '(no name)'}**")
        st.caption(f"+{words.duration(after)} into the trace" if after >= 0 else "before the trace began")
        stack = event.attributes.get("exception.stacktrace", "")
        rest = {key: value for key, value in event.attributes.items() if key != "exception.stacktrace"}
        parts.facts(sorted(rest.items()))
        if stack:
            st.code(stack, language=None, wrap_lines=True)


def _sender(span: contract.Span) -> None:
    stamp, zone = span.stamp, parts.reader_zone()
    parts.facts(
        [
            ("Sent by", stamp.identity or "unknown"),
            ("Which is", _METHODS.get(stamp.method, stamp.method)),
            ("Organisation", stamp.org),
            ("Received", words.moment(stamp.received, zone)),
            ("Request", stamp.request_id),
            ("Batch", stamp.batch_id),
        ],
        mono=frozenset({"Request", "Batch"}),
    )
    st.caption("Stamped by the collector on receipt. Everything else about a span is what its sender claims.")
