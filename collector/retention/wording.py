"""SQL of a plan, made from `store/reads/retention_*.sql`. What stands in it is ours: ids, days, numbers, names.

Mutations take no bound parameters, and one text must serve for counting and for removing, or the two could differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time

from collector.retention.items import Plan
from collector.retention.policy import Kind, ns
from collector.retention.tables import EVALUATIONS, LOGS, SPANS, Table
from collector.store import contents, facts
from collector.store.contents import Contents, literal
from collector.store.facts import Facts
from collector.store.reads import statement


def fill(name: str, **values: str) -> str:
    """The statement of `retention_<name>.sql` with its `{{…}}` filled in."""
    text = statement(f"retention_{name}").strip()
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    assert "{{" not in text, f"retention_{name}.sql wants more than {', '.join(values)}"
    return text


class Texts:
    """Where content stands in rows: stock exporters write it there, and events keep theirs."""

    def __init__(self) -> None:
        content: Contents = contents.load()
        moved = Facts(facts.load(), content).moved
        self._long = content.long
        self._columns = [(name, column) for name, column in moved]
        listed = ", ".join(literal(name) for name in (*content.names, *(name for name, _ in moved)))
        starts = " OR ".join(f"startsWith(k, {literal(prefix)})" for prefix in content.prefixes)
        self.content = f"k IN ({listed}) OR length(v) >= {content.long} OR {starts}"

    @property
    def in_spans(self) -> str:
        """SQL: a row of otel_traces has content in it."""
        columns = " OR ".join(f"{column} != ''" for _, column in self._columns)
        within = self._within
        return f"{columns} OR {within('SpanAttributes')} OR arrayExists(m -> {within('m')}, `Events.Attributes`)"

    @property
    def in_logs(self) -> str:
        """SQL: a row of otel_logs has content in it."""
        return f"{self._body} OR {self._within('LogAttributes')}"

    @property
    def _body(self) -> str:
        """SQL: a row's Body is content: what stock exporters wrote may be, what the collector left there isn't."""
        said = "startsWith(EventName, 'gen_ai.') OR startsWith(LogAttributes['event.name'], 'gen_ai.')"
        return f"(Body != '' AND (BatchId = '' OR length(Body) >= {self._long} OR {said}))"

    def condition(self, table: Table) -> str:
        """SQL: a row of the table has content in it."""
        if table is EVALUATIONS:
            return "Explanation != ''"
        return self.in_spans if table is SPANS else self.in_logs

    def size(self, table: Table) -> str:
        """SQL for the bytes of a row's content."""
        if table is EVALUATIONS:
            return "length(Explanation)"
        if table is LOGS:
            return f"if({self._body}, length(Body), 0) + {self._length('LogAttributes')}"
        columns = " + ".join(f"length({column})" for _, column in self._columns)
        events = f"arraySum(arrayMap(m -> {self._length('m')}, `Events.Attributes`))"
        return f"{columns} + {self._length('SpanAttributes')} + {events}"

    def emptying(self, table: Table, partition: str, due: str, unheld: str) -> str:
        """The statement that takes content out of rows."""
        where = {"partition": partition, "due": due, "unheld": unheld}
        if table is EVALUATIONS:
            return fill("empty_evaluations", **where)
        if table is LOGS:
            named = self._digests([("body", f"if({self._body}, Body, '')")], "LogAttributes")
            return fill("empty_logs", content=self.content, body=self._body, named=named, **where)
        return fill(
            "empty_spans",
            content=self.content,
            named=self._digests(self._columns, "SpanAttributes"),
            columns_emptied=", ".join(f"{column} = ''" for _, column in self._columns),
            **where,
        )

    def _digests(self, columns: list[tuple[str, str]], attributes: str) -> str:
        """SQL for Texts with the names of what is emptied: a text is one piece."""
        content = f"mapFilter((k, v) -> {self.content}, {attributes})"
        told = f"arrayMap((k, v) -> (toString(k), v), mapKeys({content}), mapValues({content}))"
        listed = ", ".join(f"({literal(name)}, {column})" for name, column in columns)
        return fill("digests", texts=f"arrayFilter(t -> t.2 != '', arrayConcat([{listed}], {told}))")

    def _within(self, attributes: str) -> str:
        return f"arrayExists((k, v) -> {self.content}, mapKeys({attributes}), mapValues({attributes}))"

    def _length(self, attributes: str) -> str:
        return f"arraySum((k, v) -> if({self.content}, length(v), 0), mapKeys({attributes}), mapValues({attributes}))"


class Wording:
    """Conditions of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = {"plan": plan.id, "through": plan.through.isoformat()}
        self._id = {"plan": plan.id}
        self._now = str(ns(plan.now))

    def with_trace(self, which: str, table: Table) -> str:
        """Rows of traces that are due, but those that came since: which of `Content`, `Metadata`."""
        received = table.received or "fromUnixTimestamp64Nano(0)"
        return fill("due", **self._plan, which=which, received=received, now=self._now)

    def unheld(self, table: Table) -> str:
        """Rows that nothing holds."""
        return fill("unheld", **self._id, org_unheld=self.org_unheld) if table.traced else self.org_unheld

    @property
    def org_unheld(self) -> str:
        return fill("org_unheld", **self._id)

    def by_age(self, table: Table, kind: Kind, borders: Iterable[int], *, stray: bool = False) -> str:
        """Rows older than their owner's period. Stray: only those whose trace isn't stored."""
        older = " OR ".join(
            "("
            + fill(
                "expired",
                **self._id,
                at=table.age,
                border=str(border),
                whose=", ".join(table.dimensions),
                columns=", ".join(table.border_columns),
                table=table.name,
                **{"class": kind.value},
            )
            + ")"
            for border in borders
        )
        through = f"toDate({table.time}) <= '{self._plan['through']}'"
        lost = fill("stray", table=table.name, time=table.time, through=self._plan["through"])
        return f"{through} AND ({older})" + (f" AND {lost}" if stray else "")

    def pieces(self, day: date, rows_due: Mapping[Table, str], borders: Iterable[int]) -> tuple[str, str]:
        """(due, unheld) of the pieces of a day: those that no row refers to which stays. `rows_due`: which go."""
        going, kept, held = [], [], []
        for table, due in rows_due.items():
            unheld = self.unheld(table)
            of = {"table": table.name, "day": day.isoformat()}
            going.append(fill("pieces_of", **of, rows=due))
            kept.append(fill("pieces_of", **of, rows=f"NOT ({due})"))
            held.append(fill("pieces_of", **of, rows=f"({due}) AND NOT ({unheld})"))
        # Pieces that no row refers to are as old as the end of their day, and nobody's in particular.
        end = ns(datetime.combine(day, time.min, UTC)) + 86_400 * 10**9
        older = [fill("pieces_expired", **self._id, border=str(border)) for border in borders if end < border]
        due = fill(
            "pieces_due",
            kept=" UNION ALL ".join(kept),
            going=" UNION ALL ".join(going),
            expired=" OR ".join(f"({one})" for one in older) or "false",
        )
        return due, fill("pieces_unheld", held=" UNION ALL ".join(held), org_unheld=self.org_unheld)

    def extents(self) -> str:
        """Where traces lie that no row is left of."""
        going = f"({self.with_trace('Metadata', SPANS)}) AND ({self.unheld(SPANS)})"
        return fill("extents_due", **self._plan, going=going)
