"""Policies and the kill switch: changed as data, in versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.contract import lifecycle as wire
from inventory.contract.lifecycle import PolicySpec, Schedule
from inventory.db import cases as db
from inventory.findings.definitions import definitions
from inventory.registry import versioned
from inventory.registry.change import Change
from inventory.registry.errors import Clash, Unfit

KIND: Final = "policy"
_SOON: Final = Schedule(candidate=0, notice=0, reminders=[7], final=13, disable=14)
DEFAULTS: Final[dict[str, PolicySpec]] = {
    "idle-90": PolicySpec(reason="idle", note="Idle for 90 days. It only watches until it is enforced."),
    "ownerless-14": PolicySpec(reason="ownerless", schedule=_SOON),
    "expired-14": PolicySpec(reason="expired", schedule=_SOON),
    "violation-2": PolicySpec(
        reason="violation", schedule=Schedule(candidate=0, notice=0, reminders=[], final=1, disable=2)
    ),
}
"""What an organisation starts with: nothing of it is enforced."""


def listed(session: Session, org: str) -> Sequence[db.Policy]:
    return session.scalars(select(db.Policy).where(db.Policy.org == org).order_by(db.Policy.id)).all()


def enforced(session: Session, org: str) -> set[str]:
    return {row.id for row in listed(session, org) if row.document["enforced"]}


def put(change: Change, name: str, spec: PolicySpec) -> tuple[db.Policy, bool]:
    """Add or change one: it, and whether it is new. Raises Stale, Unconditional, Unfit, or Clash for a reason that has
    one.
    """
    if spec.findings and spec.reason != "violation":
        raise Unfit(("body.findings", "only the policy for violations opens cases of findings", "leave it out"))
    if unknown := sorted(set(spec.findings) - definitions().keys()):
        known = ", ".join(definitions())
        raise Unfit(("body.findings", f"there is no finding {', '.join(unknown)}", f"name some of {known}"))
    there = listed(change.session, change.org)
    other = next((one for one in there if one.id != name and one.document["reason"] == spec.reason), None)
    if other is not None:
        # Whoever changes one that has changed since is told that first.
        change.expects(KIND, name, change.session.get(db.Policy, (change.org, name)))
        raise Clash(
            "There is a policy for this reason", f"{other.id} says what is done about {spec.reason} agents.",
            f"change that one: PUT /v1/lifecycle/policies/{other.id}", "policy-exists",
        )  # fmt: skip
    return versioned.put(change, db.Policy, KIND, name, spec.model_dump(mode="json"))


def begin(change: Change) -> int:
    """What an organisation starts with, where it has no policy at all: how many were added."""
    if listed(change.session, change.org):
        return 0
    for name, spec in DEFAULTS.items():
        put(change, name, spec)
    return len(DEFAULTS)


def switch(session: Session, org: str) -> wire.SwitchState:
    row = session.get(db.Switch, org)
    if row is None:
        return wire.SwitchState(enforcement=True, reason="", by="", at=None)
    return wire.SwitchState(enforcement=row.enforcement, reason=row.reason, by=row.by, at=row.at)


def set_switch(change: Change, given: wire.Switch) -> wire.SwitchState:
    before = switch(change.session, change.org)
    row = change.session.get(db.Switch, change.org, with_for_update=True)
    if row is None:
        row = db.Switch(org=change.org)
        change.session.add(row)
    row.enforcement, row.reason, row.by, row.at = given.enforcement, given.reason, change.actor, change.at
    after = wire.SwitchState(enforcement=row.enforcement, reason=row.reason, by=row.by, at=row.at)
    word = "on" if given.enforcement else "off"
    change.record(word, "switch", "enforcement", before.model_dump(mode="json"), after.model_dump(mode="json"))
    return after
