"""A retirement is archived by the records: the lifecycle waits for it, goes on when it counts, and says where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.costing import Costing
from collector.price_book import PriceBook
from collector.retention.job import Retention
from collector.retention.policy import Policy
from collector.sealing.sealer import Sealer
from collector.settings import CollectorSettings
from collector.store.connection import Store
from deploy.archive import Archive
from exporters import packages, service, works
from exporters.service import Records
from exporters.settings import RecordsSettings
from exporters.signing import KeyFile
from exporters.targets.base import TargetError
from exporters.targets.folder import Folder
from exporters.verifying import verify_all
from inventory.db import migrate
from inventory.db.engine import Database
from tests.engines import clear
from tests.lifecycle.conftest import box
from tests.lifecycle.smtp import Box
from tests.lifecycle.test_flow import ALICE, BOB, CAROL, agreed
from tests.lifecycle.world import BEGIN, DAY, World

__all__ = ["box"]


@pytest.fixture
def world(scratch: Store, tmp_path: Path, box: Box) -> World:
    clear(scratch)
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite'}")
    migrate.upgrade(database)
    made = World(scratch, database, tmp_path, box, beating=False)
    made._beating = True  # for all days at once, since the store was emptied
    made.beats(BEGIN - DAY, BEGIN + 200 * DAY)
    for who in (ALICE, BOB, CAROL):
        made.person(who)
    return made


@pytest.fixture
def records(world: World, tmp_path: Path) -> Records:
    made = service.build(
        world.registry, world.store, RecordsSettings(), Folder(tmp_path / "records"),
        KeyFile(tmp_path / "records.pem"), Retention(world.store, Policy()), tmp_path / "staging",
    )  # fmt: skip
    world.connectors._known["archive"] = Archive(made)
    return made


def test_an_agent_is_retired_when_all_of_it_is_archived(
    world: World, records: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.agent("drafter", ALICE)
    world.policy()
    world.active("drafter")
    sealer = Sealer(world.store, Costing(PriceBook()), tmp_path / "seals", CollectorSettings(seal_quiet=0.001))
    sealer.run_once()
    world.publisher.run()
    case = world.until("disabled", "drafter")
    world.days(4, each=8)  # in which one step would give everything back
    agreed(world, case, "revoke")
    world.days(2)
    agreed(world, case, "archive", BOB, CAROL)
    world.days(1)
    found = world.case("drafter")
    assert found is not None
    assert (found.state, found.locked) == ("triggers-removed", "archive")
    assert "is being written" in found.blocked
    assert [one.failures for one in world.days(1)] == [[]], "what takes long is no failure"

    def gone(self: Folder, mode: str) -> None:
        raise TargetError("the disk is gone: put it back")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "check", gone)
        assert records.worker.turn()
        assert "the disk is gone" in world.days(1)[0].failures[0]
    found = world.case("drafter")
    assert found is not None
    assert (found.state, "the disk is gone" in found.blocked) == ("triggers-removed", True)
    with world.registry.changing(world.asking()) as change:
        (package,) = packages.of_agent(change.session, world.org, "drafter")
        works.ask(change, package.id, "export")
    assert records.worker.turn()
    world.days(2)
    retired = world.case("drafter")
    assert retired is not None
    assert (retired.state, world.state("drafter")) == ("retired", "retired")
    (step,) = [one for one in retired.facts["certificate"]["steps"] if one["connector"] == "archive"]
    with world.registry.reading() as session:
        kept = packages.get(session, world.org, package.id)
    assert (step["state"], kept.kind, kept.state) == ("done", "retirement", "committed")
    assert step["result"]["tagmanifest_sha256"] == kept.manifest_sha256
    assert step["result"]["rows"] == kept.rows > 0
    (verdict,) = verify_all(records.target)
    assert verdict.findings == []
    assert verdict.rows == kept.rows
