"""Who signs packages: an ECDSA P-256 key, in a file of its own or in AWS KMS."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from collector.secret_file import create
from inventory.db.records import SigningKey


class Signer(Protocol):
    """Signs bytes with the key that `pem` was asked for last."""

    @property
    def pem(self) -> str:
        """Its public key."""

    def sign(self, content: bytes) -> bytes:
        """ECDSA P-256 over SHA-256, in DER, as `openssl dgst -sha256 -verify` takes it."""


class KeyFile:
    """A key in a file, made when there is none. Nothing prints it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            self._make(path)
        self._pem = ""
        self._load()

    @property
    def pem(self) -> str:
        """As the file says now: another process may have rotated it."""
        if _named(self._path) != self._inode:
            self._load()
        return self._pem

    def __repr__(self) -> str:
        return f"KeyFile({fingerprint(self.pem)[:16]})"

    def sign(self, content: bytes) -> bytes:
        return self._key.sign(content, ec.ECDSA(SHA256()))

    def rotate(self, now: datetime) -> None:
        """Sign with a new key from now on; the old one is kept beside it, and signs nothing any more."""
        old = self._path.with_name(f"{self._path.stem}-{now:%Y%m%dT%H%M%S}-{fingerprint(self.pem)[:8]}.pem")
        draft = self._path.with_name(f"{self._path.name}.new")
        draft.unlink(missing_ok=True)
        self._make(draft)
        old.hardlink_to(self._path)
        draft.replace(self._path)
        self._load()

    def _load(self) -> None:
        """Raises OSError or ValueError."""
        self._inode = _named(self._path)
        key = load_pem_private_key(self._path.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ValueError(f"{self._path} holds no P-256 key: move it away and a new one is made")
        self._key = key
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._pem = public.decode()

    @staticmethod
    def _make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = ec.generate_private_key(ec.SECP256R1())
        create(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _named(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def fingerprint(pem: str) -> str:
    """Hex SHA-256 of the public key in DER (SubjectPublicKeyInfo). Raises ValueError for what is no key."""
    key = load_pem_public_key(pem.encode())
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def good(pem: str, signature: bytes, content: bytes) -> bool:
    """Whether the key signed the content."""
    try:
        key = load_pem_public_key(pem.encode())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, content, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def published(session: Session, signer: Signer, now: datetime) -> SigningKey:
    """Note the key that signs, the one before it as ended: the row of the one that signs."""
    name = fingerprint(signer.pem)
    row = session.get(SigningKey, name)
    if row is None:
        session.execute(update(SigningKey).where(SigningKey.until.is_(None)).values(until=now))
        row = SigningKey(fingerprint=name, pem=signer.pem, since=now, until=None)
        session.add(row)
        session.flush()
    return row


def known(session: Session) -> list[SigningKey]:
    """Every key that ever signed, the newest first."""
    return list(session.scalars(select(SigningKey).order_by(SigningKey.since.desc())))
