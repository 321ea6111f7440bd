"""Packages in S3: once each, locked, held; and whatever the store or the network does, whole or cleanly broken off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from pydantic import SecretStr

from collector.store.connection import Store
from exporters import disposing
from exporters.settings import MiB, RecordsSettings
from exporters.targets import s3
from exporters.targets.base import Absent, Different, Lock, TargetError
from exporters.targets.s3 import S3
from exporters.verifying import verify
from inventory.canonical import sha256
from inventory.contract.records import Decided, ScheduleSpec
from inventory.db import migrate
from inventory.db.engine import Database
from inventory.db.records import Package
from tests.engines import clear
from tests.exporters.proxy import Fault, Proxy, before
from tests.exporters.world import World
from tests.lifecycle.outside import aws

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "records"
_numbers = count(1)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with aws() as url, before(url) as opened:
        made = client(opened)
        made.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
        made.create_bucket(Bucket="plain")
        made.create_bucket(Bucket="versioned")
        made.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
        yield opened


@pytest.fixture(autouse=True)
def healed(proxy: Proxy) -> Iterator[None]:
    proxy.heal()
    yield
    proxy.heal()


def client(proxy: Proxy) -> S3Client:
    return boto3.client(
        "s3", endpoint_url=proxy.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )


def settings(proxy: Proxy, bucket: str = BUCKET, **more: Any) -> RecordsSettings:
    """Below a prefix of its own."""
    given: dict[str, Any] = {
        "target": f"s3://{bucket}/here-{next(_numbers)}", "s3_endpoint": proxy.url, "s3_region": "us-east-1",
        "s3_key_id": "x", "s3_secret": SecretStr("y"), "part_bytes": 5 * MiB, "timeout": 2, "attempts": 1,
        **more,
    }  # fmt: skip
    return RecordsSettings(**given)


@pytest.fixture
def target(proxy: Proxy) -> S3:
    return S3(settings(proxy))


def put(target: S3, path: Path, content: bytes, key: str = "a/b", upload: str = "") -> tuple[str, list[str]]:
    path.write_bytes(content)
    noted: list[str] = []
    return target.put(key, path, sha256(content), upload, noted.append), noted


def test_a_file_is_kept_once_and_only_as_it_is(target: S3, tmp_path: Path) -> None:
    version, _ = put(target, tmp_path / "f", b"one")
    assert version
    assert put(target, tmp_path / "f", b"one")[0] == version
    with pytest.raises(Different, match="another object"):
        put(target, tmp_path / "f", b"two")
    assert b"".join(target.read("a/b", version)) == b"one"
    assert [(one.key, one.bytes) for one in target.keys("a/")] == [("a/b", 3)]
    with pytest.raises(Absent):
        b"".join(target.read("a/c"))


def test_a_large_file_goes_in_parts_and_is_gone_on_with(target: S3, proxy: Proxy, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096 * 12  # 12 MiB: three parts
    path = tmp_path / "large"
    path.write_bytes(content)
    noted: list[str] = []
    proxy.suffer("UploadPart", "refuse", after=3)
    with pytest.raises(TargetError, match="didn't answer") as failed:
        target.put("large", path, sha256(content), "", noted.append)
    assert failed.value.passing
    assert len(noted) == 1
    proxy.heal()
    proxy.seen.clear()
    version = target.put("large", path, sha256(content), noted[0], noted.append)
    assert (proxy.seen["UploadPart"], proxy.seen["CreateMultipartUpload"]) == (1, 0)
    assert b"".join(target.read("large", version)) == content
    assert target.put("large", path, sha256(content), "", noted.append) == version


def test_an_upload_that_is_gone_is_begun_anew(target: S3, tmp_path: Path) -> None:
    version, noted = put(target, tmp_path / "f", b"x" * 6 * MiB, upload="gone")
    assert version
    assert noted != ["gone"]


def test_a_lock_is_only_ever_made_longer_and_stronger(target: S3, tmp_path: Path) -> None:
    """The server here lets locks be shortened and weakened: it is us who never do."""
    version, _ = put(target, tmp_path / "f", b"one")
    assert target.locked("a/b", version) == Lock("none", None)
    year = (datetime.now(UTC) + timedelta(days=365)).replace(microsecond=0)
    assert target.lock("a/b", version, "governance", year) == Lock("governance", year)
    assert target.lock("a/b", version, "governance", year - timedelta(days=30)) == Lock("governance", year)
    assert target.lock("a/b", version, "compliance", year - timedelta(days=30)) == Lock("compliance", year)
    later = year + timedelta(days=30)
    assert target.lock("a/b", version, "governance", later) == Lock("compliance", later)
    with pytest.raises(TargetError, match="can't be removed before its time"):
        target.remove("a/b", version)


def test_a_hold_is_beside_the_lock(target: S3, tmp_path: Path) -> None:
    version, _ = put(target, tmp_path / "f", b"one")
    target.hold("a/b", version, True)
    assert target.held("a/b", version)
    with pytest.raises(TargetError, match="can't be removed"):
        target.remove("a/b", version)
    target.hold("a/b", version, False)
    assert not target.held("a/b", version)
    target.remove("a/b", version)
    target.remove("a/b", version)
    with pytest.raises(Absent):
        b"".join(target.read("a/b", version))


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        ("nowhere", "there is no bucket nowhere: make it"),
        ("plain", "keeps no versions"),
        ("versioned", "no Object Lock"),
    ],
)
def test_a_bucket_that_will_not_do_is_told_of_before_anything(proxy: Proxy, bucket: str, said: str) -> None:
    with pytest.raises(TargetError, match=said) as failed:
        S3(settings(proxy, bucket)).check("governance")
    assert not failed.value.passing
    if bucket == "versioned":
        S3(settings(proxy, bucket)).check("none")


@pytest.mark.parametrize(
    ("fault", "said", "passing"),
    [("denied", "isn't allowed to look at the bucket.*s3:GetObject", False), ("refuse", "didn't answer", True),
     ("hang", "didn't answer", True), ("busy", "is busy or failing", True)],
)  # fmt: skip
def test_what_a_store_answers_is_told_in_words(proxy: Proxy, fault: Fault, said: str, passing: bool) -> None:
    proxy.suffer("HeadBucket", fault)
    with pytest.raises(TargetError, match=said) as failed:
        S3(settings(proxy)).check("governance")
    assert failed.value.passing is passing
    assert "y" * 8 not in str(failed.value)


def test_the_key_that_encrypts_is_asked_for(proxy: Proxy, tmp_path: Path) -> None:
    target = S3(settings(proxy, s3_kms_key="arn:aws:kms:us-east-1:123456789012:key/one"))
    put(target, tmp_path / "f", b"one")
    put(target, tmp_path / "f", b"x" * 6 * MiB, "large")
    for key in ("a/b", "large"):
        place = f"{target.url.removeprefix('s3://records/')}/{key}"
        found = client(proxy).head_object(Bucket=BUCKET, Key=place)
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == (
            "aws:kms", "arn:aws:kms:us-east-1:123456789012:key/one",
        )  # fmt: skip


def test_secrets_are_in_no_repr(proxy: Proxy) -> None:
    given = settings(proxy, s3_secret=SecretStr("hush-hush"))
    assert "hush" not in repr(given) + repr(S3(given)) + str(given)


# Whole exports.

_KEPT = ScheduleSpec(title="Kept", authority="tests", period="400 days", enabled=True, verified_by="alice@example.org")


@pytest.fixture(scope="module")
def filled(scratch: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with one trace of one agent, for all exports below; each has a registry of its own."""
    directory = tmp_path_factory.mktemp("filled")
    clear(scratch)
    database = Database(f"sqlite:///{directory / 'registry.sqlite'}")
    migrate.upgrade(database)
    world = World(scratch, database, directory)
    world.agent("drafter")
    world.trace("drafter", datetime(2026, 10, 2, tzinfo=UTC))
    world.seal()
    database.close()
    yield scratch
    clear(scratch)


