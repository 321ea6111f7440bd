"""An export whose process is killed, again and again: in the end it is whole, and each file was written once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from exporters.targets.base import Target
from exporters.targets.folder import Folder
from exporters.targets.s3 import S3
from exporters.verifying import roots, verify
from tests.exporters.at_work import s3
from tests.lifecycle.outside import aws

ROOT = Path(__file__).parents[2]


def work(directory: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.exporters.at_work", str(directory), *more], cwd=ROOT)


def killed(directory: Path, target: Target, kills: int, seed: int, *more: str) -> int:
    """How often it was killed before it was done."""
    assert work(directory, *more).wait(timeout=120) == 0
    dice = random.Random(seed)
    times = 0
    while times < kills:
        running = work(directory, *more)
        before = set(there(target))
        patience = time.monotonic() + 60
        # It takes seconds to start: it is killed while files appear.
        while set(there(target)) == before and running.poll() is None and time.monotonic() < patience:
            time.sleep(0.02)
        time.sleep(dice.random() * 0.1)
        if running.poll() is not None:
            break
        running.send_signal(signal.SIGKILL)
        running.wait()
        times += 1
    assert work(directory, *more).wait(timeout=300) == 0
    return times


def there(target: Target) -> list[str]:
    return [one.key for one in target.keys("")]


def whole(target: Target) -> None:
    (root,) = roots(target, "")
    assert verify(target, root).findings == []


def folder_rounds(tmp_path: Path, kills: int, seed: int) -> int:
    target = Folder(tmp_path / "records")
    target.check("none")
    times = killed(tmp_path, target, kills, seed)
    whole(target)
    assert not list((tmp_path / "records" / ".staging").iterdir())
    return times


def test_killed_twice_it_is_whole(tmp_path: Path) -> None:
    assert folder_rounds(tmp_path, 2, 1) == 2


@pytest.mark.prove
def test_killed_until_it_is_done_into_a_folder(tmp_path: Path) -> None:
    assert folder_rounds(tmp_path, 40, 2) >= 10


@pytest.mark.prove
def test_killed_until_it_is_done_into_s3_every_object_has_one_version(tmp_path: Path) -> None:
    with aws() as url:
        client = boto3.client(
            "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )
        client.create_bucket(Bucket="records", ObjectLockEnabledForBucket=True)
        target = S3(s3(url))
        assert killed(tmp_path, target, 40, 3, url) >= 10
        whole(target)
        found = client.list_object_versions(Bucket="records").get("Versions", [])
        keys = [one["Key"] for one in found]
        assert len(keys) == len(set(keys)) > 40
