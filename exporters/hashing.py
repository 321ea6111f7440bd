"""Digests and line counts of files as they stream by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

from exporters.targets.base import CHUNK


def pieces(path: Path) -> Iterator[bytes]:
    """A file's content. Raises OSError."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def sha256_of(path: Path) -> tuple[str, int]:
    """Hex digest and size. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


class Reading:
    """What is learned of a file while it is read once: digest, size, and lines of its decompressed text."""

    def __init__(self, path: str) -> None:
        self._sha = hashlib.sha256()
        self._lines = path.endswith((".jsonl", ".jsonl.zst"))
        self._inflate = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
        self._packed = path.endswith(".zst")
        self.bytes = 0
        self.lines: int | None = 0 if self._lines else None
        self.broken = ""

    @property
    def sha256(self) -> str:
        return self._sha.hexdigest()

    def over(self, content: Iterable[bytes]) -> Reading:
        """Read all of it."""
        for piece in content:
            self._sha.update(piece)
            self.bytes += len(piece)
            if self.lines is not None and not self.broken:
                self.lines += self._count(piece)
        return self

    def _count(self, piece: bytes) -> int:
        if not self._packed:
            return piece.count(b"\n")
        found = 0
        # A megabyte of compressed text may be a hundred of text: it is taken in bites.
        for start in range(0, len(piece), 65536):
            try:
                found += self._inflate.decompress(piece[start : start + 65536]).count(b"\n")
            except zstandard.ZstdError as error:
                self.broken = f"it can't be decompressed ({error})"
                break
        return found
