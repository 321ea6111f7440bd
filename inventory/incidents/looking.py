"""Look at a window: read what there is, hold it against what came before, and say what to think of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from clickhouse_connect.driver.client import Client

from collector.store import health
from collector.store.health import Figures, Slot, Subject
from collector.store.ingest_health import ingest_health
from collector.store.trace_list import waiting_traces
from inventory import contract, wire
from inventory.contract import incidents as said
from inventory.incidents import changes, cost, deviations, saying, statistics, verdict
from inventory.incidents.changes import Change
from inventory.incidents.deviations import Found
from inventory.incidents.people import Answering, answering, needed_by
from inventory.incidents.verdict import Judged, Seen
from inventory.readers import Readers
from inventory.registry.change import Registry

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR
_BASELINE, _LONGEST, _WINDOWS = DAY, 7 * DAY, 24
_FINE: Final = 12
"""Steps of a window in the chart and in the search for when it began."""
_TOLD: Final = 12
_UNITS: Final = ((30, 1), (180, 5), (DAY // MINUTE, 15), (float("inf"), 60))
"""Up to so many minutes, a window is a whole number of so many: longer windows are divided into even steps."""
_BLIND: Final = timedelta(minutes=10)
_MOST_AGENTS: Final = 50


@dataclass(frozen=True, slots=True)
class Frame:
    """The window [start, end) s, whole minutes, and `last` windows of the same length before it."""

    start: int
    end: int
    last: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def origin(self) -> int:
        return self.start - self.last * self.length

    @property
    def step(self) -> int:
        """Of the fine steps: whole minutes, and a whole number of them in a window."""
        minutes = self.length // MINUTE
        return MINUTE * min(
            (n for n in range(1, minutes + 1) if minutes % n == 0), key=lambda n: abs(minutes / n - _FINE)
        )


def frame(window: contract.Window) -> Frame:
    """At least a day before the window; up to seven for longer ones, and never fewer than four windows."""
    end = -(-int(window.until.timestamp()) // MINUTE) * MINUTE
    minutes = max(round((window.until - window.since) / timedelta(minutes=1)), 5)
    unit = next(unit for most, unit in _UNITS if minutes <= most)
    length = -(-minutes // unit) * unit * MINUTE
    start = end - length
    reach = max(_BASELINE, min(_LONGEST, _WINDOWS * length))
    return Frame(start, end, max(reach // length, statistics.LEAST_WINDOWS))


def incident(store: Readers, registry: Registry, org: str, window: contract.Window, now: datetime) -> said.Incident:
    """Raises `ReadError` and `DatabaseError`."""
    of = frame(window)
    with store.reader() as client:
        figures = health.slots(client, org, of.origin, of.end, of.length)
        found = deviations.found(figures, of.last, of.length / HOUR)
        fine = _fine(client, org, of, found)
        found = [_dated(one, fine, of) for one in found[:_TOLD]] + found[_TOLD:]
        drivers = _drivers(client, org, of, found)
        failed = health.failures(client, org, of.start * 10**9, of.end * 10**9)
        came = ingest_health(client, org, wire.nanoseconds(now - timedelta(minutes=30)))
        open_traces = waiting_traces(client, org).traces
    began = _began(figures, fine, of)
    releases = {subject.name for subject in figures if subject.kind == "release"}
    with registry.reading() as session:
        called = changes.versions(session, org, releases)
        happened = changes.recorded(session, org, _moment(of.start - max(of.length, 6 * HOUR)), _moment(of.end))
        people = answering(session, org, [name for name in failed if name][:_MOST_AGENTS])
        needing = needed_by(session, org, list(people))
    happened = sorted([*happened, *_first_seen(began, called)], key=lambda change: change.at, reverse=True)
    lead = found[0] if found else None
    involved = {*failed, *(one.subject.within or one.subject.name for one in found)}
    happened = changes.judged(happened, verdict.moment_of(lead.since) if lead else None, involved)
    seen = Seen(now, found, figures, of.last, happened, called, began, drivers)
    judged = _judged(seen, figures, of, came.newest_ns, now)
    if judged.since is not None and lead is not None and judged.lead is not lead:
        happened = changes.judged([replace(one, suspect=False) for one in happened], judged.since, involved)
    return said.Incident(
        as_of=now,
        window=contract.Window(since=_moment(of.start), until=_moment(of.end)),
        baseline=contract.Window(since=_moment(of.origin), until=_moment(of.start)),
        verdict=said.Verdict(
            state=judged.state,
            sentence=judged.sentence,
            cause=judged.cause,
            basis=_basis(of, figures, judged),
            since=judged.since,
        ),
        figures=_headlines(figures, of),
        deviations=[_deviation(one, seen) for one in _lead_first(found, judged.lead)],
        agents=_affected(figures, failed, people, found, of),
        changes=[said.Changed(**asdict(change)) for change in happened[:50]],
        radius=_radius(failed, needing),
        steps=_steps(fine, of),
        newest=None if came.newest_ns is None else wire.moment(came.newest_ns),
        waiting=open_traces,
    )


def _fine(client: Client, org: str, of: Frame, found: Sequence[Found]) -> Mapping[Subject, Figures]:
    """Fine steps of what deviates, of everything, and of releases."""
    wanted = {Subject("all"), *(one.subject for one in found[:_TOLD])}
    wanted |= {
        Subject("release", one.subject.name, one.subject.within) for one in found if one.subject.kind == "release"
    }
    return health.slots(client, org, of.origin, of.end, of.step, subjects=sorted(wanted, key=str))


def _dated(one: Found, fine: Mapping[Subject, Figures], of: Frame) -> Found:
    own = fine.get(one.subject)
    if own is None:
        return one
    steps = [own.at(number) for number in range((of.end - of.origin) // of.step)]
    return deviations.since(one, steps, of.origin, of.step)


def _drivers(client: Client, org: str, of: Frame, found: Sequence[Found]) -> dict[str, cost.Driver]:
    drivers = {}
    for one in [one for one in found if one.signal == "cost"][:3]:
        own = health.slots(client, org, of.origin, of.end, of.length, workflow=one.subject.name)
        if (driver := cost.driver(own, of.last)) is not None:
            drivers[one.subject.name] = driver
    return drivers


def _began(figures: Mapping[Subject, Figures], fine: Mapping[Subject, Figures], of: Frame) -> dict[Subject, datetime]:
    """Releases that the first windows of the baseline don't have, though they have their agent."""
    found = {}
    for subject, own in figures.items():
        if subject.kind != "release":
            continue
        agent = figures.get(Subject("agent", subject.within))
        first = min((number for number, slot in own.slots.items() if slot.events), default=0)
        if agent is None or not any(agent.at(number).events for number in range(first)):
            continue
        exact = fine.get(subject)
        steps = [number for number, slot in exact.slots.items() if slot.events] if exact else []
        found[subject] = _moment(of.origin + (min(steps) * of.step if steps else first * of.length))
    return found


