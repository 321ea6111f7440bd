"""An inventory for the API: on SQLite, with callers who need prove nothing or with real credentials."""

from __future__ import annotations

from pathlib import Path

from clickhouse_connect.driver.client import Client

from collector.store.connection import StoreError
from inventory.anchors import FileAnchor, Signer
from inventory.auth.caller import Caller, Kind
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.publishing import Publisher
from inventory.readers import Writers
from inventory.reading_log import ReadLog
from inventory.registry.approvals import Digests
from inventory.registry.change import Registry
from inventory.routes.door import Known
from inventory.routes.limits import Limiter
from inventory.services import Inventory
from inventory.sight import Sight

DIGEST_KEY = "0" * 64


class Everybody:
    """Takes anybody as this caller."""

    def __init__(self, caller: Caller) -> None:
        self.is_now = caller

    def caller(self, authorization: str | None) -> Caller:
        return self.is_now


def local(org: str = "default") -> Everybody:
    return Everybody(Caller(org, "local:admin", Kind.LOCAL))


class NoEngine:
    """There is nothing to publish into."""

    def client(self) -> Client:
        raise StoreError("there is no engine here")


def inventory(
    directory: Path, known: Known | None = None, database: Database | None = None, store: Writers | None = None
) -> Inventory:
    """In a directory of its own; without `known` everybody is the admin of the default organisation."""
    if database is None:
        database = Database(f"sqlite:///{directory / 'registry.sqlite'}")
        migrate.upgrade(database)
    registry = Registry(database)
    signer = Signer.of(directory / "audit.pem")
    reads = ReadLog(database, signer)
    return Inventory(
        registry=registry,
        known=known or local(),
        signer=signer,
        anchor=FileAnchor(directory / "anchors"),
        reads=reads,
        sight=Sight(registry, reads),
        publisher=Publisher(registry, store or NoEngine()),
        digests=Digests(DIGEST_KEY),
        limiter=Limiter(1e6, 1e6, guesses=1e6),
    )
