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

_TYPES = {
    "name": ("LowCardinality(String)", "ZSTD(1)"),
    "id": ("String", "ZSTD(1)"),
    "text": ("String", "ZSTD(3)"),
    "count": ("Nullable(UInt64)", "ZSTD(1)"),
    "money": ("Nullable(Decimal(38, 18))", "ZSTD(1)"),
}
_MOST = 32
"""Names in a group, at most."""
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

    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self.facts = facts
        self._stored = tuple(fact for fact in facts if not fact.alias)
        listed = [names for fact in self._stored for names in (fact.names, *fact.on.values(), fact.span_name.values())]
        uses = Counter(name for names in listed for name in names)
        # A name of two facts, and one whose text is moved, must be found by itself.
        self._alone = {name for name, count in uses.items() if count > 1} | {name for name, _ in self.moved}
        groups = dict.fromkeys(
            group for fact in self._stored for names in (fact.names, *fact.on.values()) for group in self._groups(names)
        )
        self._number = {group: number for number, group in enumerate(groups, 1)}
        self._code = {
            name: number * _MOST + rank for group, number in self._number.items() for rank, name in enumerate(group)
        }

    @property
    def moved(self) -> list[tuple[str, str]]:
        """(attribute name, column) of the texts that are kept in their column alone, in the order of their bits."""
        return [(fact.names[0], fact.column) for fact in self.facts if fact.moved]

    @property
    def macros(self) -> dict[str, Callable[[str], str]]:
        """How the schema's files ask for this."""
        return {
            "fact_terms": lambda arrays: self.terms(*arrays.split(", ")),
            "fact_columns": lambda names: self.select(*names.split(", ")),
            "fact_alter": self.columns,
        }

    def terms(self, keys: str, texts: str) -> str:
        """Terms of a WITH clause. `keys` and `texts` are the arrays of a span's attributes.

        `fact_groups` and `fact_texts` are what was recognised and isn't empty, by group and then by preference;
        `kept` says of each attribute whether it stays in SpanAttributes.
        """
        names = ", ".join(map(_literal, self._code))
        numbers = ", ".join(map(str, self._code.values()))
        moved = ", ".join(str(self._code[name]) for name, _ in self.moved)
        return (
            f"arrayMap(k -> transform(k, [{names}], [{numbers}], 0), {keys}) AS codes,\n"
            f"    arrayMap((c, t) -> NOT (c IN ({moved}) AND t != ''), codes, {texts}) AS kept,\n"
            f"    arrayFilter((c, t) -> c != 0 AND t != '', codes, {texts}) AS known,\n"
            f"    arrayFilter((t, c) -> c != 0 AND t != '', {texts}, codes) AS known_texts,\n"
            "    arraySort((t, c) -> c, known_texts, known) AS fact_texts,\n"
            f"    arrayMap(c -> intDiv(c, {_MOST}), arraySort(known)) AS fact_groups"
        )

    def select(self, name: str, keys: str, texts: str, resource: str) -> str:
        """Terms of a SELECT: every fact AS its column. `resource` is the map of the resource's attributes."""

        def look_up(names: Group) -> list[str]:
            return [f"fact_texts[indexOf(fact_groups, {self._number[group]})]" for group in self._groups(names)]

        bits = (f"{1 << bit} * has(fact_groups, {self._number[name,]})" for bit, (name, _) in enumerate(self.moved))
        return ",\n    ".join(
            [f"{_value(fact, look_up, name, keys, texts, resource)} AS {fact.column}" for fact in self._stored]
            + [f"{' + '.join(bits)} AS Moved"]
        )

    def columns(self, verb: str) -> str:
        """Terms of an ALTER TABLE: `verb` (ADD COLUMN …, MODIFY COLUMN) with every column's type, default and codec."""

        def look_up(names: Group) -> list[str]:
            return [f"SpanAttributes[{_literal(name)}]" for name in names]

        terms: list[str] = []
        for fact in self.facts:
            kind, codec = _TYPES[fact.type]
            span = "SpanName", "mapKeys(SpanAttributes)", "mapValues(SpanAttributes)"
            value = _value(fact, look_up, *span, "ResourceAttributes")
            how = f"ALIAS {value}" if fact.alias else f"DEFAULT {value} CODEC({codec})"
            terms.append(f"{verb} {fact.column} {kind} {how}")
        # Rows that were there before the column came by the view, with a batch, and had no other names for these texts.
        bits = (
            f"{1 << bit} * (BatchId != '' AND {column} != '' AND SpanAttributes[{_literal(name)}] = '')"
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


def _value(fact: Fact, look_up: Callable[[Group], list[str]], name: str, keys: str, texts: str, resource: str) -> str:
    candidates = look_up(fact.names)
    for operation, names in fact.on.items():
        candidates.append(f"if(Operation = {_literal(operation)}, {_first(look_up(names))}, '')")
    for operation, told_by in fact.span_name.items():
        (teller,) = look_up((told_by,))
        candidates.append(f"if(Operation = {_literal(operation)} AND {teller} != '', {name}, '')")
    candidates += [messages.joined(keys, texts, prefix) for prefix in fact.flattened]
    candidates += [f"{resource}[{_literal(name)}]" for name in fact.resource]
    text = _first(candidates)
    if fact.values:
        words = (", ".join(map(_literal, side)) for side in (fact.values, fact.values.values()))
        text = "transform(lower({0}), [{1}], [{2}], lower({0}))".format(text, *words)
    return _CONVERSION.get(fact.type, "{}").format(text)


def _first(texts: list[str]) -> str:
    """SQL for the first text that isn't empty."""
    return texts[0] if len(texts) == 1 else f"firstNonDefault({', '.join(texts)})"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
