"""Dead letters go back into the spool when what made them unreadable is mended."""

from __future__ import annotations

import threading
from dataclasses import replace

from collector.errors import CollectorError
from collector.ledger import Ledger
from collector.spool import Append, Spool

_TIMEOUT = 60.0


class DeadLetters:
    """Requeues dead letters, one at a time."""

    def __init__(self, spool: Spool, ledger: Ledger) -> None:
        self._spool = spool
        self._ledger = ledger
        self._lock = threading.Lock()

    def requeue(self, name: str) -> int:
        """Put a dead letter back; its items. Raises KeyError, `Corrupt`, or what the spool refuses with.

        It was received and recognised before, so it counts as received no more. A crash after it is on disk and
        before the ledger knows leaves it dead as well as waiting; reconciliation then shows the difference.
        """
        with self._lock:
            letter = next((letter for letter in self._ledger.dead() if letter.name == name), None)
            if letter is None:
                raise KeyError(name)
            record = self._spool.exhume(name, letter.signal)
            written = threading.Event()
            failure: list[CollectorError] = []

            def done(_: list[Append], error: CollectorError | None) -> None:
                if error is not None:
                    failure.append(error)
                written.set()

            self._spool.check()
            again = replace(record, received=0, rejected=0, digest=bytes(16))
            self._spool.append(Append(letter.signal, again, done))
            if not written.wait(_TIMEOUT):
                raise TimeoutError("the spool's writer doesn't answer")
            if failure:
                raise failure[0]
            self._ledger.requeued(name)
            self._spool.forget_dead(name, letter.signal)
            return letter.items
