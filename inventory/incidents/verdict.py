"""One sentence: what is out of the ordinary, since when, for whom, and what it comes from as far as figures tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from collector.store.health import Figures, Subject
from inventory.contract.incidents import State
from inventory.incidents import saying
from inventory.incidents.changes import Change, short
from inventory.incidents.cost import Driver
from inventory.incidents.deviations import Found
from inventory.incidents.framing import moment

_FRESH: Final = timedelta(minutes=90)
"""A release that began so long before trouble, or later, is new."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to judge. `called`: versions of releases by id. `began`: when telemetry first showed a release, as
    far as the baseline reaches; those that were always there are left out. `drivers`: by workflow.
    """

    now: datetime
    found: Sequence[Found]
    figures: Mapping[Subject, Figures]
    last: int
    changes: Sequence[Change]
    called: Mapping[str, str]
    began: Mapping[Subject, datetime]
    drivers: Mapping[str, Driver]


@dataclass(frozen=True, slots=True)
class Judged:
    state: State
    sentence: str
    cause: str
    since: datetime | None
    lead: Found | None


def moment_of(second: int | None) -> datetime | None:
    return None if second is None else moment(second)


def judge(seen: Seen) -> Judged:
    """Of what deviates; at least one thing does."""
    failures = [one for one in seen.found if one.signal == "failures"]
    if failures:
        return _failures(seen, failures)
    lead = seen.found[0]
    act = {"silence": _silence, "latency": _latency, "cost": _cost}[lead.signal]
    return act(seen, lead)


def sentence(one: Found, seen: Seen) -> str:
    """Of one deviation, by itself."""
    usually = "never seen before" if one.usual is None else f"usually {saying.number(one.usual, one.unit)}"
    subject = name(one.subject, seen)
    now = saying.number(one.now, one.unit)
    if one.signal == "failures":
        text = f"{subject}: {saying.number(one.share, 'share')} of its {_events(one)} fail ({_of(one)}; {usually})"
    elif one.signal == "latency":
        text = f"{subject}: p95 is {now} ({usually})"
    elif one.signal == "cost":
        text = f"{subject}: a trace costs {now} ({usually})"
    else:
        text = f"{subject}: {now}, {usually}"
    return f"{text}{_since(one, seen)}"


def name(subject: Subject, seen: Seen) -> str:
    if subject.kind == "release":
        return f"release {short(subject.name, seen.called.get(subject.name, ''))} of {subject.within or 'an agent'}"
    return {"tool": "tool ", "model": "model ", "agent": "agent "}.get(subject.kind, "") + subject.name


def _failures(seen: Seen, failures: Sequence[Found]) -> Judged:
    by_kind: dict[str, Found] = {}
    for one in failures:
        by_kind.setdefault(one.subject.kind, one)
    workflow, tool, model = by_kind.get("workflow"), by_kind.get("tool"), by_kind.get("model")
    release = _new_release(seen, failures)
    lead = release or tool or model or by_kind.get("agent") or workflow or failures[0]
    effect = workflow or by_kind.get("agent") or lead
    since = moment_of(lead.since if lead.since is not None else effect.since)
    failed, events = effect.lately
    share = f"{saying.number(effect.share, 'share')} of {effect.subject.name} {_events(effect)} fail"
    usual = "" if effect.usual is None else f", usually {saying.number(effect.usual, 'share')}"
    at = f" since {saying.moment(since, seen.now)}" if since else " for longer than the baseline reaches back"
    if release is not None:
        called = name(release.subject, seen)
        live = _live(seen, release)
        how = f"; {name(tool.subject, seen)} fails in {saying.number(tool.share, 'share')} of its calls" if tool else ""
        cause = (
            f"{called}{live}: {_of(release)} runs fail, "
            f"{saying.number(release.usual or 0, 'share')} of the agent's runs before{how}"
        )
        return Judged("unusual", f"Errors after {called}{live}: {share}{at}{usual}.", cause, since, release)
    for part, what in ((tool, "Tool"), (model, "Model")):
        if part is None:
            continue
        act = "is dead" if part.dead else "fails"
        tail = "" if effect is part else f"; {share}{usual}"
        text = f"{what} {part.subject.name} {act}: {_of(part)} calls failed{at}{tail}."
        before = "" if part.usual is None else f": usually {saying.number(part.usual, 'share')} of its calls fail"
        cause = f"{name(part.subject, seen)}{before}"
        return Judged("unusual", text, _with_change(cause, seen, since), since, part)
    text = f"Errors: {share}{at} ({failed:,} of {events:,}){usual}."
    return Judged("unusual", text, _with_change("", seen, since), since, lead)


def _of(one: Found) -> str:
    """23 of 23; what both are is said around it."""
    failed, events = one.lately
    return f"{failed:,} of {events:,}"


def _new_release(seen: Seen, failures: Sequence[Found]) -> Found | None:
    """One that began just before its runs failed, or whose neighbours of the same agent don't fail."""
    for one in failures:
        if one.subject.kind != "release":
            continue
        began, since = seen.began.get(one.subject), moment_of(one.since)
        if began is not None and (since is None or since - began <= _FRESH):
            return one
        others = [
            figures.at(seen.last)
            for subject, figures in seen.figures.items()
            if subject.kind == "release" and subject.within == one.subject.within and subject != one.subject
        ]
        events, failed = sum(slot.events for slot in others), sum(slot.failed for slot in others)
        if events >= 20 and failed / events < one.now / 3 and began is not None:
            return one
    return None


