"""Facts: what people ask of a span, whatever vocabulary its sender speaks. The table is `facts.toml`.

From it come the columns of otel_traces, their defaults (for whoever inserts by column name, as the OpenTelemetry
ClickHouse exporter does) and what the view takes out of a span's attributes.

The view looks every attribute name up once, in one hash table (`transform`), and then finds each fact by a number:
a comparison of texts for every name of every fact would take longer than the parse.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from collector.store import messages
from collector.store.connection import StoreError
from collector.store.contents import Contents, literal

_TYPES = {
    "name": ("LowCardinality(String)", "ZSTD(1)"),
    "id": ("String", "ZSTD(1)"),
    "text": ("String", "ZSTD(3)"),
    "count": ("Nullable(UInt64)", "ZSTD(1)"),
    "money": ("Nullable(Decimal(38, 18))", "ZSTD(1)"),
}
_MOST = 32
"""Names in a group, at most."""
_CONTENT = 1
"""The number of names that no fact is told under, and that are content."""
_CONVERSION = {"count": "toUInt64OrNull({})", "money": "toDecimal128OrNull({}, 18)"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the table. Names are in order of preference; `on` holds those that count for one operation only."""

    column: str
    type: str
    names: tuple[str, ...]
    on: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resource: tuple[str, ...] = ()
    span_name: dict[str, str] = field(default_factory=dict)
    flattened: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)
    alias: bool = False
    moved: bool = False


def load() -> tuple[Fact, ...]:
    """The table. Raises `StoreError` naming the fact that can't be."""
    table = tomllib.loads(resources.files(__package__).joinpath("facts.toml").read_text())
    return tuple(_fact(column, row) for column, row in table.items())


def names_of(column: str) -> tuple[str, ...]:
    """The attribute names that tell a fact on any span."""
    return next(fact.names for fact in load() if fact.column == column)


def _fact(column: str, row: dict[str, Any]) -> Fact:
    known = {"type", "from", "on", "span_name", "flattened", "resource", "values", "alias", "moved"}
    if unknown := row.keys() - known:
        raise StoreError(
            f"facts.toml, {column}: {', '.join(sorted(unknown))} must be one of {', '.join(sorted(known))}"
        )
    if row.get("type") not in _TYPES:
        raise StoreError(f"facts.toml, {column}: type must be one of {', '.join(_TYPES)}")
    return Fact(
        column=column,
        type=row["type"],
        names=tuple(row["from"]),
        on={operation: tuple(names) for operation, names in row.get("on", {}).items()},
        span_name=row.get("span_name", {}),
        flattened=tuple(row.get("flattened", ())),
        resource=tuple(row.get("resource", ())),
        values=row.get("values", {}),
        alias=row.get("alias", False),
        moved=row.get("moved", False),
    )


Group = tuple[str, ...]
"""Names that are looked for together, in order of preference: the first that a span has is what counts."""


