"""What was found, as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from statistics import median
from typing import Final

from collector.store import health
from collector.store.health import NOTHING, Figures, Slot, Subject
from inventory.contract import incidents as said
from inventory.incidents import deviations, saying, statistics, verdict
from inventory.incidents.deviations import Found
from inventory.incidents.framing import HOUR, Frame, moment
from inventory.incidents.people import Answering
from inventory.incidents.verdict import Judged, Seen

MOST_AGENTS: Final = 50


def basis(of: Frame, figures: Mapping[Subject, Figures], judged: Judged) -> str:
    kept = of.last - of.last // 4
    told = (
        f"Each workflow, agent, release, model and tool of {saying.moment(moment(of.start), moment(of.end))} to "
        f"{saying.moment(moment(of.end), moment(of.end))} against {of.last} windows of the same length before it "
        f"(the {of.last - kept} worst of them left out). Unusual is what lies {statistics.LIMIT:g} standard deviations "
        f"off: failures from {deviations.LEAST['failures']} events, p95 from {deviations.LEAST['latency']} and half as "
        f"much again, cost per trace from {deviations.LEAST['cost']} and a fifth more, silence where "
        f"{deviations.LEAST['silence']} are usual."
    )
    if judged.lead is None:
        return f"{told} Looked at: {len(figures)} subjects."
    lead = judged.lead
    here = f"{lead.score:.1f} of {statistics.LIMIT:g}, {lead.events:,} events"
    return f"{told} Here: {deviations.METHODS[lead.signal]}; {here}."


def headlines(figures: Mapping[Subject, Figures], of: Frame) -> list[said.Headline]:
    whole = figures.get(Subject("all"), NOTHING)
    now, before = whole.at(of.last), [whole.at(number) for number in range(of.last) if whole.at(number).events]
    hours = Decimal(of.length) / HOUR
    sums = deviations.added(before)
    unpriced = f"{now.unpriced:,} calls without a price are not in it" if now.unpriced else ""
    priced = now.calls > now.unpriced or not now.calls
    p95s = [slot.p95_ns for slot in before if slot.p95_ns is not None]
    count = Decimal(max(len(before), 1))
    return [
        said.Headline(
            name="error_rate", unit="share", now=_share(now), usual=_share(sums),
            note=f"{now.failed:,} of {now.events:,} traces",
        ),
        said.Headline(
            name="p95", unit="ns", now=None if now.p95_ns is None else Decimal(now.p95_ns),
            usual=Decimal(int(median(p95s))) if p95s else None, note="of whole traces, without waits for people",
        ),
        said.Headline(
            name="cost_per_hour", unit="usd", now=now.cost / hours if priced and now.events else None,
            usual=sums.cost / count / hours if before else None, note=unpriced,
        ),
        said.Headline(
            name="traces_per_hour", unit="count", now=now.events / hours,
            usual=sums.events / count / hours if before else None, note=f"{now.events:,} in the window",
        ),
    ]  # fmt: skip


def _share(slot: Slot) -> Decimal | None:
    return round(Decimal(slot.failed) / slot.events, 6) if slot.events else None


def deviation(one: Found, seen: Seen) -> said.Deviation:
    places = {"share": 6, "ns": 0, "usd": 12, "count": 2}[one.unit]
    return said.Deviation(
        signal=one.signal,
        kind=one.subject.kind,
        name=one.subject.name,
        within=one.subject.within,
        registered=one.registered,
        now=round(Decimal(one.now), places),
        usual=None if one.usual is None else round(Decimal(one.usual), places),
        unit=one.unit,
        events=one.events,
        failed=one.failed,
        minimum=deviations.LEAST[one.signal],
        statistic=round(one.score, 2),
        limit=statistics.LIMIT,
        slots=one.windows,
        method=deviations.METHODS[one.signal],
        since=verdict.moment_of(one.since),
        sentence=verdict.sentence(one, seen),
    )


def affected(
    figures: Mapping[Subject, Figures],
    failed: Mapping[str, health.Failures],
    people: Mapping[str, Answering],
    found: Sequence[Found],
    of: Frame,
) -> list[said.Affected]:
    unusual = {one.subject.within or one.subject.name for one in found if one.subject.kind in ("agent", "release")}
    rows = []
    for name, own in failed.items():
        slot = figures.get(Subject("agent", name), NOTHING).at(of.last)
        if not name or not (slot.failed or name in unusual):
            continue
        rows.append(
            said.Affected(
                agent=name,
                registered=name in people,
                runs=slot.events,
                failed=slot.failed,
                traces=own.traces,
                unusual=name in unusual,
                worst_trace=own.worst,
                **asdict(people.get(name, Answering())),
            )
        )
    return sorted(rows, key=lambda row: (not row.unusual, -row.failed, row.agent))[:MOST_AGENTS]


def radius(failed: Mapping[str, health.Failures], needing: Sequence[str]) -> said.Radius:
    whole = failed.get("")
    if whole is None:
        return said.Radius(traces=0, requesters=0, workflows=[], environments=[], tools=[], needed_by=[])
    return said.Radius(
        traces=whole.traces,
        requesters=whole.requesters,
        workflows=list(whole.workflows),
        environments=list(whole.environments),
        tools=list(whole.tools),
        needed_by=list(needing),
    )


def steps(fine: Mapping[Subject, Figures], of: Frame) -> list[said.Step]:
    """Of as much time before the window as it is long, and of the window."""
    whole = fine.get(Subject("all"), NOTHING)
    first = (of.start - of.length - of.origin) // of.step
    steps = []
    for number in range(max(first, 0), (of.end - of.origin) // of.step):
        slot = whole.at(number)
        steps.append(
            said.Step(
                start=moment(of.origin + number * of.step),
                traces=slot.events,
                failed=slot.failed,
                cost=slot.known_cost,
                p95_ns=slot.p95_ns,
            )
        )
    return steps
