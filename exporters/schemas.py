"""JSON Schemas of a package's files: of rows made from the engine's types, of documents written here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Final = {"type": "string"}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_SHA: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_OBJECT: Final = {"type": "object"}
_LIST: Final = {"type": "array", "items": _OBJECT}


def of_rows(table: str, columns: Mapping[str, str]) -> dict[str, Any]:
    """One line of a file with this table's rows. 64-bit integers and decimals are texts: JSON's numbers lose digits."""
    return {
        "$schema": _DIALECT,
        "title": table,
        "type": "object",
        "properties": {name: _of(kind) for name, kind in columns.items()},
        "required": list(columns),
        "additionalProperties": False,
    }


def _document(title: str, **properties: Any) -> dict[str, Any]:
    return {
        "$schema": _DIALECT, "title": title, "type": "object", "properties": properties, "required": list(properties),
    }  # fmt: skip


DOCUMENTS: Final[Mapping[str, dict[str, Any]]] = {
    "agent": _document("the registry's entry at the cutoff", id=_TEXT, at=_MOMENT, entry=_OBJECT, history=_LIST),
    "release": _document("a release with its parts", id=_TEXT, agent=_TEXT, number={"type": "integer"}, parts=_LIST),
    "lifecycle": _document("a case of the lifecycle", case=_OBJECT, events=_LIST, steps=_LIST, notices=_LIST,
                           requests=_LIST),
    "findings": _document("what a finding found in a trace", Finding=_TEXT, Key=_TEXT, Agent=_TEXT, TraceId=_TEXT,
                          SpanId=_TEXT, At=_MOMENT, Details=_OBJECT, FoundAt=_MOMENT),
    "approvals_on_record": _document("an approval, with who decided", id=_TEXT, agent=_TEXT, state=_TEXT, tool=_TEXT,
                                     arguments=_TEXT, arguments_digest=_TEXT, requested_at=_MOMENT,
                                     expires_at=_MOMENT, decided_at={}, decided_by={}),
    "retention": _document("how long this is kept", schedule={}, holds=_LIST, locked_until={}, mode=_TEXT,
                           disposition=_TEXT, cutoff=_MOMENT),
    "redactions": _document("what was replaced before it was stored", rules=_LIST),
}  # fmt: skip
CHAIN: Final = _document(
    "the place in the chain of packages", organisation=_TEXT, sequence={"type": "integer", "minimum": 1},
    package=_TEXT, previous={},
)  # fmt: skip


def _of(kind: str) -> dict[str, Any]:
    name, inner = _parsed(kind)
    if name in ("LowCardinality", "SimpleAggregateFunction"):
        return _of(inner[-1])
    if name == "Nullable":
        return {"anyOf": [_of(inner[0]), {"type": "null"}]}
    if name == "Array":
        return {"type": "array", "items": _of(inner[0])}
    if name == "Map":
        return {"type": "object", "additionalProperties": _of(inner[1])}
    if name in ("UInt64", "Int64", "UInt128", "Int128", "UInt256", "Int256"):
        return {"type": "string", "pattern": "^-?[0-9]+$"}
    if name.startswith(("UInt", "Int")):
        return {"type": "integer"}
    if name.startswith("Float"):
        return {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}
    if name.startswith("Decimal"):
        return {"type": "string", "pattern": "^-?[0-9]+([.][0-9]+)?$"}
    if name == "Bool":
        return {"type": "boolean"}
    if name.startswith("DateTime"):
        return _MOMENT
    return {"type": "string", "format": "date"} if name.startswith("Date") else _TEXT


def _parsed(kind: str) -> tuple[str, list[str]]:
    """A type's name and what stands between its brackets."""
    name, bracket, rest = kind.partition("(")
    if not bracket:
        return name, []
    parts, depth, start = [], 0, 0
    body = rest[:-1]
    for place, sign in enumerate(body):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append(body[start:place].strip())
            start = place + 1
    return name, [*parts, body[start:].strip()]
