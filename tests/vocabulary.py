"""What `facts.toml` means, worked out in plain Python: the SQL made from that table has to agree."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import collector.store

TABLE: dict[str, dict[str, Any]] = tomllib.loads((Path(collector.store.__path__[0]) / "facts.toml").read_text())

Value = str | int | Decimal | None


def facts_of(name: str, attributes: Mapping[str, str], resource: Mapping[str, str]) -> dict[str, Value]:
    """Every fact of a span by its column, from its name, the texts of its attributes and of its resource's."""
    facts: dict[str, Value] = {}
    for column, row in TABLE.items():
        candidates = [attributes.get(key, "") for key in row["from"]]
        for operation, names in row.get("on", {}).items():
            if facts["Operation"] == operation:
                candidates += [attributes.get(key, "") for key in names]
        for operation, teller in row.get("span_name", {}).items():
            if facts["Operation"] == operation and attributes.get(teller):
                candidates.append(name)
        candidates += [messages_of(attributes, prefix) for prefix in row.get("flattened", ())]
        candidates += [resource.get(key, "") for key in row.get("resource", ())]
        text = next(filter(None, candidates), "")
        if words := row.get("values"):
            text = words.get(text.lower(), text.lower())
        facts[column] = _value(row["type"], text)
    return facts


def messages_of(attributes: Mapping[str, str], prefix: str) -> str:
    """The JSON text of messages written as an attribute for every piece; empty where there are none."""
    said: dict[int, dict[str, str]] = {}
    for key, text in attributes.items():
        if found := re.match(re.escape(prefix) + r"(\d+)\.(?:message\.)?(.*)", key):
            said.setdefault(int(found[1]), {})
            if text:
                said[int(found[1])][found[2]] = text
    messages = [_message(pieces) for _, pieces in sorted(said.items()) if pieces]
    return json.dumps(messages) if said else ""


def _message(pieces: dict[str, str]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for name, text in pieces.items():
        if name == "content" and "tool_call_id" in pieces:
            parts.append({"type": "tool_call_response", "id": pieces["tool_call_id"], "response": text})
        elif name == "content" or re.fullmatch(r"contents\.\d+\.message_content\.text", name):
            parts.append({"type": "text", "content": text})
        elif call := re.fullmatch(r"(tool_calls\.\d+\.(?:tool_call\.)?)((?:function\.)?)name", name):
            arguments = pieces.get(f"{call[1]}{call[2]}arguments", "")
            try:
                value = json.loads(arguments)
            except ValueError:
                value = arguments
            parts.append({"type": "tool_call", "id": pieces.get(f"{call[1]}id", ""), "name": text, "arguments": value})
    finish = {"finish_reason": pieces["finish_reason"]} if "finish_reason" in pieces else {}
    return {"role": pieces.get("role", ""), "parts": parts, **finish}


def alike(value: Value) -> Any:
    """For a comparison: JSON texts as what they say."""
    try:
        return json.loads(value) if isinstance(value, str) and value.startswith("[") else value
    except ValueError:
        return value


def _value(kind: str, text: str) -> Value:
    if kind == "count":
        return int(text) if text.isascii() and text.isdigit() and int(text) < 1 << 64 else None
    if kind == "money":
        try:
            return Decimal(text).quantize(Decimal(1).scaleb(-18), context=Context(prec=38)) if text else None
        except InvalidOperation:
            return None
    return text
