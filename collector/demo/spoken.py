"""What agents say, at the size of real traffic: every message its own, and each call sends again what went before."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from hashlib import sha256

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_CONTENT = (
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
)
_INSTRUCTIONS = (
    "You answer customers of an insurer. Quote the policy by number, never promise what a person has to approve."
)
_SAID = (
    "The claim {ref} was filed after the storm; the adjuster asks for photographs of the roof and for the receipt of "
    "the emergency repair before anything is paid.",
    "Under {ref} water damage is covered from the second day on, less the deductible of the household contract, so "
    "that roughly two thirds of the invoice remain.",
    "I looked at {ref} again: the customer wrote twice, the first letter names the wrong date, and the second one "
    "was never answered by the branch office.",
)
_TURNS = 4
"""Messages of its past that a call sends again."""


def speak(spans: Iterable[Span]) -> None:
    """Give the spans of a trace, parents before children, texts in which each reference is a place to fill in."""
    past: deque[dict[str, object]] = deque(maxlen=_TURNS)
    for number, span in enumerate(spans):
        keys = {attribute.key for attribute in span.attributes if attribute.key in _CONTENT}
        if not keys:
            continue
        said = _said(span, number)
        if "gen_ai.input.messages" in keys:
            past.append({"role": "user", "parts": [{"type": "text", "content": said[0]}]})
        answer: dict[str, object] = {
            "role": "assistant",
            "parts": [{"type": "text", "content": said[1]}],
            "finish_reason": "stop",
        }
        texts = {
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": _INSTRUCTIONS}]),
            "gen_ai.input.messages": json.dumps(list(past)),
            "gen_ai.output.messages": json.dumps([answer]),
            "gen_ai.tool.call.arguments": json.dumps({"claim": _reference(span, "arguments"), "limit": 20}),
            "gen_ai.tool.call.result": json.dumps({"found": said[2]}),
        }
        if "gen_ai.output.messages" in keys:
            past.append(answer)
        kept = [
            attribute if attribute.key not in keys else _text(attribute.key, texts[attribute.key])
            for attribute in (KeyValue.FromString(attribute.SerializeToString()) for attribute in span.attributes)
        ]
        del span.attributes[:]
        span.attributes.extend(kept)


def _said(span: Span, number: int) -> list[str]:
    return [
        _SAID[(number + at) % len(_SAID)].format(ref=_reference(span, what))
        for at, what in enumerate(("asked", "answered", "found"))
    ]


def _reference(span: Span, what: str) -> str:
    """Digits that nothing else has: they are replaced alike wherever they stand."""
    return "ref-" + sha256(span.trace_id + span.span_id + what.encode()).hexdigest()[:10]


def _text(key: str, text: str) -> KeyValue:
    attribute = KeyValue(key=key)
    attribute.value.string_value = text
    return attribute
