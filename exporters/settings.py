"""Settings of records, checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MiB = 1024 * 1024


class RecordsSettings(BaseSettings):
    """Where packages go, and how they are kept there (`MUSTER_RECORDS_…`)."""

    model_config = SettingsConfigDict(env_prefix="MUSTER_RECORDS_", extra="ignore")

    target: str = ""
    """`s3://bucket/prefix`, or a directory; without it `records` in the data directory."""
    s3_endpoint: str = ""
    """Of a store that speaks S3 and isn't AWS."""
    s3_region: str = ""
    s3_key_id: str = ""
    """Credentials; without them what boto3 finds."""
    s3_secret: SecretStr | None = None
    s3_kms_key: str = ""
    """Objects are encrypted with this KMS key; without it as the bucket says."""
    s3_path_style: bool = False
    """Address buckets by path, as many other stores want it."""
    lock: Literal["compliance", "governance", "none"] = "governance"
    """How objects are locked. `compliance`: nobody, not even the account's root, can remove them before their time."""
    part_bytes: Annotated[int, Field(ge=5 * MiB, le=1024 * MiB)] = 16 * MiB
    """Of a multipart upload."""
    timeout: Annotated[float, Field(gt=0, le=600)] = 60
    """Seconds that the store may be silent."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """How often a request to it is sent before the export waits for a while."""
    worker: bool = True
    """Whether this process exports, verifies, restores and disposes."""
    tsa_url: str = ""
    """Of a time stamping authority (RFC 3161) that stamps each package."""
    settle_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = 20
    """How long after its receipt telemetry is surely stored and sealed: newer isn't exported."""
    grace_days: Annotated[int, Field(ge=0, le=31)] = 2
    """How long after its end a period is exported by schedule."""

    @field_validator("target")
    @classmethod
    def _target(cls, value: str) -> str:
        if value.startswith("s3://"):
            parts = urlsplit(value)
            if not parts.hostname or parts.query or parts.fragment or parts.username:
                raise ValueError("write it as s3://bucket/prefix")
        elif "://" in value:
            raise ValueError("it is s3://bucket/prefix, or a directory")
        return value

    def directory(self, data: Path) -> Path | None:
        """The directory that packages go into; None: they go to S3."""
        if self.target.startswith("s3://"):
            return None
        return (data / self.target).resolve() if self.target else data / "records"
