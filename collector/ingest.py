"""The collector's working parts, wired: intake → spool → loader → store, their ledger and their health."""

from __future__ import annotations

from collector.costing import Costing
from collector.housekeeping import Housekeeping
from collector.intake import Intake
from collector.ledger import Ledger
from collector.loader import Loader
from collector.price_book import PriceBook
from collector.reconcile import Account, reconcile
from collector.redaction.keys import load_keys
from collector.redaction.policy import policy_of
from collector.redaction.redactor import Redactor
from collector.redaction.request import RequestRedaction
from collector.retention.holds import Holds
from collector.retention.job import Retention
from collector.retention.policy import load as retention_policy
from collector.retention.schedule import RetentionSchedule
from collector.sealing.operations import add_seal_levels
from collector.sealing.reprice import Repricing
from collector.sealing.sealer import Sealer
from collector.selfobs import Observations
from collector.settings import CollectorSettings
from collector.signals import Signal
from collector.spool import Spool
from collector.store import facts
from collector.store.connection import Store
from collector.store.digests import arguments_digest
from collector.store.writer import Writer


class Ingest:
    """`start` after the store is migrated; `stop` leaves nothing half done: what waits is on disk."""

    def __init__(
        self, settings: CollectorSettings, store: Store, observations: Observations, holds: Holds | None = None
    ) -> None:
        """`holds`: what retention asks before anything goes."""
        self.settings = settings
        self.store = store
        self.observations = observations
        self.ledger = Ledger(settings.spool_path / "ledger.sqlite")
        self.spool = Spool(settings, self.ledger)
        policy = policy_of(settings)
        keys = load_keys(settings.keys_path)
        self.writer = Writer(store, policy, keys)
        self.intake = Intake(self.spool, self.ledger, settings, observations)
        redaction = RequestRedaction(
            Redactor(policy, keys.token),
            lambda arguments: arguments_digest(arguments, keys.arguments.encode()),
            facts.names_of("ToolArguments"),
        )
        self.loader = Loader(self.spool, self.ledger, self.writer, observations, settings.loaders, redaction)
        self.housekeeping = Housekeeping(
            self.ledger, self.accounts, every=settings.reconcile_every, keep=settings.ledger_keep
        )
        self.sealer = self.repricing = None
        if settings.seal:
            costing = Costing(PriceBook.load(settings.prices_file))
            self.sealer = Sealer(store, costing, settings.spool_path / "seals", settings)
            self.repricing = Repricing(self.sealer, store)
            add_seal_levels(observations, self.sealer)
        self.retention = self.schedule = None
        if settings.retention_file:
            policy_kept = retention_policy(settings.retention_file)
            self.retention = Retention(store, policy_kept, holds, paused=self.loader.paused)
            self.schedule = RetentionSchedule(self.retention, every=settings.retention_every)
        self._levels()

    def start(self) -> None:
        self.spool.start()
        self.loader.start()
        self.housekeeping.start()
        if self.sealer is not None:
            self.sealer.start()
        if self.schedule is not None:
            self.schedule.start()

    def stop(self) -> None:
        """Receivers must have stopped. Ends within the time of the inserts under way."""
        self.housekeeping.stop()
        if self.schedule is not None:
            self.schedule.stop()
        if self.repricing is not None:
            self.repricing.stop()
        if self.sealer is not None:
            self.sealer.stop()
        self.spool.close()
        self.loader.stop()
        self.ledger.close()

    def accounts(self, since: int, until: int) -> list[Account]:
        """The accounts of the hours that start in [since, until), Unix seconds; see `reconcile`."""
        return reconcile(self.store, self.writer, self.ledger, self.spool, since, until)

    def problems(self) -> list[str]:
        """Why this collector shouldn't be sent anything, in words; empty when it should."""
        found: list[str] = []
        if not self.spool.alive:
            found.append("the spool's writer is not running: see the log")
        if self.spool.problem:
            found.append(self.spool.problem)
        try:
            self.spool.check()
        except Exception as error:  # noqa: BLE001 (whatever refuses senders is the answer here)
            found.append(str(error))
        loader = self.loader.state
        if not loader.alive:
            found.append("a loader thread is not running: see the log")
        if loader.problem:
            found.append(f"loading stands still: {loader.problem}")
        return found

    def warnings(self) -> list[str]:
        """What a person should look into although this collector can be sent to; empty when there is nothing."""
        found: list[str] = []
        if lost := self.spool.lost:
            found.append(
                f"{len(lost)} spool segments are missing or damaged, with what was acknowledged in them: {lost[0]} …; "
                "put them back into the spool and restart"
            )
        if difference := self.housekeeping.difference:
            found.append(f"{difference} items are not accounted for: see `muster reconcile`")
        if self.sealer is not None and not self.sealer.state.alive:
            found.append("the sealer is not running: costs and summaries stand still: see the log")
        elif self.sealer is not None and self.sealer.state.problem:
            found.append(f"sealing stands still: {self.sealer.state.problem}")
        if self.schedule is not None and self.schedule.problem:
            found.append(f"retention: {self.schedule.problem}")
        if letters := len(self.ledger.dead()):
            found.append(f"{letters} requests could not be read by the store: see `muster dead list`")
        return found

    def _levels(self) -> None:
        add = self.observations.gauge
        add(
            "muster.waiting.items",
            "items acknowledged and not yet stored",
            lambda: {(("signal", s.value),): n for s, n in self.spool.state().items.items()},
        )
        add(
            "muster.waiting.size", "bytes acknowledged and not yet stored", lambda: {(): self.spool.state().bytes}, "By"
        )
        add("muster.lag", "age of the oldest request not yet stored", lambda: {(): self.spool.state().oldest}, "s")
        add("muster.ready", "1 when senders are welcome", lambda: {(): float(not self.problems())})
        add("muster.lost.segments", "spool segments missing or damaged", lambda: {(): len(self.spool.lost)})
        add("muster.unaccounted.items", "what the last reconciliation missed or had too many", self._unaccounted)
        add("muster.dead.letters", "items of dead letters kept", self._dead)

    def _unaccounted(self) -> dict[tuple[tuple[str, str], ...], float]:
        difference = self.housekeeping.difference
        return {} if difference is None else {(): float(difference)}

    def _dead(self) -> dict[tuple[tuple[str, str], ...], float]:
        items = dict.fromkeys(Signal, 0)
        for letter in self.ledger.dead():
            items[letter.signal] += letter.items
        return {(("signal", signal.value),): float(count) for signal, count in items.items()}
