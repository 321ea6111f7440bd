"""S3, or a store that speaks it. What such stores don't promise (locks that only grow, digests that are checked) is
seen to here.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError

from exporters.settings import RecordsSettings
from exporters.targets.base import CHUNK, Absent, Different, Listed, Lock, Mode, TargetError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)
_MOST_PARTS: Final = 10_000
_PASSING: Final = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling", "503"})
_STRENGTH: Final[dict[str, int]] = {"none": 0, "governance": 1, "compliance": 2}


class S3:
    """Objects below a prefix of one bucket, which keeps versions and has Object Lock. Safe to share between threads."""

    def __init__(self, settings: RecordsSettings) -> None:
        place = settings.target.removeprefix("s3://")
        self._bucket, _, prefix = place.partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.url = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        self._part = settings.part_bytes
        self._kms = settings.s3_kms_key
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint or None,
            region_name=settings.s3_region or None,
            aws_access_key_id=settings.s3_key_id or None,
            aws_secret_access_key=settings.s3_secret.get_secret_value() if settings.s3_secret else None,
            config=Config(
                connect_timeout=min(10, settings.timeout),
                read_timeout=settings.timeout,
                retries={"mode": "standard", "total_max_attempts": settings.attempts},
                s3={"addressing_style": "path" if settings.s3_path_style or settings.s3_endpoint else "auto"},
                user_agent_extra="muster-records",
            ),
        )

    def __repr__(self) -> str:
        return f"S3({self.url})"

    def check(self, mode: Mode) -> None:
        with self._asking("look at the bucket"):
            self._client.head_bucket(Bucket=self._bucket)
            versioning = self._client.get_bucket_versioning(Bucket=self._bucket)
        if versioning.get("Status") != "Enabled":
            raise TargetError(
                f"the bucket {self._bucket} keeps no versions, so that what is written there can be replaced: switch "
                "versioning on (Object Lock needs it)"
            )
        if mode == "none":
            return
        try:
            with self._asking("look at the bucket's Object Lock"):
                found = self._client.get_object_lock_configuration(Bucket=self._bucket)
            locks = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
        except Absent:
            locks = False
        if not locks:
            raise TargetError(
                f"the bucket {self._bucket} has no Object Lock, so that nothing there is kept against removal: use one "
                "that was made with it, or set MUSTER_RECORDS_LOCK=none"
            )

    def staging(self, free: Path) -> Path:
        return free

    def put(self, key: str, path: Path, sha256: str, upload: str, note: Callable[[str], None]) -> str:
        size = path.stat().st_size
        try:
            if size <= self._part:
                return self._put_whole(key, path, sha256)
            return self._put_parts(key, path, size, upload, note)
        except _Taken:
            return self._same(key, sha256)

    def read(self, key: str, version: str = "") -> Iterator[bytes]:
        with self._asking(f"read {key}"):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **_of(version))
            expected, found = answer["ContentLength"], 0
            for piece in answer["Body"].iter_chunks(CHUNK):
                found += len(piece)
                yield piece
            if found != expected:
                raise TargetError(f"{self.url}: {key} was cut off after {found:,} of {expected:,} bytes", passing=True)

    def keys(self, prefix: str) -> Iterator[Listed]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._asking("list the objects"):
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for one in page.get("Contents", []):
                    yield Listed(one["Key"].removeprefix(self._prefix), one["Size"])

    def lock(self, key: str, version: str, mode: Mode, until: datetime) -> Lock:
        there = self.locked(key, version)
        if mode == "none":
            return there
        stronger = mode if _STRENGTH[mode] >= _STRENGTH[there.mode] else there.mode
        later = until if there.until is None else max(until, there.until)
        if there.until is not None and (stronger, later) == (there.mode, there.until):
            return there
        with self._asking(f"lock {key}"):
            self._client.put_object_retention(
                Bucket=self._bucket, Key=self._prefix + key,
                Retention={
                    "Mode": "COMPLIANCE" if stronger == "compliance" else "GOVERNANCE", "RetainUntilDate": later,
                },
                **_of(version),
            )  # fmt: skip
        now = self.locked(key, version)
        if now.until is None or now.until < later.replace(microsecond=0) or _STRENGTH[now.mode] < _STRENGTH[stronger]:
            raise TargetError(f"{self.url}: {key} isn't locked until {later:%Y-%m-%d} though the store says that it is")
        return now

    def locked(self, key: str, version: str) -> Lock:
        # HeadObject tells it too, and unlike GetObjectRetention is no error where there is none.
        with self._asking(f"look at the lock of {key}"):
            found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key, **_of(version))
        until: datetime | None = found.get("ObjectLockRetainUntilDate")
        if until is None:
            return Lock("none", None)
        return Lock("compliance" if found["ObjectLockMode"] == "COMPLIANCE" else "governance", until.astimezone(UTC))

    def hold(self, key: str, version: str, on: bool) -> None:
        with self._asking(f"{'hold' if on else 'release'} {key}"):
            self._client.put_object_legal_hold(
                Bucket=self._bucket, Key=self._prefix + key, LegalHold={"Status": "ON" if on else "OFF"}, **_of(version)
            )
        if self.held(key, version) != on:
            raise TargetError(f"{self.url}: the legal hold of {key} isn't {'on' if on else 'off'} though it was set")

    def held(self, key: str, version: str) -> bool:
        with self._asking(f"look at the legal hold of {key}"):
            found = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key, **_of(version))
        return found.get("ObjectLockLegalHoldStatus") == "ON"

    def remove(self, key: str, version: str) -> None:
        if not version:
            raise TargetError(f"{self.url}: the version of {key} isn't known: a delete would only hide it")
        with self._asking(f"remove {key}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key, VersionId=version)

    def _put_whole(self, key: str, path: Path, sha256: str) -> str:
        with self._asking(f"write {key}"), path.open("rb") as file:
            made = self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=file, IfNoneMatch="*",
                ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(), **self._encrypted(),
            )  # fmt: skip
        return made.get("VersionId", "")

    def _put_parts(self, key: str, path: Path, size: int, upload: str, note: Callable[[str], None]) -> str:
        part = self._part
        while part * _MOST_PARTS < size:
            part *= 2
        done = self._parts(key, upload) if upload else None
        if done is None:
            with self._asking(f"begin to write {key}"):
                begun = self._client.create_multipart_upload(
                    Bucket=self._bucket, Key=self._prefix + key, ChecksumAlgorithm="SHA256", **self._encrypted()
                )
            upload, done = begun["UploadId"], {}
            note(upload)
        parts = []
        with path.open("rb") as file:
            number = 0
            while piece := file.read(part):
                number += 1
                digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
                etag, said = done.get(number, ("", ""))
                # A store that tells no SHA-256 of parts tells their MD5: it says whether this part came through.
                same = (
                    said == digest if said else etag.strip('"') == hashlib.md5(piece, usedforsecurity=False).hexdigest()
                )
                if not same:
                    with self._asking(f"write part {number} of {key}"):
                        etag = self._client.upload_part(
                            Bucket=self._bucket, Key=self._prefix + key, UploadId=upload, PartNumber=number,
                            Body=piece, ChecksumSHA256=digest,
                        )["ETag"]  # fmt: skip
                parts.append({"PartNumber": number, "ETag": etag, "ChecksumSHA256": digest})
        with self._asking(f"finish {key}"):
            made = self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=self._prefix + key, UploadId=upload, IfNoneMatch="*",
                MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
            )  # fmt: skip
        return made.get("VersionId", "")

    def _parts(self, key: str, upload: str) -> dict[int, tuple[str, str]] | None:
        """What an earlier try has brought there: ETag and digest of each part. None: that upload is no more."""
        found: dict[int, tuple[str, str]] = {}
        pages = self._client.get_paginator("list_parts")
        try:
            with self._asking(f"see what there is of {key}"):
                for page in pages.paginate(Bucket=self._bucket, Key=self._prefix + key, UploadId=upload):
                    for one in page.get("Parts", []):
                        found[one["PartNumber"]] = (one["ETag"], one.get("ChecksumSHA256", ""))
        except Absent:
            return None
        return found

    def _same(self, key: str, sha256: str) -> str:
        """The version of what is there, if it is what was to be written."""
        found = hashlib.sha256()
        for piece in self.read(key):
            found.update(piece)
        if found.hexdigest() != sha256:
            raise Different(f"{self.url}/{key} is there and is another object: it is left as it is. Use another prefix")
        with self._asking(f"look at {key}"):
            return self._client.head_object(Bucket=self._bucket, Key=self._prefix + key).get("VersionId", "")

    def _encrypted(self) -> Any:
        if not self._kms:
            return {}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._kms, "BucketKeyEnabled": True}

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Says what went wrong and what to do."""
        try:
            yield
        except ClientError as error:
            raise self._problem(error, what) from None
        except NoCredentialsError:
            raise TargetError(
                f"{self.url}: there are no credentials to {what} with: set MUSTER_RECORDS_S3_KEY_ID and "
                "MUSTER_RECORDS_S3_SECRET, or give the process a role"
            ) from None
        except (HTTPClientError, OSError) as error:
            raise TargetError(
                f"{self.url} didn't answer ({type(error).__name__}) when it was to {what}: check "
                "MUSTER_RECORDS_S3_ENDPOINT and the network. It is tried again",
                passing=True,
            ) from None
        except BotoCoreError as error:
            raise TargetError(f"{self.url}: can't {what} ({type(error).__name__}): {error}", passing=True) from None

    def _problem(self, error: ClientError, what: str) -> TargetError:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in ("PreconditionFailed", "412") or status == 412:
            return _Taken(f"{self.url}: there is something already where it was to {what}")
        if code == "NoSuchBucket" or (code == "404" and "bucket" in what):
            return TargetError(f"there is no bucket {self._bucket}: make it with Object Lock, or set another target")
        if code in ("NoSuchKey", "NoSuchVersion", "NoSuchUpload", "ObjectLockConfigurationNotFoundError", "404"):
            return Absent(f"{self.url}: can't {what}: it isn't there ({code})")
        if code in ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
            return TargetError(
                f"{self.url}: it isn't allowed to {what} ({code}): give these credentials s3:GetObject, PutObject, "
                "ListBucket, PutObjectRetention, PutObjectLegalHold, GetBucketObjectLockConfiguration and, to dispose, "
                "DeleteObjectVersion; an object that is locked can't be removed before its time"
            )
        if code in _PASSING or status in (429, 500, 502, 503, 504):
            return TargetError(f"{self.url} is busy or failing ({code or status}) and can't {what} now", passing=True)
        return TargetError(f"{self.url}: can't {what}: {code} ({error.response.get('Error', {}).get('Message', '')})")


class _Taken(TargetError):
    """There is something under the key."""


def _of(version: str) -> Any:
    return {"VersionId": version} if version else {}