@pytest.fixture
def locked(filled: Store, sqlite: Database, tmp_path: Path, proxy: Proxy) -> World:
    world = World(filled, sqlite, tmp_path, settings(proxy))
    world.agent("drafter")
    world.schedule("kept", _KEPT)
    return world


def objects(world: World) -> list[tuple[str, str]]:
    """Every version of every object of a world, and its lock's mode."""
    assert isinstance(world.target, S3)
    made = client_of(world)
    prefix = world.target.url.removeprefix(f"s3://{BUCKET}/")
    found = made.list_object_versions(Bucket=BUCKET, Prefix=prefix)
    assert not found.get("DeleteMarkers")
    return [
        (
            one["Key"],
            made.head_object(Bucket=BUCKET, Key=one["Key"], VersionId=one["VersionId"]).get("ObjectLockMode", ""),
        )
        for one in found.get("Versions", [])
    ]


def client_of(world: World) -> S3Client:
    assert isinstance(world.target, S3)
    return world.target._client


def whole(world: World, package: Package) -> None:
    """It is committed, verifies, every object is there once, and every one is locked."""
    assert package.state == "committed", package.error
    assert package.locked_until is not None
    verdict = verify(world.target, package.prefix, until=package.locked_until)
    assert verdict.findings == []
    assert verdict.locked_until == package.locked_until.replace(microsecond=0)
    there = objects(world)
    assert len({key for key, _ in there}) == len(there) >= 40
    assert {mode for _, mode in there} == {"GOVERNANCE"}


