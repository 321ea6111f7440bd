"""Files that hold a secret: their owner's alone, made once."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from collector.segment import sync_directory


def create(path: Path, content: bytes) -> None:
    """Whole, durable and of mode 0600, or not at all; never over one that another process made meanwhile: that one
    counts. Raises OSError.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        sync_directory(path.parent)
    finally:
        draft.unlink()
