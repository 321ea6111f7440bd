"""The collector's working parts, wired: intake → spool → loader → store, their ledger and their health."""

from __future__ import annotations

from collector.housekeeping import Housekeeping
from collector.intake import Intake
from collector.ledger import Ledger
from collector.loader import Loader
from collector.reconcile import Account, reconcile
from collector.selfobs import Observations
from collector.settings import CollectorSettings
from collector.signals import Signal
from collector.spool import Spool
from collector.store.connection import Store
from collector.store.writer import Writer


class Ingest:
    """`start` after the store is migrated; `stop` leaves nothing half done: what waits is on disk."""

    def __init__(self, settings: CollectorSettings, store: Store, observations: Observations) -> None:
        self.settings = settings
        self.store = store
        self.observations = observations
        self.ledger = Ledger(settings.spool_path / "ledger.sqlite")
        self.spool = Spool(settings, self.ledger)
        self.writer = Writer(store)
        self.intake = Intake(self.spool, self.ledger, settings, observations)
        self.loader = Loader(self.spool, self.ledger, self.writer, observations, settings.loaders)
        self.housekeeping = Housekeeping(
            self.ledger, self.accounts, every=settings.reconcile_every, keep=settings.ledger_keep
        )
        self._levels()

    def start(self) -> None:
        self.spool.start()
        self.loader.start()
        self.housekeeping.start()

    def stop(self) -> None:
        """Receivers must have stopped. Ends within the time of the inserts under way."""
        self.housekeeping.stop()
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
