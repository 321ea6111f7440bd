"""What a notice says: what happened, what to do, and how this is known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from inventory.contract.lifecycle import PolicySpec
from inventory.db import cases as db
from inventory.db.models import Agent
from lifecycle.machine import WARNING
from lifecycle.plans import told

_COLOURS: Final = {
    "notice": "#1f5fbf", "remind": "#b7791f", "final": "#c53030", "disabled": "#c53030", "escalate": "#c53030",
    "restored": "#2f855a", "retired": "#4a5568",
}  # fmt: skip
_STAGES: Final = {
    "notice": "notice", "remind": "reminder", "final": "last warning", "disabled": "that it is disabled",
    "escalate": "that it waits", "restored": "that it was given back", "retired": "that it is retired",
}  # fmt: skip
_WHY: Final = {
    "idle": "has done nothing that we could see since {since} ({days} days)",
    "ownerless": "has nobody who answers for it",
    "expired": "is past its end, or the time for which somebody answered for it",
    "violation": "was reported: {said}",
}
TEMPLATES: Final = Environment(
    loader=PackageLoader("lifecycle", "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=False,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class About:
    """All that a notice is made of."""

    notice: db.Notice
    case: db.Case
    agent: Agent
    policy: PolicySpec
    because: str
    link: str
    steps: Sequence[db.CaseStep]
    needed_by: Sequence[str]
    past: Sequence[db.Notice]


def subject(about: About, zone: str) -> str:
    """With what silence does."""
    name, stage = about.agent.name, about.notice.stage
    when = _short(disables_at(about), zone)
    return {
        "notice": f"{name} is disabled {when} unless somebody answers for it",
        "remind": f"Reminder: {name} is disabled {when} unless somebody answers for it",
        "final": f"Last warning: {name} is disabled {when} unless somebody answers for it",
        "disabled": f"{name} is disabled; until {_short(about.case.undo_until, zone)} it is given back with one step",
        "escalate": f"{name} is disabled and nobody has decided what becomes of it; it stays disabled",
        "restored": f"{name} is active again",
        "retired": f"{name} is retired",
    }[stage]


def body(about: About, zone: str) -> dict[str, Any]:
    """What the templates are filled with."""
    case, agent = about.case, about.agent
    return {
        "subject": subject(about, zone),
        "colour": _COLOURS[about.notice.stage],
        "agent_name": agent.name,
        "what_happens": _happens(about, zone),
        "why": _why(about, zone),
        "link": about.link,
        "silence": _silence(about, zone),
        "undo": _undo(about, zone),
        "steps": told(about.steps),
        "facts": _facts(about),
        "evidence": _evidence(case, zone),
        "past": [
            f"{_long(one.sent_at or one.created_at, zone)}: {_STAGES[one.stage]} to {one.recipient} ({one.state})"
            for one in about.past
        ],
        "because": about.because,
        "case": case.id,
        "policy": case.policy,
        "version": case.policy_version,
    }


def disables_at(about: About) -> datetime:
    """When it is disabled at the earliest, as far as is known now: every stage that comes takes its time."""
    schedule, case = about.policy.schedule, about.case
    reached = {"notice": schedule.notice, "final": schedule.final}.get(about.notice.stage)
    if reached is None:
        done = min(case.reminders, len(schedule.reminders))
        reached = schedule.reminders[done - 1] if done else schedule.notice
    return max(
        about.notice.created_at + timedelta(days=schedule.disable - reached),
        case.since + timedelta(days=schedule.disable),
    )


def render(values: Mapping[str, Any], kind: str) -> str:
    """`kind`: notice or digest, .txt or .html."""
    return TEMPLATES.get_template(kind).render(values)


def _happens(about: About, zone: str) -> str:
    name, stage = about.agent.name, about.notice.stage
    if stage in ("notice", "remind", "final"):
        return f"{name} will be disabled on {_long(disables_at(about), zone)}, unless somebody answers for it."
    if stage in ("disabled", "escalate"):
        until = (
            f" Until {_long(about.case.undo_until, zone)} it is given back with one step."
            if stage == "disabled"
            else ""
        )
        return f"{name} is disabled since {_long(about.case.disabled_at, zone)}.{until}"
    return (
        f"{name} is active again: everything that was switched off was given back."
        if stage == "restored"
        else (f"{name} is retired. Its certificate says what was done, by whom and with what proof.")
    )


def _why(about: About, zone: str) -> list[str]:
    case = about.case
    days = round((about.notice.created_at - case.since).total_seconds() / 86_400)
    said = _WHY[case.reason].format(since=_long(case.since, zone), days=days, said=case.facts.get("reason", ""))
    lines = [f"{about.agent.name} {said}."]
    if case.reason == "idle" and case.facts.get("blind_hours"):
        lines.append(f"Hours in which telemetry didn't come through ({case.facts['blind_hours']}) are not counted.")
    return lines


def _silence(about: About, zone: str) -> str:
    stage = about.notice.stage
    if stage in ("notice", "remind", "final"):
        return (
            f"It is disabled on {_long(disables_at(about), zone)}. That can be undone in one step for "
            f"{about.policy.schedule.review} days. Nothing is deleted by silence."
        )
    if stage == "restored":
        return "Nothing happens."
    if stage == "retired":
        return "Nothing happens: nothing is left to do."
    return "It stays disabled. Nothing more is taken away unless two people want it."


def _undo(about: About, zone: str) -> str:
    if about.notice.stage in ("restored", "retired"):
        return "There is nothing to undo." if about.notice.stage == "restored" else "Register it anew, from its record."
    if about.case.state in WARNING:
        return "Press Keep on the page and say why; after it was disabled too: everything is put back as it was."
    return f"Press Keep on the page before {_long(about.case.undo_until, zone)}: everything is put back as it was."


def _facts(about: About) -> list[tuple[str, str]]:
    agent = about.agent
    impact = ", high impact" if agent.high_impact else ""
    rows = [
        ("id", agent.id),
        ("owner", agent.owner or "nobody"),
        ("backup owner", agent.backup_owner or "nobody"),
        ("data class", f"{agent.classification}{impact}"),
        ("active release", agent.active_release or "none"),
        ("needed by", ", ".join(about.needed_by)),
        ("references", ", ".join(f"{one['kind']} {one['ref']}" for one in agent.document.get("references", ()))),
        ("runbook", agent.document.get("runbook") or ""),
    ]
    return [(name, value) for name, value in rows if value]


def _evidence(case: db.Case, zone: str) -> list[str]:
    facts = case.facts
    if case.reason != "idle":
        return [
            f"{name.replace('_', ' ')}: {value}" for name, value in sorted(facts.items()) if value and name != "undo"
        ]
    lines = [f"Last activity: {_iso(facts.get('last_activity'), zone)} ({facts.get('signal', 'unknown')})"]
    if facts.get("telemetry_whole_until"):
        lines.append(f"Telemetry is known to come through: last heartbeat {_iso(facts['telemetry_whole_until'], zone)}")
    lines += [
        f"Nothing could be seen from {_iso(start, zone)} to {_iso(end, zone)}: not counted"
        for start, end in facts.get("gaps", ())
    ]
    return lines


def _iso(text: str | None, zone: str) -> str:
    return "never" if text is None else _long(datetime.fromisoformat(text), zone)


def _long(at: datetime | None, zone: str) -> str:
    """UTC, and the reader's zone where that is another."""
    if at is None:
        return "an unknown time"
    utc = f"{at:%Y-%m-%d %H:%M} UTC"
    return utc if zone == "UTC" else f"{utc} ({at.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %Z})"


def _short(at: datetime | None, zone: str) -> str:
    return "" if at is None else f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
