"""The commands of records against a running API, with somebody at work."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from collector.store.connection import Store
from deploy.cli import app
from exporters.service import Records
from exporters.signing import fingerprint
from inventory.auth.authenticator import Authenticator
from inventory.auth.roles import Role
from inventory.client import Conflict, NotAllowed, NotFound
from inventory.contract.people import NewToken, RoleGiven, Roles
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.registry import people, tokens
from tests.engines import clear
from tests.exporters.world import World
from tests.inventory.access import inventory
from tests.inventory.registry.asking import asking
from tests.inventory.serving import served
from tests.inventory.whole import records_of, whole_app
from tests.server import wait_for

_SECRET = "muster-admin_of-these-commands"
Run = Callable[..., str]


@dataclass(frozen=True)
class Running:
    url: str
    world: World
    records: Records
    second: str
    """A token of a records officer."""


@pytest.fixture(scope="module")
def running(scratch: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("records")
    database = Database(f"sqlite:///{directory / 'registry.sqlite'}")
    migrate.upgrade(database)
    clear(scratch)
    world = World(scratch, database, directory)
    world.agent("drafter")
    world.month("drafter", traces=1, days=[2, 3])
    with world.registry.changing(asking(if_match="*")) as change:
        people.put_roles(change, "alice@example.org", Roles(roles=[RoleGiven(role=Role.RECORDS)]))
    # Issued by somebody else: whoever issued a token may be who really speaks with it.
    with world.registry.changing(world.asking("carol@example.org")) as change:
        given = NewToken(kind="person", name="officer", person="alice@example.org")
        _, second = tokens.issue(change, given)
    built = inventory(directory, Authenticator(database, admin=tokens.digest_of(_SECRET)), database, scratch)
    records = records_of(scratch, built)
    records.worker.start()
    with served(whole_app(scratch, built, records)) as url:
        yield Running(url, world, records, second)
    records.worker.stop()
    clear(scratch)


@pytest.fixture
def run(running: Running, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MUSTER_API_URL", running.url)
    monkeypatch.setenv("MUSTER_API_TOKEN", _SECRET)

    def invoke(*arguments: str, code: int = 0, **more: Any) -> str:
        result = CliRunner().invoke(app, list(arguments), **more)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def test_schedules_are_data_that_nobody_verified_and_nothing_follows_yet(run: Run, tmp_path: Path) -> None:
    said = run("records", "schedules", "list")
    assert re.search(r"grs-3-2-036 .* 30 months .* unverified", said)
    given = yaml.safe_load(run("records", "schedules", "show", "grs-3-2-036"))
    assert given["enabled"] is False
    file = tmp_path / "schedule.yaml"
    file.write_text(yaml.safe_dump({**given, "enabled": True}))
    with pytest.raises(ValueError, match="verified_by: name who checked it"):
        run("records", "schedules", "put", "grs-3-2-036", "-f", str(file))
    file.write_text(yaml.safe_dump({**given, "title": "Event logs"}))
    assert "grs-3-2-036 is at version 2" in run("records", "schedules", "put", "grs-3-2-036", "-f", str(file))
    assert "there is no schedule none" in run("records", "schedules", "show", "none", code=2)


def test_from_an_export_to_its_certificate(run: Run, running: Running, tmp_path: Path) -> None:
    assert "no package yet" in run("records", "list")
    assert "✗" in run("records", "calendar")
    short = {"title": "Short", "authority": "tests", "period": "7 days", "enabled": True,
             "verified_by": "alice@example.org"}  # fmt: skip
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(short))
    run("records", "schedules", "put", "short", "-f", str(tmp_path / "short.yaml"))

    said = run("records", "export", "drafter", "--month", "2026-10")
    found = re.search(r"(pkg_[0-9a-f]{16}): ([\d,]+) rows, [\d.]+ kB in (\S+), number 1 of the chain", said)
    assert found, said
    name, place = found[1], Path(found[3])
    assert "nothing of drafter" in run("records", "export", "drafter", "--from", "2026-10-01", "--to", "2026-11-01")
    shown = run("records", "show", name, "--files")
    assert re.search(rf"signed with +{fingerprint(running.records.signer.pem)}", shown)
    assert "data/traces/2026-10-02.jsonl.zst" in shown
    assert "●" in run("records", "calendar")
    assert json.loads(run("records", "calendar", "--json"))[0]["months"][0]["state"] == "complete"
    assert fingerprint(running.records.signer.pem) in run("records", "keys")

    assert f"{name} is as it was signed: {found[2]} rows" in run("records", "verify", name)
    key = ("--key", fingerprint(running.records.signer.pem))
    assert f"{name} is as it was signed" in run("records", "verify", str(place.parents[1]), *key)
    changed = place / "data" / "agent.json"
    before = changed.read_bytes()
    changed.chmod(0o600)
    changed.write_bytes(before.replace(b"drafter", b"crafter", 1))
    assert "agent.json: it isn't what was signed" in run("records", "verify", str(place), code=1)
    assert "agent.json: it isn't what was signed" in run("records", "verify", name, code=1)
    changed.write_bytes(before)

    said = run("records", "restore", name)
    database = re.search(r"are in the database (\w+)", said)
    assert database, said
    within = running.world.store.within(database[1])
    assert within.client().command("SELECT count() FROM otel_traces") == 6
    within.close()
    assert f"{database[1]} is gone" in run("records", "restore", name, "--drop")
    with pytest.raises(NotFound):
        run("records", "restore", name, "--drop")

    held = re.search(
        r"hold_[0-9a-f]{16}", run("records", "hold", "2026-CV-1", "--agent", "drafter", "--reason", "suit")
    )
    assert held
    assert "held for 2026-CV-1 by local:admin since" in run("records", "show", name)
    with pytest.raises(Conflict, match="it is held for 2026-CV-1"):
        run("records", "dispose", name, "--reason", "over")
    assert "2026-CV-1" in run("records", "holds")
    run("records", "release", held[0], "--reason", "settled")
    assert "nothing is held" in run("records", "holds")

    asked = re.search(r"disp_[0-9a-f]{16}", run("records", "dispose", name, "--reason", "over"))
    assert asked
    with pytest.raises(NotAllowed, match="Somebody else must decide this"):
        run("records", "approve", asked[0])
    said = run("records", "approve", asked[0], env={"MUSTER_API_TOKEN": running.second})
    assert f"{name} is being destroyed" in said
    wait_for(lambda: "disposed of" in run("records", "show", name), "it is disposed of")
    certificate = yaml.safe_load(run("records", "certificate", name))
    assert certificate["rows"]["after"] == dict.fromkeys(certificate["rows_before"], 0)
    assert (certificate["requested_by"], certificate["approved_by"]) == ("local:admin", "person:alice@example.org")
    assert f"{name} was destroyed, as its certificate says" in run("records", "verify", str(place.parents[1]), *key)
    assert "†" in run("records", "calendar")

    actions = {entry["action"] for entry in json.loads(run("audit", "list", "--json"))}
    assert actions >= {
        "package.export", "package.seal", "package.commit", "package.verify", "package.restore", "package.drop",
        "legal hold.place", "legal hold.release", "disposition.request", "disposition.approve", "package.dispose",
    }  # fmt: skip


def test_a_rotated_key_leaves_what_was_signed_good(run: Run, running: Running) -> None:
    old = fingerprint(running.records.signer.pem)
    said = run("records", "keys", "--rotate", "yearly")
    new = fingerprint(running.records.signer.pem)
    assert new != old
    assert re.search(rf"{new}.*signs now", said)
    assert re.search(rf"{old}.*\d\d:\d\d *$", said, re.MULTILINE)


def test_what_is_asked_wrongly_is_told_with_a_remedy(run: Run, tmp_path: Path) -> None:
    assert "--month 2026-10" in run("records", "export", "drafter", code=2)
    assert "one of --agent" in run("records", "hold", "1", "--reason", "x", code=2)
    assert "is no package's id" in run("records", "verify", str(tmp_path / "none"), code=2)
    assert "there is no package in" in run("records", "verify", str(tmp_path), code=2)
    with pytest.raises(NotFound, match="no agent nobody"):
        run("records", "export", "nobody", "--month", "2026-10")
