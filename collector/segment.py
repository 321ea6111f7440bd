"""A segment: one file of the spool, later one batch of the store. Encrypted frame by frame.

    file  = MAGIC frame*
    frame = length (u32, little-endian) ciphertext          AES-256-GCM; nonce = the frame's number
    plain = header org identity payload                     see `Record`

Each segment has a key of its own in the key directory. Destroying that key is how a segment's content goes:
overwriting the file can't be promised on solid-state disks.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from collector.signals import Signal

MAGIC = b"MUSTER-SPOOL-1\n\0"
_LENGTH = struct.Struct("<I")
_HEADER = struct.Struct("<QIIII16sHH")
_TAG_BYTES = 16
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """One decoded request, or the note that one was absorbed.

    `received` = `items` + `rejected` + `absorbed` at the door; a request put back from the dead letters was
    received before and has `received` 0. `received_at` is in ns since the epoch; `digest` (16 bytes) is zero
    where the request isn't to be recognised again.
    """

    received_at: int
    received: int
    items: int
    rejected: int
    absorbed: int
    digest: bytes
    org: str
    identity: str
    payload: bytes

    @property
    def sender(self) -> Sender:
        return Sender(self.received_at // HOUR_NS * 3600, self.org, self.identity)

    def pack(self) -> bytes:
        org, identity = self.org.encode(), self.identity.encode()
        header = _HEADER.pack(
            self.received_at,
            self.received,
            self.items,
            self.rejected,
            self.absorbed,
            self.digest,
            len(org),
            len(identity),
        )
        return b"".join((header, org, identity, self.payload))

    @classmethod
    def unpack(cls, plain: bytes) -> Record:
        received_at, received, items, rejected, absorbed, digest, org, identity = _HEADER.unpack_from(plain)
        start = _HEADER.size
        middle = start + org
        end = middle + identity
        names = plain[start:middle].decode(), plain[middle:end].decode()
        return cls(received_at, received, items, rejected, absorbed, digest, *names, plain[end:])


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose items, received in which hour (Unix seconds at its start): the row of a reconciliation."""

    hour: int
    org: str
    identity: str


@dataclass(slots=True)
class Tally:
    """Items of one sender in one hour."""

    received: int = 0
    items: int = 0
    rejected: int = 0
    absorbed: int = 0

    def add(self, record: Record) -> None:
        self.received += record.received
        self.items += record.items
        self.rejected += record.rejected
        self.absorbed += record.absorbed


class Corrupt(Exception):
    """A segment that can't be read; the message names the file and what is missing."""


