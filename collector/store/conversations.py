"""A conversation: its traces, and what was said in them, each message once.

Agents send the whole conversation again with every call. A message counts as said before if one like it stood in an
earlier call, as often as that call had it: who says the same twice is heard twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.store.reads import run
from collector.store.rows import TraceRow
from collector.store.texts import Refers, said
from collector.store.trace_list import bounds_of, figures, waiting_traces, with_approvals

_MOST_TRACES = 500
_ALONE = {"finish_reason", "id"}
"""Members of a message that say nothing about what was said."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as JSON, by the model call in which it first stood. `said_by_model`: it is the call's answer.

    `role` is empty where the sender wrote no list of messages: `json` is its text then.
    """

    trace_id: str
    span_id: str
    time_ns: int
    agent: str
    model: str
    said_by_model: bool
    role: str
    json: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """`calls` were read, by start; there are more if `more`. Of `calls_missing` a text is gone: retention removed
    it.
    """

    traces: Sequence[TraceRow]
    messages: Sequence[Message]
    calls: int
    calls_missing: int
    more: bool


def conversation(
    client: Client, org: str, conversation_id: str, since_ns: int, until_ns: int, *, limit: int = 500
) -> Conversation | None:
    """What of it happened in [since, until), by time; up to `limit` model calls. None if nothing did. Raises
    `ReadError`.
    """
    waiting = waiting_traces(client, org)
    found = run(
        client,
        "conversation_traces",
        org=org,
        conversation=conversation_id,
        since=since_ns,
        until=until_ns,
        waiting_since=max(since_ns, waiting.start_ns) if waiting.traces else until_ns,
        limit=_MOST_TRACES,
    )
    ids = [row["trace_id"] for row in found]
    if not ids:
        return None
    asked: dict[str, Any] = {"conversation": conversation_id, "trace_ids": ids, "limit": limit + 1}
    calls = run(client, "conversation_calls", org=org, **asked, **bounds_of(client, ids))
    traces = sorted(figures(client, org, ids).values(), key=lambda row: (row.start_ns, row.trace_id))
    read = calls[:limit]
    heard, missing = _heard(client, org, read)
    return Conversation(with_approvals(client, org, traces), heard, len(read), missing, len(calls) > limit)


def _heard(client: Client, org: str, calls: Sequence[dict[str, Any]]) -> tuple[list[Message], int]:
    texts = _Texts(client, org, calls)
    messages: list[Message] = []
    said_before: Counter[str] = Counter()
    missing = 0
    for number, call in enumerate(calls):
        here: Counter[str] = Counter()
        gone = False
        for name in ("input", "output"):
            found = texts.of(number, name)
            gone |= found is None
            for key, role, text in found or ():
                here[key] += 1
                if here[key] > said_before[key]:
                    by_model = name == "output"
                    at = call["start_ns"] + (call["duration_ns"] if by_model else 0)
                    who = (call["trace_id"], call["span_id"], at, call["agent"], call["model"])
                    messages.append(Message(*who, by_model, role, text))
        missing += gone
        said_before |= here
    return messages, missing


_Parsed = tuple[str, str, str]
"""What tells a message from others, its role, its JSON."""


class _Texts:
    """The calls' messages. Pieces that many calls share are read and parsed once."""

    def __init__(self, client: Client, org: str, calls: Sequence[Mapping[str, Any]]) -> None:
        self._calls = calls
        pieces = {
            (call["day"], call["service"], piece)
            for call in calls
            for name in ("input", "output")
            for piece in call[f"{name}_pieces"]
        }
        keys = sorted(pieces)
        found = said(client, org, [Refers(day, service, {"": [piece]}) for day, service, piece in keys])
        self._text = {key: row.texts[""] for key, row in zip(keys, found, strict=True) if "" in row.texts}
        self._parsed: dict[Any, list[_Parsed] | None] = {}

    def of(self, number: int, name: str) -> list[_Parsed] | None:
        """The messages of a call's text; None if a piece of it is gone."""
        call = self._calls[number]
        keys = [(call["day"], call["service"], piece) for piece in call[f"{name}_pieces"]]
        if not keys:
            return list(_messages(call[f"{name}_messages"]))
        if not all(key in self._text for key in keys):
            return None
        parts = [self._piece(key) for key in keys]
        if any(part is None for part in parts):
            return list(_messages("".join(self._text[key] for key in keys)))
        return [message for part in parts for message in part or ()]

    def _piece(self, key: Any) -> list[_Parsed] | None:
        """A piece's messages, if it is whole ones: a list is cut where a message begins."""
        if key not in self._parsed:
            inside = self._text[key].strip().removeprefix("[").removeprefix(",").removesuffix("]")
            try:
                value = json.loads(f"[{inside}]")
            except ValueError:
                self._parsed[key] = None
            else:
                self._parsed[key] = [_message(item) for item in value]
        return self._parsed[key]


def _messages(text: str) -> Iterator[_Parsed]:
    if not text:
        return
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, list):
        yield from map(_message, value)
    else:
        yield text, "", text


def _message(value: object) -> _Parsed:
    text = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict):
        return text, "", text
    key = json.dumps({k: v for k, v in value.items() if k not in _ALONE}, sort_keys=True)
    return key, str(value.get("role", "")), text
