"""What is wrong with a configuration, before anything starts."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.price_book import PRICES_FILE_SETTING, PriceBook
from collector.price_file import PriceFileError
from collector.receivers.auth import Anonymous, SettingsError, StaticTokens, Verifier, check_bind
from collector.redaction.policy import PolicyError, policy_of
from collector.retention.policy import PolicyError as RetentionError
from collector.retention.policy import load as retention_policy
from collector.settings import CollectorSettings
from collector.store.connection import Store, StoreError
from collector.store.migrate import plan
from deploy.inventory_service import database_of
from deploy.settings import DeploySettings
from exporters.service import target_of
from exporters.settings import RecordsSettings
from exporters.targets.base import TargetError
from inventory.auth.oidc_settings import MappingError, OidcSettings
from inventory.db.cases import Policy
from inventory.db.engine import DatabaseError
from inventory.db.migrate import waiting
from inventory.db.records import RecordSchedule
from inventory.settings import ApiSettings
from lifecycle.settings import LifecycleSettings, MailSettings


def findings(settings: DeploySettings) -> list[str]:
    """Each problem in words, with its remedy. Starts nothing, writes only the store's own files."""
    collector, store = settings.collector(), settings.store()
    problems: list[str] = []
    try:
        verifier: Verifier = StaticTokens(collector.tokens_file) if collector.tokens_file else Anonymous()
        check_bind(collector.host, verifier)
    except (SettingsError, OSError) as error:
        problems.append(str(error))
    try:
        PriceBook.load(collector.prices_file)
    except PriceFileError as error:
        problems.append(f"{error}: mend it, or unset {PRICES_FILE_SETTING}")
    try:
        policy_of(collector)
    except PolicyError as error:
        problems.append(f"{error}: mend it, or unset MUSTER_COLLECTOR_REDACTION_FILE")
    try:
        if collector.retention_file:
            retention_policy(collector.retention_file)
    except RetentionError as error:
        problems.append(f"{error}: mend it, or unset MUSTER_COLLECTOR_RETENTION_FILE")
    problems += _inventory(settings)
    for name, host, port in _ports(settings, collector):
        if port and not _free(host, port):
            problems.append(f"port {port} on {host} is taken: stop what listens there, or set {name}")
    problems += [
        f"{directory} can't be written: check its owner, or set MUSTER_DATA"
        for directory in (settings.data, collector.spool_path)
        if not _writable(directory)
    ]
    reads = store.readers * store.query_memory_bytes
    if store.dsn is None and reads > store.memory_bytes // 2 + store.memory_bytes // 4:
        problems.append(
            f"{store.readers} reads of {store.query_memory_bytes} bytes leave inserts too little of the engine's "
            f"{store.memory_bytes}: lower MUSTER_STORE_READERS or MUSTER_STORE_QUERY_MEMORY_BYTES"
        )
    try:
        with Store(store) as opened:
            plan(opened)
    except StoreError as error:
        problems.append(str(error))
    return problems


def _inventory(settings: DeploySettings) -> list[str]:
    """What is wrong with the registry's database and with who may sign in."""
    found: list[str] = []
    try:
        OidcSettings().groups()
    except MappingError as error:
        found.append(str(error))
    try:
        database = database_of(settings)
        try:
            there = not database.sqlite or (settings.data / "registry.sqlite").exists()
            if there and not waiting(database):  # a file that isn't there yet would be made by asking
                with database.reading() as session:
                    found += _lifecycle(session, settings)
        finally:
            database.close()
    except DatabaseError as error:
        found.append(str(error))
    return found


def _records(session: Session, settings: DeploySettings) -> list[str]:
    """Schedules that are to archive, and a target that can't keep it."""
    if not any(row.document["enabled"] for row in session.scalars(select(RecordSchedule))):
        return []
    records = RecordsSettings()
    try:
        target_of(records, settings.data).check(records.lock)
    except TargetError as error:
        return [str(error)]
    return []


def _lifecycle(session: Session, settings: DeploySettings) -> list[str]:
    """Policies that are to act, and can't since nobody would be told; and what records want."""
    LifecycleSettings()
    found = _records(session, settings)
    enforced = sorted(row.id for row in session.scalars(select(Policy)) if row.document["enforced"])
    if not enforced or MailSettings().host:
        return found
    return [
        *found,
        f"{', '.join(dict.fromkeys(enforced))} is enforced and there is no mail server: nobody is told, so nothing "
        "advances. Set MUSTER_SMTP_HOST, or let it only watch (muster lifecycle policy enforce --off)",
    ]


def _ports(settings: DeploySettings, collector: CollectorSettings) -> list[tuple[str, str, int]]:
    ports = [
        ("MUSTER_COLLECTOR_HTTP_PORT", collector.host, collector.http_port),
        ("MUSTER_COLLECTOR_GRPC_PORT", collector.host, collector.grpc_port),
        ("MUSTER_API_PORT", (api := ApiSettings()).host, api.port),
    ]
    if settings.dashboards:
        ports.append(("MUSTER_DASHBOARDS_PORT", "127.0.0.1", settings.dashboards_port))
    return ports


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _writable(directory: Path) -> bool:
    existing = directory.resolve()
    while not existing.exists():
        existing = existing.parent
    return os.access(existing, os.W_OK | os.X_OK)
