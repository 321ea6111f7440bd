"""The key that makes tokens and digests: a file, made on first use, readable by its owner alone."""

from __future__ import annotations

import hmac
import re
import secrets
import stat
from pathlib import Path

from collector.secret_file import create

FILE = "redaction.key"
_TOKEN_LABEL, _DIGEST_LABEL = b"muster redaction token", b"muster arguments digest"


class KeyFileError(OSError):
    """The key can't be used; the message names the file and the remedy."""


class RedactionKeys:
    """Two keys derived from one: `token` for values made joinable, `arguments` for digests of tool arguments.

    Both are 64 hexadecimal digits, and these, as ASCII, are what goes into HMAC-SHA256. Shows nothing when printed.
    """

    __slots__ = ("arguments", "token")

    def __init__(self, secret: bytes) -> None:
        self.token = hmac.digest(secret, _TOKEN_LABEL, "sha256").hex()
        self.arguments = hmac.digest(secret, _DIGEST_LABEL, "sha256").hex()

    def __repr__(self) -> str:
        return "RedactionKeys(…)"


def load_keys(directory: Path) -> RedactionKeys:
    """The keys of `directory`, made there when it has none. Raises `KeyFileError`."""
    path = directory / FILE
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        create(path, f"{secrets.token_hex(32)}\n".encode())
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(f"{path} can be read by others than its owner: chmod 600 it")
        text = path.read_text("ascii", errors="replace").strip()
    except OSError as error:
        if isinstance(error, KeyFileError):
            raise
        raise KeyFileError(f"{path} can't be read ({error.strerror}): give its owner the right to") from None
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise KeyFileError(f"{path} must hold 64 hexadecimal digits: restore it from a backup (a new one breaks joins)")
    return RedactionKeys(bytes.fromhex(text))
