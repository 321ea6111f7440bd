"""What is left of telemetry for whoever may not read its content: everything but what people and models said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from collector.store.contents import load
from inventory import contract
from inventory.contract import figures

MASK: Final = "[masked: needs content:read]"
_TEXTS: Final = ("system_instructions", "input_messages", "output_messages", "tool_arguments", "tool_result")
_HARMLESS: Final = ("exception.type", "exception.escaped")

_contents: Final = cache(load)
"""Which attributes are content: what the collector keeps apart as such."""

Visible = Callable[[contract.Span], bool]
"""Whether the content of a span may be seen."""


def trace(detail: contract.TraceDetail, visible: Visible) -> contract.TraceDetail:
    """The same trace, with content only where it may be seen; logs and reasons go with their spans."""
    seen = {span.span_id: visible(span) for span in detail.spans}
    return detail.model_copy(
        update={
            "spans": [span if seen[span.span_id] else masked(span) for span in detail.spans],
            "logs": [log if seen.get(log.span_id, False) else _log(log) for log in detail.logs],
            "approvals": [
                one if seen.get(one.span_id, False) else one.model_copy(update={"reason": _masked(one.reason)})
                for one in detail.approvals
            ],
        }
    )


def masked(span: contract.Span) -> contract.Span:
    """A span without its content: how long it took, what it cost and whether it failed stay."""
    return span.model_copy(
        update={
            **{name: _masked(getattr(span, name)) for name in _TEXTS},
            "status_message": _masked(span.status_message),
            "attributes": _attributes(span.attributes),
            "events": [
                event.model_copy(
                    update={
                        "attributes": {
                            name: value if name in _HARMLESS else MASK for name, value in event.attributes.items()
                        }
                    }
                )
                for event in span.events
            ],
            "links": [link.model_copy(update={"attributes": _attributes(link.attributes)}) for link in span.links],
        }
    )


def conversation(found: figures.Conversation) -> figures.Conversation:
    """Who spoke when, and not what."""
    messages = [message.model_copy(update={"json_text": MASK}) for message in found.messages]
    return found.model_copy(update={"messages": messages})


def _log(log: contract.Log) -> contract.Log:
    attributes = dict.fromkeys(log.attributes, MASK)
    return log.model_copy(update={"body": _masked(log.body), "attributes": attributes})


def _attributes(given: Mapping[str, str]) -> dict[str, str]:
    said = _contents()
    return {
        name: MASK
        if name in said.names or name.startswith(said.prefixes) or len(value.encode()) >= said.long
        else value
        for name, value in given.items()
    }


def _masked(text: str) -> str:
    return MASK if text else text