def test_an_export_is_locked_for_as_long_as_its_schedule_says(locked: World) -> None:
    package = locked.export("drafter")
    whole(locked, package)
    assert (package.schedule, package.disposition, package.mode) == ("kept", "destroy", "governance")
    assert package.locked_until == datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=400)
    assert locked.do(package.id, "verify").result["good"]


def test_a_lock_that_somebody_shortened_is_found(locked: World) -> None:
    package = locked.export("drafter")
    key = f"{locked.target.url.removeprefix(f's3://{BUCKET}/')}/{package.prefix}/data/agent.json"
    client_of(locked).put_object_retention(
        Bucket=BUCKET, Key=key, BypassGovernanceRetention=True,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=1)},
    )  # fmt: skip
    found = locked.do(package.id, "verify").result
    assert not found["good"]
    assert len(found["findings"]) == 1
    assert "data/agent.json: it is locked only until" in found["findings"][0]


def test_a_version_written_over_it_is_not_the_package(locked: World) -> None:
    package = locked.export("drafter")
    key = f"{locked.target.url.removeprefix(f's3://{BUCKET}/')}/{package.prefix}/data/agent.json"
    client_of(locked).put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    assert locked.do(package.id, "verify").result["good"]  # by the versions that were recorded, it is as it was
    client_of(locked).delete_object(Bucket=BUCKET, Key=key)
    assert locked.do(package.id, "verify").result["good"]  # and a marker hides nothing


_CALLS = (
    "HeadBucket", "Versioning", "ObjectLock", "PutObject", "GetObject", "HeadObject", "Retention", "LegalHold",
)  # fmt: skip
_FAULTS: tuple[Fault, ...] = ("refuse", "cut", "hang", "busy", "lost-answer")


@pytest.mark.parametrize("call", _CALLS)
def test_whatever_happens_to_a_call_it_ends_whole_and_nothing_is_locked_before(
    locked: World, proxy: Proxy, call: str
) -> None:
    """At its first, a middle and its last time; every fault; then the store is well again."""
    if call == "LegalHold":
        locked.hold("agent", "drafter")
    name = locked.ask("drafter")
    for fault in _FAULTS:
        for after in (1, 7, 30):
            if locked.package(name).state == "committed":
                break
            proxy.suffer(call, fault, after)
            done = locked.work()
            proxy.heal()
            if not proxy.struck:
                continue
            assert (done.state, locked.package(name).state != "committed") == ("waiting", True), (
                fault,
                after,
                done.error,
            )
            assert done.error
            if locked.package(name).state == "writing":
                assert {mode for _, mode in objects(locked)} <= {""}, "nothing of what isn't whole is locked"
    if locked.package(name).state != "committed":
        assert locked.work().state == "done"
    whole(locked, locked.package(name))


