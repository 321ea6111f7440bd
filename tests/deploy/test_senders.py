"""A collector alone knows the registry's tokens, when it is told where the registry is."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.errors import Unauthenticated
from deploy.inventory_service import database_of, senders
from deploy.settings import DeploySettings
from inventory.contract.people import NewToken
from inventory.db import migrate
from inventory.db.engine import DatabaseError
from inventory.registry import tokens
from inventory.registry.change import Registry
from tests.inventory.registry.asking import add, asking
from tests.server import wait_for


def test_tokens_of_the_registry_are_known_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DeploySettings(data=tmp_path)
    with senders(settings) as (alone, nowhere):
        assert nowhere is None
        assert alone.verify("Bearer muster_x").identity == ""  # nobody is asked for anything on one's own machine
    monkeypatch.setenv("MUSTER_DATABASE_URL", f"sqlite:///{tmp_path / 'r.sqlite'}")
    with pytest.raises(DatabaseError, match="muster migrate"), senders(settings):
        pass
    database = database_of(settings)
    migrate.upgrade(database)
    registry = Registry(database)
    add(registry, "drafter")
    with senders(settings) as (verifier, asked):
        assert asked is not None
        with registry.changing(asking()) as change:
            _, secret = tokens.issue(change, NewToken(kind="agent", name="x", agents=["drafter"]))

        def known() -> bool:
            try:
                return verifier.verify(f"Bearer {secret}").identity == "drafter"
            except Unauthenticated:
                return False

        wait_for(known, "the token is known", 10)
    database.close()