class Facts:
    """SQL made from the table."""

    def __init__(self, facts: tuple[Fact, ...], contents: Contents) -> None:
        self.facts = facts
        self._contents = contents
        self._found = tuple(fact for fact in facts if not fact.alias)
        listed = [names for fact in self._found for names in (fact.names, *fact.on.values(), fact.span_name.values())]
        uses = Counter(name for names in listed for name in names)
        # A name of two facts, and one whose text is moved, must be found by itself.
        self._alone = {name for name, count in uses.items() if count > 1} | {name for name, _ in self.moved}
        groups = dict.fromkeys(
            group for fact in self._found for names in (fact.names, *fact.on.values()) for group in self._groups(names)
        )
        self._number = {group: number for number, group in enumerate(groups, 1)}
        self._code = {
            name: number * _MOST + rank for group, number in self._number.items() for rank, name in enumerate(group)
        }
        for name in contents.names:
            self._code.setdefault(name, _CONTENT)

    @property
    def moved(self) -> list[tuple[str, str]]:
        """(attribute name, column) of the texts that are kept in their column alone, in the order of their bits."""
        return [(fact.names[0], fact.column) for fact in self.facts if fact.moved]

    @property
    def macros(self) -> dict[str, Callable[[str], str]]:
        """How the schema's files ask for this."""
        return {
            "fact_codes": self.codes,
            "fact_found": lambda arrays: self.found(*arrays.split(", ")),
            "fact_sorted": lambda _: self.sorted(),
            "fact_columns": lambda names: self.select(*names.split(", ")),
            "fact_contents": lambda names: self.told(*names.split(", ")),
            "fact_names": lambda _: ", ".join([*(fact.column for fact in self._found), "Moved"]),
            "fact_content_names": lambda _: self.content_names,
            "fact_arguments": self.arguments,
            "fact_alter": self.columns,
        }

    def codes(self, keys: str) -> str:
        """Terms of a SELECT: `codes`, which names are known, and `in_pieces`, if any is a piece of a message."""
        names = ", ".join(map(literal, self._code))
        numbers = ", ".join(map(str, self._code.values()))
        return (
            f"arrayMap(k -> transform(k, [{names}], [{numbers}], 0), {keys}) AS codes,\n"
            f"    arrayExists(k -> {self._contents.prefixed}, {keys}) AS in_pieces"
        )

    def found(self, keys: str, sent: str, texts: str) -> str:
        """Terms of a SELECT after `codes`. `sent` are the texts of the attributes, `texts` those after redaction.

        `known` and `known_at` are what was recognised and isn't empty, and where; `content` says of each attribute
        whether its text is kept in `contents`.
        """
        content = {self._code[name] for name in (*self._contents.names, *(name for name, _ in self.moved))}
        named = f"c IN ({', '.join(map(str, sorted(content)))})"
        return (
            f"{self._contents.kept(named, 'k, t, c', f'{keys}, {texts}, codes', 'in_pieces')} AS content,\n"
            f"    arrayFilter((c, t) -> c > {_CONTENT} AND t != '', codes, {sent}) AS known,\n"
            f"    arrayFilter((i, c, t) -> c > {_CONTENT} AND t != '', arrayEnumerate(codes), codes, {sent}) "
            "AS known_at"
        )

    def sorted(self) -> str:
        """Terms of a SELECT after `found`: `fact_groups` and `fact_at`, by group and then by preference."""
        return (
            "arraySort((i, c) -> c, known_at, known) AS fact_at,\n"
            f"    arrayMap(c -> intDiv(c, {_MOST}), arraySort(known)) AS fact_groups"
        )

    def select(self, name: str, keys: str, texts: str, resource: str) -> str:
        """Terms of a SELECT: every fact AS its column, the moved ones empty. `resource` is the resource's map."""
        bits = (f"{1 << bit} * ({self._has(name)})" for bit, (name, _) in enumerate(self.moved))
        empty = literal("")
        terms = [
            f"{empty if fact.moved else _value(fact, self._look_up, name, keys, texts, resource)} AS {fact.column}"
            for fact in self._found
        ]
        return ",\n    ".join([*terms, f"{' + '.join(bits)} AS Moved"])

    @property
    def content_names(self) -> str:
        """SQL for an Array(String): the names that content of facts goes by."""
        return f"[{', '.join(literal(name) for name, _ in self.moved)}]"

    def told(self, name: str, keys: str, texts: str, resource: str) -> str:
        """SQL for an Array(String): the moved facts' texts where they were told under other names than their first."""

        def listed(in_pieces: str) -> str:
            moved = [fact for fact in self._found if fact.moved]
            values = [_value(fact, self._look_up, name, keys, texts, resource, in_pieces) for fact in moved]
            named = [self._has(fact.names[0]) for fact in moved]
            told = [f"if({has}, '', {value})" for has, value in zip(named, values, strict=True)]
            return f"[{', '.join(told)}]"

        # One question for all: each takes a copy of all texts along.
        return f"if(in_pieces, {listed('1')}, {listed('')})"

    def arguments(self, sent: str) -> str:
        """SQL for a tool call's arguments as they were sent."""
        fact = next(fact for fact in self.facts if fact.column == "ToolArguments")
        return _value(fact, lambda names: self._look_up(names, sent), "''", "keys", sent, "''")

    def _has(self, name: str) -> str:
        return f"{self._look_up((name,))[0]} != ''"

    def _look_up(self, names: Group, texts: str = "texts") -> list[str]:
        return [f"{texts}[fact_at[indexOf(fact_groups, {self._number[group]})]]" for group in self._groups(names)]

    def columns(self, verb: str) -> str:
        """Terms of an ALTER TABLE: `verb` (ADD COLUMN …, MODIFY COLUMN) with every column's type, default and codec."""

        def look_up(names: Group) -> list[str]:
            return [f"SpanAttributes[{literal(name)}]" for name in names]

        terms: list[str] = []
        for fact in self.facts:
            kind, codec = _TYPES[fact.type]
            span = "SpanName", "mapKeys(SpanAttributes)", "mapValues(SpanAttributes)"
            value = _value(fact, look_up, *span, "ResourceAttributes", in_pieces="1")
            how = f"ALIAS {value}" if fact.alias else f"DEFAULT {value} CODEC({codec})"
            terms.append(f"{verb} {fact.column} {kind} {how}")
        # Rows that were there before the column came by the view, with a batch, and had no other names for these texts.
        bits = (
            f"{1 << bit} * (BatchId != '' AND {column} != '' AND SpanAttributes[{literal(name)}] = '')"
            for bit, (name, column) in enumerate(self.moved)
        )
        terms.append(f"{verb} Moved UInt8 DEFAULT {' + '.join(bits)} CODEC(ZSTD(1))")
        return ",\n    ".join(terms)

    def _groups(self, names: Group) -> list[Group]:
        found: list[Group] = []
        for name in names:
            if found and name not in self._alone and found[-1][-1] not in self._alone:
                found[-1] = (*found[-1], name)
            else:
                found.append((name,))
        return found


def _value(
    fact: Fact,
    look_up: Callable[[Group], list[str]],
    name: str,
    keys: str,
    texts: str,
    resource: str,
    in_pieces: str = "in_pieces",
) -> str:
    candidates = look_up(fact.names)
    for operation, names in fact.on.items():
        candidates.append(f"if(Operation = {literal(operation)}, {_first(look_up(names))}, '')")
    for operation, told_by in fact.span_name.items():
        (teller,) = look_up((told_by,))
        candidates.append(f"if(Operation = {literal(operation)} AND {teller} != '', {name}, '')")
    if in_pieces:
        candidates += [f"if({in_pieces}, {messages.joined(keys, texts, prefix)}, '')" for prefix in fact.flattened]
    candidates += [f"{resource}[{literal(name)}]" for name in fact.resource]
    text = _first(candidates)
    if fact.values:
        words = (", ".join(map(literal, side)) for side in (fact.values, fact.values.values()))
        text = "transform(lower({0}), [{1}], [{2}], lower({0}))".format(text, *words)
    return _CONVERSION.get(fact.type, "{}").format(text)


def _first(texts: list[str]) -> str:
    """SQL for the first text that isn't empty."""
    return texts[0] if len(texts) == 1 else f"firstNonDefault({', '.join(texts)})"