def test_refused_for_good_it_fails_and_is_gone_on_with_when_allowed(locked: World, proxy: Proxy) -> None:
    name = locked.ask("drafter")
    proxy.suffer("Retention", "denied")
    done = locked.work()
    assert (done.state, "isn't allowed to lock" in done.error) == ("failed", True)
    assert locked.package(name).state == "sealed"
    assert {mode for _, mode in objects(locked)} == {""}
    proxy.heal()
    assert locked.do(name, "export").state == "done"
    whole(locked, locked.package(name))


def test_a_store_that_keeps_something_else_is_not_trusted(locked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name = locked.ask("drafter")
    read = S3.read

    def rotten(self: S3, key: str, version: str = "") -> Iterator[bytes]:
        for piece in read(self, key, version):
            yield piece[:-1] + b"\x00" if key.endswith("agent.json") else piece

    monkeypatch.setattr(s3.S3, "read", rotten)
    done = locked.work()
    assert (done.state, "can't be trusted" in done.error) == ("failed", True)
    assert {mode for _, mode in objects(locked)} == {""}
    monkeypatch.setattr(s3.S3, "read", read)
    assert locked.do(name, "export").state == "done"
    whole(locked, locked.package(name))


@pytest.mark.parametrize("call", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "ListParts"])
def test_whatever_happens_to_an_upload_in_parts_it_ends_whole(
    target: S3, proxy: Proxy, tmp_path: Path, call: str
) -> None:
    """As an export goes on: with what was noted, until it is there once."""
    content = bytes(range(256)) * 4096 * 12
    path = tmp_path / "large"
    path.write_bytes(content)
    upload = ""

    def note(name: str) -> None:
        nonlocal upload
        upload = name

    struck = 0
    for fault in _FAULTS:
        for after in (1, 2):
            proxy.suffer(call, fault, after)
            with suppress(TargetError):
                target.put("large", path, sha256(content), upload, note)
            struck += proxy.struck
            proxy.heal()
    version = target.put("large", path, sha256(content), upload, note)
    assert struck
    assert b"".join(target.read("large", version)) == content
    place = f"{target.url.removeprefix(f's3://{BUCKET}/')}/large"
    versions = client(proxy).list_object_versions(Bucket=BUCKET, Prefix=place)["Versions"]
    assert [one["VersionId"] for one in versions] == [version]


def test_a_package_is_restored_from_there_and_disposed_of_by_its_versions(locked: World, proxy: Proxy) -> None:
    locked.reschedule("kept", _KEPT.model_copy(update={"period": "7 days"}))
    package = locked.export("drafter")
    assert {mode for _, mode in objects(locked)} == {""}, "its time is over already"
    proxy.suffer("GetObject", "cut", 60)
    assert locked.do(package.id, "restore").state == "waiting"
    proxy.heal()
    done = locked.work()
    assert (done.state, done.result["tables"]["otel_traces"]) == ("done", 3)
    assert locked.do(package.id, "drop").state == "done"
    with locked.registry.changing(locked.asking("alice@example.org")) as change:
        asked = disposing.request(change, locked.store, package.id, "over").id
    with locked.registry.changing(locked.asking("bob@example.org")) as change:
        disposing.decide(change, locked.store, asked, Decided(approve=True))
    # The rows are other exports' too.
    locked.retention.dispose = lambda *given, **more: []  # type: ignore[method-assign]
    proxy.suffer("DeleteObject", "hang", 5)
    assert locked.work().state == "waiting"
    proxy.heal()
    assert locked.work().state == "done"
    left = {key.rpartition("/")[2] for key, _ in objects(locked)}
    assert left == {
        "tagmanifest-sha256.txt", "tagmanifest.sig", "signer.pem", "chain.json", "certificate.json", "certificate.sig",
        "certificate.pem",
    }  # fmt: skip
    assert verify(locked.target, package.prefix).findings == []
