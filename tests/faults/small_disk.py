"""A disk of a few megabytes to fill up: a tmpfs."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest


@dataclass
class SmallDisk:
    """A file system of its own; `fill` leaves (almost) no room, `free` gives it back."""

    path: Path

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Until a write fails with ENOSPC, and then give `leave` bytes back."""
        with self._ballast.open("ab") as file:
            for size in (1 << 20, 1 << 12, 1):
                while _room(file, size):
                    pass
            if leave:
                file.truncate(os.fstat(file.fileno()).st_size - leave)

    def free(self) -> None:
        self._ballast.unlink()


def _room(file: BinaryIO, size: int) -> bool:
    try:
        return os.write(file.fileno(), bytes(size)) == size
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounted at `path`, and gone afterwards. The processes on it must have ended by then."""
    if os.geteuid() != 0:
        pytest.fail("mounting a disk to fill up needs root: run this test with sudo, or in a container as root")
    path.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
