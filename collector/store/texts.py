"""Content as people read it: the texts that rows refer to, put together from their pieces.

A text of which a piece has been removed is missing as a whole: half of one is never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from clickhouse_connect.driver.client import Client

from collector.store.reads import run

WHOLE_TEXT = 2**31
_PIECES_AT_ONCE = 5_000

Pieces = Mapping[str, Sequence[bytes]]
"""By attribute name, the ids of the pieces in order (the column `Texts`)."""


@dataclass(frozen=True, slots=True)
class Refers:
    """A row that refers to content: its day as the engine has it, its service, its texts."""

    day: date
    service: str
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Said:
    """A row's texts by attribute name, each whole or cut to its beginning; `missing` are names whose text is gone."""

    texts: Mapping[str, str]
    missing: Sequence[str]
    shortened: bool


_Key = tuple[date, str, bytes]
_Piece = tuple[str, int]
"""The text, cut to the limit, and how many characters it has."""


def said(client: Client, org: str, rows: Sequence[Refers], limit: int = WHOLE_TEXT) -> list[Said]:
    """The texts of each row, cut at `limit` characters each."""
    wanted = {(row.day, row.service, piece) for row in rows for ids in row.pieces.values() for piece in ids}
    pieces = dict(_pieces(client, org, sorted(wanted), limit))
    return [_said(row, pieces, limit) for row in rows]


def _said(row: Refers, pieces: Mapping[_Key, _Piece], limit: int) -> Said:
    texts: dict[str, str] = {}
    missing: list[str] = []
    shortened = False
    for name, ids in row.pieces.items():
        found = [pieces.get((row.day, row.service, piece)) for piece in ids]
        whole = [piece for piece in found if piece is not None]
        if len(whole) < len(found):
            missing.append(name)
            continue
        texts[name] = _beginning(whole, limit)
        shortened |= sum(characters for _, characters in whole) > limit
    return Said(texts, sorted(missing), shortened)


def _beginning(pieces: Iterable[_Piece], limit: int) -> str:
    parts: list[str] = []
    room = limit
    for text, characters in pieces:
        parts.append(text[:room])
        room -= characters
        if room <= 0:
            break
    return "".join(parts)


def _pieces(client: Client, org: str, wanted: Sequence[_Key], limit: int) -> Iterator[tuple[_Key, _Piece]]:
    for start in range(0, len(wanted), _PIECES_AT_ONCE):
        some = wanted[start : start + _PIECES_AT_ONCE]
        rows = run(
            client,
            "contents_pieces",
            org=org,
            days=sorted({str(day) for day, _, _ in some}),
            services=sorted({service for _, service, _ in some}),
            ids=",".join(sorted({piece.hex() for _, _, piece in some})),
            limit=limit,
        )
        for row in rows:
            yield (row["day"], row["service"], row["id"]), (row["text"], row["characters"])
