"""The inventory as a service: its database, who may use it, and what is done beside the requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from collector.receivers.auth import SettingsError, Verifier, is_loopback
from collector.redaction.keys import load_keys
from collector.settings import CollectorSettings
from collector.store.connection import Store
from deploy.beside import Beside, Task
from deploy.collector_service import verifier_of
from deploy.settings import DeploySettings
from inventory.anchors import FileAnchor, Signer, anchor_head, anchored_heads
from inventory.audit import head
from inventory.auth import local
from inventory.auth.authenticator import Authenticator
from inventory.auth.ingest import IngestTokens, Nobody
from inventory.auth.oidc import OidcVerifier
from inventory.auth.oidc_settings import OidcSettings
from inventory.auth.uses import TokenUses
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.db.models import Token
from inventory.publishing import Publisher
from inventory.reading_log import ReadLog
from inventory.registry import finding
from inventory.registry.approvals import Digests
from inventory.registry.change import Registry
from inventory.routes.limits import Limiter
from inventory.services import Inventory
from inventory.settings import ApiSettings, RegistrySettings
from inventory.sight import Sight
from lifecycle.looking import HEARTBEAT_ORG


def database_of(settings: DeploySettings) -> Database:
    """The registry's: MUSTER_DATABASE_URL, or SQLite under the data directory. Raises DatabaseError."""
    url = RegistrySettings().database_url
    return Database(url.get_secret_value() if url else f"sqlite:///{settings.data / 'registry.sqlite'}")


class InventoryService:
    """Build it with the data directory there; `start` brings the tables up and begins the work beside."""

    def __init__(self, settings: DeploySettings, store: Store) -> None:
        self.api = ApiSettings()
        keys, data = settings.collector().keys_path, settings.data
        self.database = database_of(settings)
        self.applied = migrate.upgrade(self.database)
        with self.database.writing() as session:
            if finding.empty(session):
                finding.rebuild(session)
        registry = Registry(self.database)
        oidc = OidcSettings()
        self._provider = OidcVerifier(oidc) if oidc.issuer else None
        self.authenticator = Authenticator(
            self.database, admin=local.admin_token(data) if self.api.local else None, provider=self._provider
        )
        self.ingest = IngestTokens(self.database, _others(settings.collector()))
        self.signer = Signer.of(keys / "audit.pem")
        self._anchor = FileAnchor(data / "anchors" / "audit.jsonl")
        self._publisher = Publisher(registry, store)
        reads = ReadLog(self.database, self.signer)
        self.inventory = Inventory(
            registry=registry,
            known=self.authenticator,
            signer=self.signer,
            anchor=self._anchor,
            reads=reads,
            sight=Sight(registry, reads),
            publisher=self._publisher,
            digests=Digests(load_keys(keys).arguments),
            limiter=Limiter(self.api.rate, self.api.burst),
        )
        self.token_file: Path | None = data / local.FILE if self.api.local else None
        self._check_bind()
        self.ingest.refresh()
        self._ending = (
            *(_noting(known.uses) for known in (self.authenticator, self.ingest)),
            Task("sign the audit log's head", self._sign, RegistrySettings().anchor_minutes * 60),
        )
        publishing = Task("publish the registry", self._publisher.run)
        self._beside = Beside("inventory", _refreshing(self.ingest), publishing, *self._ending)

    def start(self) -> None:
        self._beside.start()

    def stop(self) -> None:
        """The chain's head is signed once more."""
        self._beside.stop()
        for task in self._ending:
            task.run()
        if self._provider is not None:
            self._provider.close()
        self.database.close()

    def _check_bind(self) -> None:
        """Raises SettingsError when others can reach the API and nobody could prove who they are."""
        if self.api.local or self._provider is not None:
            return
        with self.database.reading() as session:
            tokens = session.scalar(
                select(func.count())
                .select_from(Token)
                .where(Token.org != HEARTBEAT_ORG, Token.revoked_at.is_(None), Token.expires_at > datetime.now(UTC))
            )
        if not tokens:
            raise SettingsError(
                f"refusing to listen on {self.api.host or 'all addresses'}: nobody could prove who they are. Issue "
                "tokens first, with MUSTER_API_HOST=127.0.0.1 (muster tokens issue), or set MUSTER_OIDC_ISSUER"
            )

    def _sign(self) -> None:
        """Nothing new: nothing is signed."""
        with self.database.reading() as session:
            newest = head(session)
        if newest.seq and newest not in anchored_heads(self._anchor, self.signer)[-1:]:
            anchor_head(self._anchor, self.signer, newest, datetime.now(UTC))


@contextmanager
def senders(settings: DeploySettings) -> Iterator[tuple[Verifier, Database | None]]:
    """Who may send to a collector alone: the registry's tokens too, where MUSTER_DATABASE_URL says where it is; and
    the registry's database, whose holds retention asks.
    """
    if RegistrySettings().database_url is None:
        yield verifier_of(settings.collector()), None
        return
    database = database_of(settings)
    migrate.check(database)
    tokens = IngestTokens(database, _others(settings.collector()))
    tokens.refresh()
    beside = Beside("senders", _refreshing(tokens), _noting(tokens.uses))
    beside.start()
    try:
        yield tokens, database
    finally:
        beside.stop()
        database.close()


def _refreshing(tokens: IngestTokens) -> Task:
    """As long as the database doesn't answer, what was known goes on."""
    return Task("read which tokens may send", tokens.refresh)


def _noting(uses: TokenUses) -> Task:
    return Task("note when tokens were used", uses.write, every=60.0, at_once=False)


def _others(settings: CollectorSettings) -> Verifier:
    """Who may send without a token of the registry: a token file's, or anybody on a machine of one's own."""
    if settings.tokens_file is None and not is_loopback(settings.host):
        return Nobody()
    return verifier_of(settings)
