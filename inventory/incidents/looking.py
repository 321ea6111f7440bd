"""Look at a window: read what there is, hold it against what came before, and say what to think of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from clickhouse_connect.driver.client import Client

from collector.store import health
from collector.store.health import Figures, Subject
from collector.store.ingest_health import ingest_health
from collector.store.trace_list import waiting_traces
from inventory import contract, wire
from inventory.contract import incidents as said
from inventory.incidents import changes, cost, deviations, saying, statistics, telling, verdict
from inventory.incidents.changes import Change
from inventory.incidents.deviations import Found
from inventory.incidents.framing import HOUR, Frame, frame, moment, span
from inventory.incidents.people import answering, needed_by
from inventory.incidents.verdict import Judged, Seen
from inventory.readers import Readers
from inventory.registry.change import Registry

_TOLD: Final = 12
_BLIND: Final = timedelta(minutes=10)


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
        happened = changes.recorded(session, org, moment(of.start - max(of.length, 6 * HOUR)), moment(of.end))
        people = answering(session, org, [name for name in failed if name][: telling.MOST_AGENTS])
        needing = needed_by(session, org, list(people))
    happened = sorted([*happened, *_first_seen(began, called)], key=lambda change: change.at, reverse=True)
    lead = found[0] if found else None
    involved = {*failed, *(one.subject.within or one.subject.name for one in found)}
    happened = changes.judged(happened, verdict.moment_of(lead.since) if lead else None, involved)
    seen = Seen(now, found, figures, of.last, happened, called, began, drivers)
    headlines = telling.headlines(figures, of)
    judged = _judged(seen, of, headlines, came.newest_ns)
    if judged.since is not None and lead is not None and judged.lead is not lead:
        happened = changes.judged(happened, judged.since, involved)
    return said.Incident(
        as_of=now,
        window=span(of.start, of.end),
        baseline=span(of.origin, of.start),
        verdict=said.Verdict(
            state=judged.state,
            sentence=judged.sentence,
            cause=judged.cause,
            basis=telling.basis(of, figures, judged),
            since=judged.since,
        ),
        figures=headlines,
        deviations=[telling.deviation(one, seen) for one in _lead_first(found, judged.lead)],
        agents=telling.affected(figures, failed, people, found, of),
        changes=[said.Changed(**asdict(change)) for change in happened[:50]],
        radius=telling.radius(failed, needing),
        steps=telling.steps(fine, of),
        newest=None if came.newest_ns is None else wire.moment(came.newest_ns),
        waiting=open_traces,
    )


def _fine(client: Client, org: str, of: Frame, found: Sequence[Found]) -> Mapping[Subject, Figures]:
    """Fine steps of what deviates, of everything, and of releases."""
    wanted = {Subject("all"), *(one.subject for one in found[:_TOLD])}
    wanted |= {one.subject for one in found if one.subject.kind == "release"}
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
        found[subject] = moment(of.origin + (min(steps) * of.step if steps else first * of.length))
    return found


def _first_seen(began: Mapping[Subject, datetime], called: Mapping[str, str]) -> list[Change]:
    return [
        Change(
            at, "telemetry", subject.name, "first seen", "telemetry", subject.within,
            f"release {changes.short(subject.name, called.get(subject.name, ''))} of {subject.within} first seen",
        )
        for subject, at in began.items()
    ]  # fmt: skip


def _judged(seen: Seen, of: Frame, headlines: Sequence[said.Headline], newest_ns: int | None) -> Judged:
    whole = seen.figures.get(Subject("all"))
    before = [whole.at(number).events for number in range(of.last)] if whole else []
    if newest_ns is None:
        return Judged("empty", "No telemetry has come in yet.", "", None, None)
    newest, now = wire.moment(newest_ns), seen.now
    usual = median(before) / (of.length / HOUR) if before else 0.0
    if now - newest > _BLIND and moment(of.end) > now - _BLIND and usual >= deviations.LEAST["silence"]:
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
    return Judged("quiet", f"Nothing unusual: {_all_quiet(headlines)}.", "", None, None)


def _all_quiet(headlines: Sequence[said.Headline]) -> str:
    labels = {"error_rate": "of traces fail", "p95": "p95", "cost_per_hour": "an hour"}
    words = [
        f"{saying.number(float(one.now), one.unit)} {labels[one.name]}"
        for one in headlines
        if one.name in labels and one.now is not None
    ]
    return ", ".join(words) + " are within what came before" if words else "no trace began in this window, as is usual"


def _lead_first(found: Sequence[Found], lead: Found | None) -> list[Found]:
    return [one for one in found if one is lead] + [one for one in found if one is not lead]
