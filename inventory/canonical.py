"""One text for one JSON value: what is hashed, signed and compared."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON with sorted keys, no blanks, and every character as it is. Raises ValueError for what isn't finite."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(text: str | bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()