@dataclass(slots=True)
class Keys:
    """Segment keys as files of mode 0600 in a directory of mode 0700 (it may be another, better guarded disk)."""

    path: Path

    def __post_init__(self) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __repr__(self) -> str:
        return f"Keys({self.path})"

    def create(self, name: str) -> bytes:
        key = secrets.token_bytes(32)
        fd = os.open(self.path / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(fd, key)
            os.fsync(fd)
            sync_directory(self.path)
        except OSError:
            (self.path / name).unlink()
            raise
        finally:
            os.close(fd)
        return key

    def load(self, name: str) -> bytes:
        try:
            key = (self.path / name).read_bytes()
        except FileNotFoundError:
            raise Corrupt(f"the key of segment {name} is missing from {self.path}") from None
        if len(key) != 32:
            raise Corrupt(f"the key of segment {name} in {self.path} is damaged")
        return key

    def destroy(self, name: str) -> None:
        """Overwrite, then unlink: the best a file can do. A key that is gone already is fine."""
        path = self.path / name
        with suppress(FileNotFoundError):
            fd = os.open(path, os.O_WRONLY)
            try:
                os.pwrite(fd, bytes(32), 0)
                os.fsync(fd)
            finally:
                os.close(fd)
            path.unlink()


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@dataclass(slots=True)
class Segment:
    """One file. Only the spool's writer appends to it, and only one loader reads it.

    `size` counts the bytes known good; anything after them is a torn write. `excluded` frames are repeats found
    when the segment was read back after a crash, `damaged` ones could not be read back although later ones could.
    """

    name: str
    signal: Signal
    path: Path
    key: bytes = field(repr=False)
    size: int = 0
    frames: int = 0
    items: int = 0
    tallies: dict[Sender, Tally] = field(default_factory=dict)
    digests: list[bytes] = field(default_factory=list)
    excluded: set[int] = field(default_factory=set)
    damaged: set[int] = field(default_factory=set)
    born: float = field(default_factory=monotonic)
    not_before: float = 0.0
    _fd: int = -1

    @classmethod
    def create(cls, directory: Path, keys: Keys, signal: Signal, name: str) -> Segment:
        """A new, empty segment whose key, file and name are durable. Raises OSError and leaves nothing behind."""
        key = keys.create(name)
        path = directory / f"{name}.seg"
        try:
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                os.write(fd, MAGIC)
                os.fsync(fd)
                sync_directory(directory)
            except OSError:
                os.close(fd)
                path.unlink()
                raise
        except OSError:
            (keys.path / name).unlink()
            raise
        return cls(name, signal, path, key, size=len(MAGIC), _fd=fd)

    def append(self, records: Sequence[Record]) -> None:
        """Add records and sync them. Raises OSError with the segment as it was; it must then be sealed."""
        cipher = AESGCM(self.key)
        parts: list[bytes] = []
        for number, record in enumerate(records, self.frames):
            sealed = cipher.encrypt(_nonce(number), record.pack(), self.name.encode())
            parts += (_LENGTH.pack(len(sealed)), sealed)
        block = b"".join(parts)
        try:
            view = memoryview(block)
            offset = self.size
            while view:
                written = os.pwrite(self._fd, view, offset)
                view = view[written:]
                offset += written
            os.fdatasync(self._fd)
        except OSError:
            # A frame that stayed would be loaded although its sender was told to send again.
            os.ftruncate(self._fd, self.size)
            os.fsync(self._fd)
            raise
        self.size += len(block)

    def count(self, records: Sequence[Record]) -> None:
        """Take records that were appended into the account. Apart from `append`, so that a lock needn't span a sync."""
        for record in records:
            self._count(record)

    def seal(self) -> None:
        """Nothing more is appended."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def records(self) -> Iterator[Record]:
        """Every record in order, decrypted; an empty one for a frame known to be damaged.

        Raises `Corrupt` where a byte of the known good part was changed.
        """
        cipher = AESGCM(self.key)
        with self.path.open("rb", buffering=1 << 20) as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise Corrupt(f"{self.path} is not a spool segment")
            for number in range(self.frames):
                length = int.from_bytes(file.read(_LENGTH.size), "little")
                sealed = file.read(length)
                if number in self.damaged:
                    yield _NOTHING
                    continue
                try:
                    plain = cipher.decrypt(_nonce(number), sealed, self.name.encode())
                except InvalidTag:
                    plain = b""
                if not plain or len(sealed) != length:
                    raise Corrupt(f"frame {number} of {self.path} was changed on disk")
                yield Record.unpack(plain)

    @classmethod
    def recover(cls, path: Path, keys: Keys, signal: Signal, planned: int | None = None) -> Segment:
        """Read a segment back after a stop. A torn tail was never acknowledged and is cut off.

        What follows the `planned` frames of a batch tried before is one too: a write that failed.
        """
        segment = cls(path.stem, signal, path, keys.load(path.stem))
        cipher = AESGCM(segment.key)
        with path.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(0)
            magic = file.read(len(MAGIC))
            if magic != MAGIC and not (len(magic) < len(MAGIC) and MAGIC.startswith(magic)):
                raise Corrupt(f"{path} is not a spool segment")
            offset = segment.size = len(magic)
            number = 0
            while number != planned and len(prefix := file.read(_LENGTH.size)) == _LENGTH.size:
                (length,) = _LENGTH.unpack(prefix)
                offset += _LENGTH.size + length
                if length < _TAG_BYTES + _HEADER.size or offset > end:
                    break
                # A frame that can't be read is a torn write only if nothing that can be comes after it.
                with suppress(InvalidTag):
                    plain = cipher.decrypt(_nonce(number), file.read(length), segment.name.encode())
                    segment.damaged.update(range(segment.frames, number))
                    segment.frames, segment.size = number, offset
                    segment._count(Record.unpack(plain))
                number += 1
            if segment.size < end:
                file.truncate(segment.size)
                os.fsync(file.fileno())
        return segment

    def exclude(self, number: int, record: Record) -> None:
        """Leave a frame out: its request stands in another segment already."""
        self.excluded.add(number)
        tally = self.tallies[record.sender]
        tally.received -= record.received
        tally.items -= record.items
        tally.rejected -= record.rejected
        tally.absorbed -= record.absorbed
        self.items -= record.items

    def destroy(self, keys: Keys) -> None:
        """The content is unreadable when this returns."""
        self.seal()
        keys.destroy(self.name)
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _count(self, record: Record) -> None:
        self.frames += 1
        self.items += record.items
        self.tallies.setdefault(record.sender, Tally()).add(record)
        if any(record.digest):
            self.digests.append(record.digest)


_NOTHING = Record(0, 0, 0, 0, 0, bytes(16), "", "", b"")


def _nonce(number: int) -> bytes:
    # Unique under a key: a segment is never appended to again after a failed write or a restart.
    return number.to_bytes(12, "little")
