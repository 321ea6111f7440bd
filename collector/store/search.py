"""Full text over what people, models and tools said: words and phrases, newest first.

A word that is in few texts is looked up in the text index, day by day, and then the spans that refer to those texts. Of
a word that is in very many, the newest spans are looked at instead, back to a time that the answer names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.store.reads import run

_SECOND = 10**9
_DAY = 86_400 * _SECOND
_FEW = 100
"""Texts of a day up to which the index of spans tells more than a look at the spans."""
_FIRST_SLICE = 60 * _SECOND
_SLICE_GROWTH = 6
_MOST_SLICES = 6
_AROUND = 80


@dataclass(frozen=True, slots=True)
class Search:
    """Spans that started in [since, until) and said all these words, and this phrase as it stands, in one text piece (a
    message or an attribute). Case doesn't matter for the letters a to z. `after`: where the next page goes on.
    """

    since_ns: int
    until_ns: int
    words: str = ""
    phrase: str = ""
    service: str = ""
    after: tuple[int, str] | None = None
    limit: int = 50

    @property
    def needle(self) -> str:
        """What a snippet shows."""
        return self.phrase or next(iter(self.words.split()), "")


@dataclass(frozen=True, slots=True)
class Hit:
    """A trace, and the newest span of a day of it in which the text is. `names` are the attributes that have it."""

    trace_id: str
    span_id: str
    time_ns: int
    name: str
    service: str
    agent: str
    names: Sequence[str]
    spans: int
    snippet: str


@dataclass(frozen=True, slots=True)
class Found:
    """`after` is None when the window has been searched to its end; everything from `searched_ns` on was. `common`: the
    words are in so many texts that only the newest spans were looked at.
    """

    hits: Sequence[Hit]
    after: tuple[int, str] | None
    searched_ns: int
    common: bool


@dataclass(slots=True)
class _State:
    rows: list[dict[str, Any]]
    searched: int
    common: bool = False
    ended: bool = False


def search(client: Client, org: str, asked: Search) -> Found:
    """A page of traces that said it. Raises `ReadError`, and ValueError if there is nothing to look for."""
    wording = _wording(asked)
    until, before_id = asked.after or (asked.until_ns, "")
    state = _State([], until)
    for day, hits in _days(client, org, wording, asked.since_ns, until):
        start, end = max(day, asked.since_ns), min(day + _DAY, until + 1, asked.until_ns)
        if hits <= _FEW:
            _rare(client, org, asked, wording, state, (start, end), (until, before_id))
        else:
            _common(client, org, asked, wording, state, (start, end), (until, before_id))
        if len(state.rows) > asked.limit or state.ended:
            break
    else:
        state.searched = asked.since_ns
    return _found(client, org, asked, wording, state)


def _found(client: Client, org: str, asked: Search, wording: Mapping[str, Any], state: _State) -> Found:
    more = len(state.rows) > asked.limit
    rows = state.rows[: asked.limit]
    after = None
    if more:
        after = rows[-1]["time_ns"], rows[-1]["trace_id"]
    elif state.searched > asked.since_ns:
        after = state.searched, ""
    searched = rows[-1]["time_ns"] if more else state.searched
    snippets = _snippets(client, org, asked, rows) if rows else {}
    hits = []
    for row in rows:
        ids = row.pop("ids")
        text = next((snippets[one] for one in ids if one in snippets), "")
        hits.append(Hit(**row, snippet=text))
    return Found(hits, after, searched, state.common)


def _days(client: Client, org: str, wording: Mapping[str, Any], since: int, until: int) -> Iterator[tuple[int, int]]:
    """Days with texts that match, newest first: when each begins, and how many texts."""
    high, days = until // _DAY, 1
    while high * _DAY + _DAY > since:
        low = max(high - days + 1, since // _DAY)
        rows = run(client, "search_days", org=org, low=low, high=high, **wording)
        yield from ((row["day"] * _DAY, row["hits"]) for row in rows)
        high, days = low - 1, days * _SLICE_GROWTH


def _rare(
    client: Client,
    org: str,
    asked: Search,
    wording: Mapping[str, Any],
    state: _State,
    bounds: tuple[int, int],
    before: tuple[int, str],
) -> None:
    state.rows += _spans(client, "search_rare", org, asked, wording, bounds, before, asked.limit + 1 - len(state.rows))
    state.searched = bounds[0]


def _common(
    client: Client,
    org: str,
    asked: Search,
    wording: Mapping[str, Any],
    state: _State,
    bounds: tuple[int, int],
    before: tuple[int, str],
) -> None:
    """In slices from the end of the day, until the page is full or enough was looked at."""
    state.common = True
    start, high = bounds
    width = _FIRST_SLICE
    for _ in range(_MOST_SLICES):
        low = max(start, high - width)
        room = asked.limit + 1 - len(state.rows)
        state.rows += _spans(client, "search_common", org, asked, wording, (low, high), before, room)
        state.searched = low
        if low <= start or len(state.rows) > asked.limit:
            return
        high, width = low, width * _SLICE_GROWTH
    state.ended = True


def _spans(
    client: Client,
    name: str,
    org: str,
    asked: Search,
    wording: Mapping[str, Any],
    bounds: tuple[int, int],
    before: tuple[int, str],
    limit: int,
) -> list[dict[str, Any]]:
    return run(
        client,
        name,
        ["service"] if asked.service else [],
        org=org,
        since=bounds[0],
        until=bounds[1],
        before=before[0],
        before_id=before[1],
        service=asked.service,
        limit=limit,
        **wording,
    )


def _snippets(client: Client, org: str, asked: Search, rows: Sequence[Mapping[str, Any]]) -> dict[bytes, str]:
    found = run(
        client,
        "search_snippets",
        org=org,
        days=sorted({_date(row["time_ns"]) for row in rows}),
        ids=",".join(sorted({one.hex() for row in rows for one in row["ids"]})),
        needle=asked.needle,
        escaped=_escaped(asked.needle),
        around=_AROUND,
    )
    return {row["id"]: row["snippet"] for row in found}


def _wording(asked: Search) -> dict[str, Any]:
    """What the statements look for. JSON texts have other signs than a to z escaped, by some libraries' habit."""
    words, phrase = f"{asked.words} {asked.phrase}".strip(), asked.phrase
    if not any(character.isalnum() for character in words):
        raise ValueError("nothing to look for: give at least one word")
    return {
        "words": words,
        "words_escaped": _escaped(words),
        "phrase": phrase,
        "phrase_quoted": _escaped(phrase, ascii_only=False),
        "phrase_escaped": _escaped(phrase),
    }


def _escaped(text: str, *, ascii_only: bool = True) -> str:
    """As it stands inside a JSON string."""
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _date(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // _SECOND, UTC).date().isoformat()
