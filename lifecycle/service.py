"""The lifecycle as one piece: what it is made of, and its jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from inventory.anchors import Signer
from inventory.auth.caller import Caller, Kind
from inventory.readers import Readers
from inventory.registry import people
from inventory.registry.change import Asking, Registry
from lifecycle import policies
from lifecycle.bounces import Bounces
from lifecycle.canary import Canary
from lifecycle.chat import Chat
from lifecycle.connectors.base import Connector
from lifecycle.connectors.ingest import IngestTokens
from lifecycle.enforcing import Enforcer
from lifecycle.evaluation import ACTOR, Evaluator
from lifecycle.jobs import Job, Runs, each
from lifecycle.lease import Lease
from lifecycle.looking import HEARTBEAT_ORG
from lifecycle.mail import Mailer
from lifecycle.plans import Connectors
from lifecycle.scheduler import Scheduler
from lifecycle.sending import Sender
from lifecycle.settings import LifecycleSettings, MailSettings
from lifecycle.steps import Steps

log = logging.getLogger(__name__)
_EVALUATED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What acts, and what the API asks."""

    registry: Registry
    store: Readers
    evaluator: Evaluator
    connectors: Connectors
    sender: Sender
    bounces: Bounces
    lease: Lease
    scheduler: Scheduler

    def organisations(self) -> list[str]:
        with self.registry.reading() as session:
            return [org for org in people.organisations(session) if org != HEARTBEAT_ORG]


def build(
    registry: Registry,
    store: Readers,
    signer: Signer,
    settings: LifecycleSettings,
    mail: MailSettings,
    *,
    otlp: Callable[[], str],
    resolve: Callable[[str], object],
    more: Iterable[Connector] = (),
    more_jobs: Iterable[Job] = (),
) -> Lifecycle:
    """`otlp`: the collector's HTTP address, for the canary; `resolve`: the publisher's; `more`: connectors beside the
    one to the registry's own tokens; `more_jobs`: what else runs by the clock.
    """
    connectors = Connectors(IngestTokens(registry), *more)
    enforcer = Enforcer(registry, store, connectors, Steps(registry, connectors))
    evaluator = Evaluator(registry, store, enforcer, resolve)
    sender = Sender(
        registry, signer, Mailer(mail), public_url=settings.public_url, zone=settings.zone,
        chat=Chat(settings.chat_url) if settings.chat_url else None,
    )  # fmt: skip
    bounces = Bounces(registry, settings.bounces)
    lease = Lease(registry.database)
    canary = Canary(registry, otlp)
    jobs: dict[str, Job] = {}
    scheduler = Scheduler(registry.database, lease, Runs(registry, lease), jobs)
    made = Lifecycle(registry, store, evaluator, connectors, sender, bounces, lease, scheduler)
    jobs |= jobs_of(made, canary) | {job.name: job for job in more_jobs}
    return made


def jobs_of(made: Lifecycle, canary: Canary) -> dict[str, Job]:
    def evaluate(dry_run: bool) -> Mapping[str, Any]:
        return each(
            made.organisations(),
            lambda org: _planned(made, org) if dry_run else made.evaluator.run(org, made.lease).summary(),
        )

    def decisions(dry_run: bool) -> Mapping[str, Any]:
        return each(
            made.organisations(), lambda org: {} if dry_run else made.evaluator.decisions(org, made.lease).summary()
        )

    def notices(dry_run: bool) -> Mapping[str, Any]:
        return each(made.organisations(), lambda org: {} if dry_run else made.sender.run(org, made.lease).summary())

    def returned(dry_run: bool) -> Mapping[str, Any]:
        return {"bounced": 0 if dry_run else made.bounces.run(made.lease)}

    def heartbeat(dry_run: bool) -> Mapping[str, Any]:
        if not dry_run:
            canary.run()
        return {}

    return {
        job.name: job
        for job in (
            Job("heartbeat", timedelta(minutes=5), heartbeat, "send a span the way that agents' spans go"),
            Job("evaluate", _EVALUATED, evaluate, "open cases, move them, disable what nobody answers for"),
            Job("decisions", timedelta(seconds=10), decisions, "do what people decided, and go on where it was left"),
            Job("notices", timedelta(seconds=15), notices, "send what is queued, and see what was delivered"),
            Job("bounces", timedelta(minutes=1), returned, "read what mail servers returned"),
        )
    }


def begin(made: Lifecycle) -> int:
    """Policies for every organisation that has none; nothing of them is enforced. How many were added."""
    added = 0
    for org in made.organisations():
        with made.registry.changing(Asking(Caller(org, ACTOR, Kind.LOCAL), "begin")) as change:
            added += policies.begin(change)
    return added


def _planned(made: Lifecycle, org: str) -> dict[str, Any]:
    plan = made.evaluator.plan(org)
    return {"would": [one.model_dump(mode="json") for one in plan.planned if one.now][:100], "stopped": plan.stopped}
