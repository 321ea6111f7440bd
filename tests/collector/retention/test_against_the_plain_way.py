"""Whatever the spans and the policy: what remains is what a few lines of Python say must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.retention.policy import Policy
from tests.collector.retention.shelf import NOW, Listed, Shelf, days, policy


@dataclass(frozen=True)
class Span:
    trace: str
    age: int
    """Days."""
    delay: int
    """Days until it came."""
    service: str
    agent: str
    says: tuple[str, ...]


TRACES, SERVICES, AGENTS, TEXTS = "abcd", ("mail", "shop"), ("", "x", "y"), ("m1", "m2", "m3")
WHOM = ({"service": "shop"}, {"agent": "x"}, {"agent": "y"}, {"service": "mail", "agent": "x"})
PERIODS = st.integers(1, 40)

spans = st.builds(
    Span,
    st.sampled_from(TRACES),
    st.integers(1, 12).map(lambda number: number * 3),
    st.sampled_from([0, 0, 0, 5]),
    st.sampled_from(SERVICES),
    st.sampled_from(AGENTS),
    st.lists(st.sampled_from(TEXTS), max_size=2).map(tuple),
).filter(lambda span: span.delay < span.age)


@st.composite
def rules(draw: st.DrawFn) -> Mapping[str, Any]:
    content = draw(PERIODS)
    whom = draw(
        st.sampled_from([{"service": "shop"}, {"agent": "x"}, {"agent": "y"}, {"service": "mail", "agent": "x"}])
    )
    return whom | {"content": content, "metadata": content + draw(st.integers(0, 20))}


def periods(given: list[Mapping[str, Any]], service: str, agent: str) -> tuple[int, int]:
    """(content, metadata) of the first rule that matches; the last is the default."""
    return next(
        (rule["content"], rule["metadata"])
        for rule in given
        if rule.get("service", service) == service and rule.get("agent", agent) == agent
    )


def remains(listed: list[Span], given: list[Mapping[str, Any]], held: set[str]) -> dict[int, str | None]:
    """The text of each span that must be there, by number; None where it must be gone."""
    content_stays, stays = set[str](), set[str]()
    for trace in {span.trace for span in listed}:
        own = [span for span in listed if span.trace == trace]
        named = {span.service for span in own if span.agent}
        who = {(span.service, span.agent) for span in own if span.agent or span.service not in named}
        age = min(span.age - span.delay for span in own)
        if trace in held or age <= max(periods(given, *one)[0] for one in who):
            content_stays.add(trace)
        if trace in held or age <= max(periods(given, *one)[1] for one in who):
            stays.add(trace)
    pieces = {(span.age, span.service, text) for span in listed if span.trace in content_stays for text in span.says}
    return {
        number: "".join(span.says) if all((span.age, span.service, text) in pieces for text in span.says) else None
        for number, span in enumerate(listed)
        if span.trace in stays
    }


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(spans, min_size=1, max_size=10),
    st.lists(rules(), max_size=3),
    rules(),
    st.sets(st.sampled_from(TRACES), max_size=1),
)
def test_what_remains_is_what_must(
    shelf: Shelf, listed: list[Span], special: list[Mapping[str, Any]], default: Mapping[str, Any], held: set[str]
) -> None:
    shelf.clear()
    plain = {name: default[name] for name in ("content", "metadata")}
    rows = [
        shelf.row(
            span.trace,
            days(span.age),
            *span.says,
            received=days(span.age - span.delay),
            service=span.service,
            agent=span.agent,
        )
        for span in listed
    ]
    shelf.insert("spans", *rows)
    numbers = {row["SpanId"]: number for number, row in enumerate(rows)}
    shelf.apply(written(special, plain), Listed(held))
    assert {numbers[span]: said for span, said in shelf.said().items()} == remains(listed, [*special, plain], held)
    assert shelf.retention(written(special, plain), Listed(held)).plan(NOW).rows == 0


def written(special: list[Mapping[str, Any]], default: Mapping[str, Any]) -> Policy:
    """The policy, its numbers as days."""

    def in_days(rule: Mapping[str, Any]) -> dict[str, Any]:
        return {name: f"{value}d" if isinstance(value, int) else value for name, value in rule.items()}

    return policy(*map(in_days, special), **in_days(default))