def _live(seen: Seen, release: Found) -> str:
    """When it went live, as the registry says; or when telemetry first showed it."""
    for change in seen.changes:
        if change.agent == release.subject.within and change.words.endswith("went live"):
            return f" (live {saying.moment(change.at, seen.now)}, {change.actor})"
    began = seen.began.get(release.subject)
    return f" (first seen {saying.moment(began, seen.now)})" if began else ""


def _silence(seen: Seen, lead: Found) -> Judged:
    since = moment_of(lead.since)
    last = f" since {saying.moment(since, seen.now)}" if since else ""
    what = "no trace began" if lead.subject.kind == "workflow" else "nobody calls it"
    few = what if lead.now == 0 else f"only {saying.number(lead.now, 'count')}"
    subject = name(lead.subject, seen)
    text = f"{_capital(subject)} stopped: {few}{last}, usually {saying.number(lead.usual or 0, 'count')}."
    return Judged("unusual", text, _with_change("", seen, since), since, lead)


def _latency(seen: Seen, lead: Found) -> Judged:
    parts = [one for one in seen.found if one.signal == "latency" and one.subject.kind in ("tool", "model")]
    part = max(parts, key=lambda one: one.now - (one.usual or 0), default=None)
    since = moment_of((part or lead).since)
    whole = next((one for one in seen.found if one.signal == "latency" and one.subject.kind == "workflow"), lead)
    at = f" since {saying.moment(since, seen.now)}" if since else ""
    p95 = saying.number(whole.now, "ns")
    text = f"{_capital(name(whole.subject, seen))} is slow: p95 {p95}{at}{_usually(whole)}."
    cause = (
        ""
        if part is None
        else f"{name(part.subject, seen)} takes {saying.number(part.now, 'ns')} (p95{_usually(part)})"
    )
    return Judged("unusual", text, _with_change(cause, seen, since), since, lead)


def _cost(seen: Seen, lead: Found) -> Judged:
    since = moment_of(lead.since)
    at = f" since about {saying.moment(since, seen.now)}" if since else ""
    driver = seen.drivers.get(lead.subject.name)
    text = (
        f"{_capital(name(lead.subject, seen))} costs more: {saying.number(lead.now, 'usd')} a trace{at}, "
        f"usually {saying.number(lead.usual or 0, 'usd')} ({saying.times(lead.rise)})."
    )
    cause = driver.sentence if driver else ""
    fresh = [
        f"{name(subject, seen)} began {saying.moment(began, seen.now)}"
        for subject, began in seen.began.items()
        if since and abs(began - since) <= _FRESH
    ]
    cause = "; ".join(part for part in (cause, *fresh[:1]) if part)
    return Judged("unusual", text, _with_change(cause, seen, since), since, lead)


def _with_change(cause: str, seen: Seen, since: datetime | None) -> str:
    """And what was changed just before."""
    if since is None:
        return cause
    near = [one for one in seen.changes if one.suspect and one.kind != "telemetry"]
    if not near:
        return cause
    nearest = min(near, key=lambda one: abs(one.at - since))
    told = f"just before, {nearest.words} ({saying.moment(nearest.at, seen.now)}, {nearest.actor})"
    return f"{cause}; {told}" if cause else told


def _events(one: Found) -> str:
    return {"workflow": "traces", "tool": "calls", "model": "calls"}.get(one.subject.kind, "runs")


def _usually(one: Found) -> str:
    return "" if one.usual is None else f", usually {saying.number(one.usual, one.unit)}"


def _since(one: Found, seen: Seen) -> str:
    when = moment_of(one.since)
    return f", since {saying.moment(when, seen.now)}" if when else ""


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}" if text.startswith(("tool ", "model ", "agent ")) else text
