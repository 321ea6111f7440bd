"""Time stamps of an authority (RFC 3161): that a package was there at a time, by somebody else's word."""

from __future__ import annotations

from typing import Protocol

import httpx
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

from exporters.targets.base import TargetError


class Stamper(Protocol):
    def stamp(self, content: bytes) -> bytes:
        """The authority's answer in DER, as `openssl ts -verify` takes it. Raises TargetError."""


class Authority:
    """A time stamping authority, over HTTP."""

    def __init__(self, url: str, timeout: float = 30) -> None:
        self._url = url
        self._timeout = timeout

    def stamp(self, content: bytes) -> bytes:
        request = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
        try:
            answer = httpx.post(
                self._url, content=request.as_bytes(), timeout=self._timeout, trust_env=False,
                headers={"Content-Type": "application/timestamp-query"},
            )  # fmt: skip
            answer.raise_for_status()
            stamped = decode_timestamp_response(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            raise TargetError(
                f"the time stamping authority gave no stamp ({type(error).__name__}): check MUSTER_RECORDS_TSA_URL. It "
                "is tried again",
                passing=True,
            ) from None
        if stamped.status not in (0, 1):
            raise TargetError(f"the time stamping authority refused (status {stamped.status})", passing=True)
        return answer.content
