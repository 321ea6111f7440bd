"""A package proves itself to a shell, to BagIt's own validator, to us; whatever is done to it is found and named."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bagit
import jsonschema_rs
import pytest
import zstandard

from collector.store.connection import Store
from exporters import bag
from exporters.signing import KeyFile, fingerprint
from exporters.targets.folder import Folder
from exporters.verifying import Finding, verify, verify_all
from inventory.canonical import sha256
from inventory.db import migrate
from inventory.db.engine import Database
from tests.engines import clear
from tests.exporters.world import World


@pytest.fixture(scope="module")
def made(scratch: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Path]]:
    """Three packages in a chain: of two agents, and a supplement."""
    directory = tmp_path_factory.mktemp("packages")
    database = Database(f"sqlite:///{directory / 'registry.sqlite'}")
    migrate.upgrade(database)
    clear(scratch)
    world = World(scratch, database, directory)
    world.agent("drafter")
    world.agent("helper")
    world.month("drafter", "helper", traces=2)
    world.export("drafter")
    world.export("helper")
    world.month("drafter", traces=1)
    world.export("drafter")
    yield world, directory / "records"
    database.close()


@pytest.fixture
def copy(made: tuple[World, Path], tmp_path: Path) -> Path:
    """All of it, to be tampered with."""
    copied = tmp_path / "copy"
    shutil.copytree(made[1], copied, ignore=shutil.ignore_patterns(".staging"))
    for path in copied.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
    return copied


def packages(place: Path) -> list[Path]:
    """In the order of the chain."""
    found = {json.loads(one.read_text())["sequence"]: one.parent for one in place.rglob("chain.json")}
    return [found[number] for number in sorted(found)]


def commands(package: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", (package / "VERIFY.md").read_text(), re.MULTILINE | re.DOTALL)


def shell(package: Path, block: str) -> subprocess.CompletedProcess[str]:
    """As written, by a POSIX shell that finds coreutils, openssl and zstd, and nothing else."""
    tools = package.parents[3] / "tools"
    if not tools.exists():
        tools.mkdir()
        listed = "cat cut comm wc sort tail rm sha256sum openssl zstd"
        for name in listed.split():
            there = shutil.which(name)
            assert there, f"{name} is needed"
            (tools / name).symlink_to(there)
    return subprocess.run(
        ["/bin/sh", "-c", block], cwd=package, env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )


def found(place: Path) -> list[Finding]:
    return [finding for verdict in verify_all(Folder(place)) for finding in verdict.findings]


def test_the_commands_run_as_they_are_written(copy: Path, made: tuple[World, Path]) -> None:
    # Chains are the organisation's, and its packages lie by agent: whoever moved them together can walk the chain.
    together = copy / "default" / "together"
    together.mkdir()
    for package in packages(copy):
        package.rename(together / package.name)
    for package in packages(copy):
        blocks = commands(package)
        assert len(blocks) == 5
        for block in blocks:
            ran = shell(package, block)
            assert ran.returncode == 0, (block, ran.stdout, ran.stderr)
        assert fingerprint(made[0].signer.pem) in shell(package, blocks[1]).stdout


def test_bagit_agrees(made: tuple[World, Path]) -> None:
    for package in packages(made[1]):
        assert bagit.Bag(str(package)).validate()
        assert found(made[1]) == []


def test_every_row_and_document_is_as_its_schema_says(made: tuple[World, Path]) -> None:
    checked = set()
    for package in packages(made[1]):
        for path in sorted((package / "data").rglob("*")):
            name = path.relative_to(package / "data").parts[0].partition(".")[0]
            if path.is_dir() or name in ("schemas", "counts") or path.suffix == ".parquet":
                continue
            schema = package / "data" / "schemas" / f"{name}.schema.json"
            validator = jsonschema_rs.validator_for(json.loads(schema.read_text()))
            raw = path.read_bytes()
            text = zstandard.ZstdDecompressor().decompressobj().decompress(raw) if path.suffix == ".zst" else raw
            documents = text.splitlines() if ".jsonl" in path.name else [text]
            for document in documents:
                validator.validate(json.loads(document))
            checked |= {name} if documents else set()
    assert checked >= {
        "traces", "logs", "contents", "facts", "summaries", "tool_calls", "approvals", "prices", "agent_keys", "agent",
        "retention", "redactions",
    } - {"logs"}  # fmt: skip


def test_one_byte_anywhere_is_found_and_named_by_us_and_by_the_shell(copy: Path) -> None:
    package = packages(copy)[0]
    files = sorted(path for path in package.rglob("*") if path.is_file())
    assert len(files) > 40
    for path in files:
        name = path.relative_to(package).as_posix()
        raw = path.read_bytes()
        if not raw:
            continue
        changed = bytearray(raw)
        changed[len(raw) // 2] ^= 0x01
        path.write_bytes(changed)
        verdict = verify(Folder(copy), package.relative_to(copy).as_posix())
        named = {finding.path for finding in verdict.findings}
        assert verdict.findings, name
        if name not in (bag.SIGNATURE, bag.SIGNER):
            assert name in named, (name, verdict.findings)
        else:
            assert bag.TAG_MANIFEST in named or bag.SIGNER in named
        if name not in ("VERIFY.md", bag.COMMIT):  # the one has the commands; nothing that is proven needs the other
            assert shell(package, commands(package)[0]).returncode != 0, name
        path.write_bytes(raw)
    assert found(copy) == []


@pytest.mark.parametrize(
    "gone",
    [
        "data/traces/2026-10-02.jsonl.zst", "data/traces/2026-10-17.parquet", "data/agent.json", "data/counts.tsv",
        "manifest-sha256.txt", "tagmanifest-sha256.txt", "tagmanifest.sig", "signer.pem", "chain.json", "commit.json",
        "bag-info.txt", "VERIFY.md",
    ],
)  # fmt: skip
def test_a_file_that_is_gone_is_named(copy: Path, gone: str) -> None:
    package = packages(copy)[1]
    (package / gone).unlink()
    assert any(one.package == package.name and one.path == gone for one in found(copy)), found(copy)


def test_a_file_that_was_added_is_named(copy: Path) -> None:
    package = packages(copy)[0]
    (package / "data" / "traces" / "2026-10-05.jsonl.zst").write_bytes(b"")
    (package / "notes.txt").write_text("nothing to see")
    said = {one.path for one in found(copy)}
    assert said == {"data/traces/2026-10-05.jsonl.zst", "notes.txt"}
    ran = shell(package, commands(package)[2])
    assert ran.returncode != 0
    assert "2026-10-05" in ran.stderr


def test_a_day_that_was_removed_from_everywhere_is_named(copy: Path) -> None:
    """Whoever takes a day's files, and its lines out of the manifest and the counts, can't sign that."""
    package = packages(copy)[0]
    for path in package.rglob("2026-10-03.*"):
        path.unlink()
    for name in ("manifest-sha256.txt", "data/counts.tsv"):
        lines = (package / name).read_text().splitlines(keepends=True)
        (package / name).write_text("".join(line for line in lines if "2026-10-03" not in line))
    said = {(one.path, one.what) for one in found(copy)}
    assert ("data/counts.tsv", "the day 2026-10-03 is missing") in said
    assert ("manifest-sha256.txt", "it isn't what was signed: it was changed") in said


def test_signed_anew_with_another_key_it_is_seen_to_be_nobodys(
    copy: Path, made: tuple[World, Path], tmp_path: Path
) -> None:
    package = packages(copy)[2]
    forger = KeyFile(tmp_path / "forger.pem")
    (package / "data" / "agent.json").write_text("{}\n")
    files = bag.manifested((package / bag.MANIFEST).read_bytes())
    files["data/agent.json"] = sha256((package / "data" / "agent.json").read_bytes())
    (package / bag.MANIFEST).write_bytes(bag.manifest(files))
    (package / bag.SIGNER).write_text(forger.pem)
    tags = {name: sha256((package / name).read_bytes()) for name in bag.TAGGED}
    (package / bag.TAG_MANIFEST).write_bytes(bag.manifest(tags))
    (package / bag.SIGNATURE).write_bytes(forger.sign((package / bag.TAG_MANIFEST).read_bytes()))
    (package / bag.COMMIT).write_bytes(_marked(package))
    assert found(copy) == []  # alone it is sound: only the key tells
    trusted = frozenset({fingerprint(made[0].signer.pem)})
    said = [one for verdict in verify_all(Folder(copy), trusted=trusted) for one in verdict.findings]
    assert [(one.package, one.path) for one in said] == [(package.name, "signer.pem")]


def _marked(package: Path) -> bytes:
    """The commit marker that would go with it."""
    said = json.loads((package / bag.COMMIT).read_text())
    said["tagmanifest_sha256"] = sha256((package / bag.TAG_MANIFEST).read_bytes())
    for one in said["objects"]:
        content = (package / one["path"]).read_bytes()
        one["sha256"], one["bytes"] = sha256(content), len(content)
    return bag.written(said)


def test_a_package_that_is_gone_is_named(copy: Path) -> None:
    first, second, third = packages(copy)
    shutil.rmtree(second)
    assert found(copy) == [
        Finding(third.name, "chain.json", f"package 2 is missing; the one before this is {second.name}")
    ]
    shutil.rmtree(first)
    assert [one.what for one in found(copy)] == [f"packages 1 to 2 of default are missing; the last: {second.name}"]


def test_a_package_that_was_replaced_breaks_the_chain(copy: Path, made: tuple[World, Path]) -> None:
    first, second, _ = packages(copy)
    (first / bag.SIGNATURE).write_bytes(made[0].signer.sign((first / bag.TAG_MANIFEST).read_bytes()))
    (first / bag.COMMIT).write_bytes(_marked(first))
    assert [(one.package, one.path) for one in found(copy)] == [(second.name, "chain.json")]


def test_a_copy_that_was_moved_stays_valid(copy: Path, tmp_path: Path) -> None:
    package = packages(copy)[0]
    package.rename(tmp_path / "elsewhere")
    assert verify(Folder(tmp_path / "elsewhere"), "").findings == []