def _first_seen(began: Mapping[Subject, datetime], called: Mapping[str, str]) -> list[Change]:
    return [
        Change(
            at, "telemetry", subject.name, "first seen", "telemetry", subject.within,
            f"release {changes.short(subject.name, called.get(subject.name, ''))} of {subject.within} first seen",
        )
        for subject, at in began.items()
    ]  # fmt: skip


def _judged(seen: Seen, figures: Mapping[Subject, Figures], of: Frame, newest_ns: int | None, now: datetime) -> Judged:
    whole = figures.get(Subject("all"))
    before = [whole.at(number).events for number in range(of.last)] if whole else []
    if newest_ns is None:
        return Judged("empty", "No telemetry has come in yet.", "", None, None)
    newest = wire.moment(newest_ns)
    usual = median(before) / (of.length / HOUR) if before else 0.0
    if now - newest > _BLIND and _moment(of.end) > now - _BLIND and usual >= deviations.LEAST["silence"]:
        ago = saying.duration((now - newest).total_seconds() * 1e9)
        text = f"Muster is blind: no span has come in for {ago} (usually {usual:,.0f} traces an hour)."
        cause = "either nothing runs, or exporters, network or collector are down: look at the collector's /readyz"
        return Judged("blind", text, cause, newest, None)
    if seen.found:
        return verdict.judge(seen)
    windows = sum(events > 0 for events in before)
    if windows < statistics.LEAST_WINDOWS:
        text = (
            f"There is no usual yet: {windows} of {of.last} windows before this one have traces, "
            f"{statistics.LEAST_WINDOWS} are needed."
        )
        return Judged("unknown", text, "", None, None)
    return Judged("quiet", f"Nothing unusual: {_all_quiet(figures, of)}.", "", None, None)


def _all_quiet(figures: Mapping[Subject, Figures], of: Frame) -> str:
    headlines = {one.name: one for one in _headlines(figures, of)}
    words = []
    for key, unit, label in (
        ("error_rate", "share", "of traces fail"),
        ("p95", "ns", "p95"),
        ("cost_per_hour", "usd", "an hour"),
    ):
        one = headlines[key]  # type: ignore[index]
        if one.now is not None:
            words.append(f"{saying.number(float(one.now), unit)} {label}")  # type: ignore[arg-type]
    return ", ".join(words) + " are within what came before" if words else "no trace began in this window, as is usual"


def _basis(of: Frame, figures: Mapping[Subject, Figures], judged: Judged) -> str:
    kept = of.last - of.last // 4
    told = (
        f"Each workflow, agent, release, model and tool of {saying.moment(_moment(of.start), _moment(of.end))} to "
        f"{saying.moment(_moment(of.end), _moment(of.end))} against {of.last} windows of the same length before it "
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


def _headlines(figures: Mapping[Subject, Figures], of: Frame) -> list[said.Headline]:
    whole = figures.get(Subject("all"), Figures(False, {}))
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


def _deviation(one: Found, seen: Seen) -> said.Deviation:
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


def _lead_first(found: Sequence[Found], lead: Found | None) -> list[Found]:
    return [one for one in found if one is lead] + [one for one in found if one is not lead]


def _affected(
    figures: Mapping[Subject, Figures],
    failed: Mapping[str, health.Failures],
    people: Mapping[str, Answering],
    found: Sequence[Found],
    of: Frame,
) -> list[said.Affected]:
    unusual = {one.subject.within or one.subject.name for one in found if one.subject.kind in ("agent", "release")}
    rows = []
    for name, own in failed.items():
        slot = figures.get(Subject("agent", name), Figures(False, {})).at(of.last)
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
    return sorted(rows, key=lambda row: (not row.unusual, -row.failed, row.agent))[:_MOST_AGENTS]


def _radius(failed: Mapping[str, health.Failures], needing: Sequence[str]) -> said.Radius:
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


def _steps(fine: Mapping[Subject, Figures], of: Frame) -> list[said.Step]:
    """Of as much time before the window as it is long, and of the window."""
    whole = fine.get(Subject("all"), Figures(False, {}))
    first = (of.start - of.length - of.origin) // of.step
    steps = []
    for number in range(max(first, 0), (of.end - of.origin) // of.step):
        slot = whole.at(number)
        steps.append(
            said.Step(
                start=_moment(of.origin + number * of.step),
                traces=slot.events,
                failed=slot.failed,
                cost=slot.cost if slot.calls > slot.unpriced else None,
                p95_ns=slot.p95_ns,
            )
        )
    return steps


def _moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
