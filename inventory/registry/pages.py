"""Pages of lists: a cursor names the last row of the page before, so that what is new or gone moves nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from inventory.canonical import canonical, sha256
from inventory.db.models import Base
from inventory.registry.errors import Unfit

_Row = TypeVar("_Row")
_Kept = TypeVar("_Kept", bound=Base)


def cursor(of: Sequence[Any], last: Sequence[Any]) -> str:
    """Opaque text for the row after which the next page begins; `of` is the list and its filters."""
    return base64.urlsafe_b64encode(canonical([sha256(canonical(list(of)))[:8], *last]).encode()).decode().rstrip("=")


def after(text: str | None, of: Sequence[Any], kinds: Sequence[type]) -> list[Any] | None:
    """What `cursor` was given, of these kinds; None without one. Raises Unfit for one that is another list's."""
    if text is None:
        return None
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        mark, *last = found
        good = (
            mark == sha256(canonical(list(of)))[:8]
            and len(last) == len(kinds)
            and all(type(value) is kind for value, kind in zip(last, kinds, strict=True))
        )
    except (ValueError, TypeError):
        good = False
    if not good or any("\x00" in value for value in last if isinstance(value, str)):
        raise Unfit(
            (
                "query.cursor",
                "it is not a cursor of this list with these filters",
                "send the `next` of the page before, with the same filters, or leave it out",
            )
        )
    return list(last)


def moment(text: str) -> datetime:
    """Of a cursor. Raises Unfit."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(("query.cursor", "it is not a cursor of this list", "leave it out")) from None


def cut(rows: Sequence[_Row], limit: int) -> tuple[Sequence[_Row], bool]:
    """A page out of one row more than that, and whether there is another."""
    return rows[:limit], len(rows) > limit


def by(
    session: Session,
    asked: Select[_Kept],
    key: InstrumentedAttribute[str],
    of: Sequence[Any],
    limit: int,
    given: str | None,
) -> tuple[Sequence[_Kept], str | None]:
    """A page of rows by a text that none has twice, and the cursor of the next. Raises Unfit for another list's."""
    last = after(given, of, (str,))
    if last is not None:
        asked = asked.where(key > last[0])
    rows, more = cut(session.scalars(asked.order_by(key).limit(limit + 1)).all(), limit)
    return rows, cursor(of, [getattr(rows[-1], key.key)]) if more else None
