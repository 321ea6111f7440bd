"""A directory as target. It locks nothing by itself: files are read-only, and disposal alone obeys their time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from collector.segment import sync_directory
from exporters.hashing import sha256_of
from exporters.targets.base import CHUNK, Absent, Different, Listed, Lock, Mode, TargetError

_STAGING = ".staging"


class Folder:
    """Files appear whole or not at all, and are on disk when `put` returns."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root)

    def check(self, mode: Mode) -> None:
        try:
            (self.root / _STAGING).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._problem(error, self.root) from None
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise TargetError(f"{self.root} can't be written: check its owner, or set MUSTER_RECORDS_TARGET")

    def staging(self, free: Path) -> Path:
        return self.root / _STAGING

    def put(self, key: str, path: Path, sha256: str, upload: str, note: Callable[[str], None]) -> str:
        goal = self._path(key)
        try:
            goal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            path.chmod(0o400)
            try:
                os.link(path, goal)
            except FileExistsError:
                if sha256_of(goal)[0] != sha256:
                    raise Different(
                        f"{goal} is there and is another file: it is left as it is. Move it away, and try again"
                    ) from None
            self._sync(goal.parent)
        except OSError as error:
            raise self._problem(error, goal) from None
        return ""

    def read(self, key: str, version: str = "") -> Iterator[bytes]:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                while piece := file.read(CHUNK):
                    yield piece
        except FileNotFoundError:
            raise Absent(f"{path} is gone") from None
        except OSError as error:
            raise self._problem(error, path) from None

    def keys(self, prefix: str) -> Iterator[Listed]:
        top = self._path(prefix) if prefix else self.root
        found = sorted(
            Path(directory, name).relative_to(self.root).as_posix()
            for directory, folders, names in os.walk(top)
            for name in names
            if _STAGING not in Path(directory).relative_to(self.root).parts
        )
        for key in found:
            yield Listed(key, self._path(key).lstat().st_size)

    def lock(self, key: str, version: str, mode: Mode, until: datetime) -> Lock:
        return self.locked(key, version)

    def locked(self, key: str, version: str) -> Lock:
        if not self._path(key).exists():
            raise Absent(f"{self._path(key)} is gone")
        return Lock("none", None)

    def hold(self, key: str, version: str, on: bool) -> None:
        """Only the registry knows of it."""

    def held(self, key: str, version: str) -> bool:
        return False

    def remove(self, key: str, version: str) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
            for parent in path.parents:
                if parent == self.root or self.root not in parent.parents:
                    break
                parent.rmdir()
        except OSError as error:
            if not path.exists():
                return  # its directory holds others, or is gone
            raise self._problem(error, path) from None

    def _path(self, key: str) -> Path:
        path = self.root / key
        if ".." in path.parts:
            raise TargetError(f"{key} leads out of {self.root}")
        return path

    def _sync(self, directory: Path) -> None:
        """The new name is on disk, and those of directories made for it."""
        for one in (directory, *directory.parents):
            with suppress(FileNotFoundError):
                sync_directory(one)
            if one == self.root:
                return

    @staticmethod
    def _problem(error: OSError, path: Path) -> TargetError:
        full = error.errno in (28, 122)  # no space, quota
        remedy = "make room" if full else "check the disk and who owns it, or set MUSTER_RECORDS_TARGET"
        return TargetError(f"{path} can't be used ({error.strerror}): {remedy}", passing=full)
