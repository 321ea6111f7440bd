"""Does it add up? Per hour and sender: received = stored + absorbed + rejected + waiting + dead.

Everything but *stored* comes from the ledger and the spool. *Stored* is what the tables count by BatchId, asked
now: a loader's own count would only repeat its own mistake.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from collector.ledger import BatchShare, Dead, Ledger
from collector.segment import Sender
from collector.signals import Signal
from collector.spool import Spool
from collector.store.connection import Store
from collector.store.writer import Writer

HOUR = 3600
_PARAMETERS = 1_000


@dataclass(slots=True)
class Account:
    """Items of one sender in one hour (Unix seconds at its start), by what became of them."""

    signal: Signal
    sender: Sender
    received: int = 0
    stored: int = 0
    absorbed: int = 0
    rejected: int = 0
    waiting: int = 0
    dead: int = 0

    @property
    def difference(self) -> int:
        """Items received and not accounted for; negative when more rows exist than were received."""
        return self.received - self.stored - self.absorbed - self.rejected - self.waiting - self.dead


def reconcile(store: Store, writer: Writer, ledger: Ledger, spool: Spool, since: int, until: int) -> list[Account]:
    """Accounts of the hours that start in [since, until), Unix seconds, by hour, signal and sender.

    Exact while senders send: what is being stored counts as waiting until the ledger has it.
    """
    # Waiting first: a batch that is stored meanwhile then shows in both, and the ledger's word is taken.
    waiting = [row for row in spool.waiting() if since <= row[2].hour < until]
    shares = ledger.shares(since, until)
    dead = ledger.dead(since, until)
    finished = {share.batch_id for share in shares}
    accounts: dict[tuple[Signal, Sender], Account] = {}

    def account(signal: Signal, sender: Sender) -> Account:
        return accounts.setdefault((signal, sender), Account(signal, sender))

    for batch_id, signal, sender, tally in waiting:
        if batch_id not in finished:
            entry = account(signal, sender)
            entry.received += tally.received
            entry.absorbed += tally.absorbed
            entry.rejected += tally.rejected
            entry.waiting += tally.items
    for share in shares:
        entry = account(share.signal, share.sender)
        entry.received += share.tally.received
        entry.absorbed += share.tally.absorbed
        entry.rejected += share.tally.rejected
    for letter in dead:
        entry = account(letter.signal, letter.sender)
        entry.dead += letter.items
        if letter.batch_id not in finished:
            entry.waiting -= letter.items
    for (signal, sender), rows in _stored(store, writer, shares).items():
        account(signal, sender).stored += rows
    return sorted(accounts.values(), key=lambda a: (a.sender.hour, a.signal, a.sender.org, a.sender.identity))


def _stored(store: Store, writer: Writer, shares: Iterable[BatchShare]) -> dict[tuple[Signal, Sender], int]:
    """Rows in the tables by sender and hour, of these batches."""
    batches: dict[Signal, list[str]] = defaultdict(list)
    hours = set()
    for share in shares:
        batches[share.signal].append(share.batch_id)
        hours.add(share.sender.hour)
    counted: dict[tuple[Signal, Sender], int] = defaultdict(int)
    with store.reader() as client:
        for signal, ids in batches.items():
            names = sorted(set(ids))
            for table in writer.tables[signal]:
                for start in range(0, len(names), _PARAMETERS):
                    some = names[start : start + _PARAMETERS]
                    rows = client.query(
                        "SELECT toUnixTimestamp(toStartOfHour(ReceivedAt, 'UTC')), Org, Identity, count() "
                        f"FROM {table} "
                        "WHERE BatchId BETWEEN {first:String} AND {last:String} AND BatchId IN {some:Array(String)} "
                        "GROUP BY ALL",
                        parameters={"first": some[0], "last": some[-1], "some": some},
                    ).result_rows
                    for hour, org, identity, count in rows:
                        if hour in hours:
                            counted[signal, Sender(int(hour), org, identity)] += int(count)
    return counted


def unaccounted(accounts: Iterable[Account]) -> int:
    """Items that are missing or too many, over all accounts."""
    return sum(abs(account.difference) for account in accounts)


__all__ = ["Account", "Dead", "reconcile", "unaccounted"]
