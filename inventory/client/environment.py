"""Where the API is and who asks it, as the environment says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from inventory.client.asker import ClientError

DEFAULT_URL: Final = "http://127.0.0.1:8000"


class TokenFileError(ClientError):
    """The file of MUSTER_API_TOKEN_FILE can't be read."""


def api_of_environment(url: str = "", token_file: Path | None = None) -> tuple[str, str | None]:
    """MUSTER_API_URL, and the token of MUSTER_API_TOKEN, or in the file that MUSTER_API_TOKEN_FILE names.

    `url` and `token_file` stand in for what the environment doesn't say. Raises TokenFileError.
    """
    named = os.environ.get("MUSTER_API_TOKEN_FILE")
    path = Path(named) if named else token_file
    token = os.environ.get("MUSTER_API_TOKEN") or (_read(path) if path and (named or path.exists()) else None)
    return os.environ.get("MUSTER_API_URL") or url or DEFAULT_URL, token


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise TokenFileError(
            f"The token file {path} can't be read ({error.strerror}). Use the account that started Muster, or set "
            "MUSTER_API_TOKEN."
        ) from None
