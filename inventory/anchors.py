"""Heads of the audit chain, signed and kept where the database's keeper has no hand in it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from collector.secret_file import create
from inventory.audit import Head
from inventory.canonical import canonical, sha256


class AnchorError(Exception):
    """Anchors can't be read, or one isn't what was signed. The message names the place and what to do."""


class Anchor(Protocol):
    """A place outside of the database: a file, or a locked object in S3."""

    def append(self, line: str) -> None:
        """Durable when it returns. Raises OSError."""

    def lines(self) -> Sequence[str]: ...


class FileAnchor:
    """A file that only grows. Keep it where the database's keeper can't write: another disk, another account."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"FileAnchor({str(self._path)!r})"

    def append(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # One write, so that two processes don't mix; a line that a crash cut is closed by the next one.
            size = os.fstat(descriptor).st_size
            ended = size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
            os.write(descriptor, (("" if ended else "\n") + line + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lines(self) -> Sequence[str]:
        return self._path.read_text().splitlines() if self._path.exists() else []


class Signer:
    """An Ed25519 key in a file of its own, made when there is none. Nothing prints it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = sha256(raw)[:16]

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"

    @classmethod
    def of(cls, path: Path) -> Signer:
        """Raises OSError or ValueError."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = Ed25519PrivateKey.generate()
            create(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key = load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} holds no Ed25519 key: move it away and a new one is made")
        return cls(key)

    def sign(self, text: str) -> str:
        return base64.b64encode(self._key.sign(text.encode())).decode()

    def verify(self, text: str, signature: str) -> bool:
        """Whether this key signed the text. `signature` is base64."""
        try:
            self._key.public_key().verify(base64.b64decode(signature), text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def anchor_head(anchor: Anchor, signer: Signer, head: Head, now: datetime) -> None:
    """Sign the chain's head and keep it outside. Raises OSError."""
    said = {"seq": head.seq, "hash": head.hash, "at": now.astimezone(UTC).isoformat(), "key": signer.key_id}
    anchor.append(canonical({**said, "signature": signer.sign(canonical(said))}))


def anchored_heads(anchor: Anchor, signer: Signer) -> list[Head]:
    """The heads that were signed, oldest first. Raises AnchorError for a line that isn't what was signed."""
    heads = []
    lines = anchor.lines()
    for number, line in enumerate(lines, start=1):
        try:
            said: dict[str, Any] = json.loads(line)
            signature = said.pop("signature")
            good = signer.verify(canonical(said), signature)
            head = Head(int(said["seq"]), str(said["hash"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            good = False
        if not good:
            raise AnchorError(
                f"line {number} of {anchor!r} is not what key {signer.key_id} signed: it was changed, cut, or signed "
                "with another key. Compare it with a copy"
            )
        heads.append(head)
    return heads
