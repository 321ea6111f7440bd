"""The admin of a Muster that only this machine reaches: one token in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from collector.secret_file import create
from inventory.registry import tokens

FILE: Final = "admin-token"
_PREFIX: Final = "muster-admin_"


class LocalTokenError(Exception):
    """The file can't be used; the message names it and what to do."""


def admin_token(directory: Path) -> bytes:
    """SHA-256 of the token in the directory, which is made when there is none. Raises LocalTokenError or OSError."""
    path = directory / FILE
    if not path.exists():
        create(path, f"{_PREFIX}{secrets.token_urlsafe(32)}\n".encode())
    return tokens.digest_of(read(path))


def read(path: Path) -> str:
    """The token. Raises LocalTokenError, or OSError when there is none."""
    with path.open() as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        secret = file.read().strip()
    if mode & 0o077:
        raise LocalTokenError(f"{path} has mode {mode:04o}, so others can be admin here: remove it, a new one is made")
    if not secret.startswith(_PREFIX):
        raise LocalTokenError(f"{path} holds no admin token: remove it, and start again for a new one")
    return secret
