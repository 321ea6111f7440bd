"""Full text over what people, models and tools said: words and phrases, newest first.

A word that is in few texts is looked up in the text index, and then the spans that refer to those texts. Of a word that
is in very many, the newest spans are looked at instead, back to a time that the answer names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from collector.store.reads import run

_SECOND = 10**9
_DAY = 86_400 * _SECOND
_FEW = 100
"""Texts up to which the index of spans tells more than a look at the spans."""
_FIRST_SLICE = 60 * _SECOND
_FIRST_SPANS = 20_000
"""Spans that the first slice has about, where a minute has fewer."""
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
    """A trace, and the newest span in which the text is; a trace of many days may be there once more with an older one.
    `names` are the attributes that have it.
    """

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


class _Looking:
    """A page as it fills, from the newest day on. `searched`: everything from then on was looked at."""

    def __init__(self, client: Client, org: str, asked: Search) -> None:
        self.rows: list[dict[str, Any]] = []
        self.common = False
        self._ended = False
        self._client, self._org, self._asked = client, org, asked
        self._wording = _wording(asked)
        self._before = asked.after or (asked.until_ns, "")
        self.searched = self._before[0]

    @property
    def done(self) -> bool:
        return len(self.rows) > self._asked.limit or self._ended

    def days(self, low: int, high: int) -> None:
        """Days by their numbers since the epoch, both included."""
        found = self._run("search_texts", low=low, high=high, most=_FEW + 1)
        start = max(low * _DAY, self._asked.since_ns)
        if len(found) <= _FEW:
            if found:
                first, last = min(row["day"] for row in found), max(row["day"] for row in found)
                ids = ",".join(sorted({row["id"].hex() for row in found}))
                since, until = max(first * _DAY, start), min((last + 1) * _DAY, self._asked.until_ns)
                self._traces("search_rare", since, until, ids=ids)
            self.searched = start
        elif low == high:
            self._slices(start, min((high + 1) * _DAY, self._asked.until_ns, self._before[0] + 1))
        else:
            middle = (low + high) // 2
            self.days(middle + 1, high)
            if not self.done:
                self.days(low, middle)

    def _slices(self, start: int, high: int) -> None:
        """From the end of the day, until the page is full or enough was looked at."""
        self.common = True
        (volume,) = self._run("window_spans", since=start // _SECOND, until=high // _SECOND + 1)
        width = max(_FIRST_SLICE, (high - start) * _FIRST_SPANS // max(volume["spans"], 1))
        for _ in range(_MOST_SLICES):
            low = max(start, high - width)
            self._traces("search_common", low, high)
            self.searched = low
            if low <= start or self.done:
                return
            high, width = low, width * _SLICE_GROWTH
        self._ended = True

    def _traces(self, name: str, since: int, until: int, **more: Any) -> None:
        conditions = ["service"] if self._asked.service else []
        before, before_id = self._before
        position = {"since": since, "until": until, "before": before, "before_id": before_id}
        room = self._asked.limit + 1 - len(self.rows)
        self.rows += self._run(name, conditions, **position, **more, service=self._asked.service, limit=room)

    def _run(self, name: str, conditions: Sequence[str] = (), **parameters: Any) -> list[dict[str, Any]]:
        return run(self._client, name, conditions, org=self._org, **self._wording, **parameters)


def search(client: Client, org: str, asked: Search) -> Found:
    """A page of traces that said it. Raises `ReadError`, and ValueError if there is nothing to look for."""
    looking = _Looking(client, org, asked)
    # The newest day may be enough; of words that it has few of, there are few.
    newest = (asked.after[0] if asked.after else asked.until_ns - 1) // _DAY
    oldest = asked.since_ns // _DAY
    looking.days(newest, newest)
    if newest > oldest and not looking.done:
        looking.days(oldest, newest - 1)
    return _found(client, org, asked, looking)


def _found(client: Client, org: str, asked: Search, looking: _Looking) -> Found:
    more = len(looking.rows) > asked.limit
    rows = looking.rows[: asked.limit]
    after = None
    if more:
        after = rows[-1]["time_ns"], rows[-1]["trace_id"]
    elif looking.searched > asked.since_ns:
        after = looking.searched, ""
    searched = rows[-1]["time_ns"] if more else looking.searched
    snippets = _snippets(client, org, asked, rows) if rows else {}
    hits = []
    for row in rows:
        ids = row.pop("ids")
        text = next((snippets[one] for one in ids if one in snippets), "")
        hits.append(Hit(**row, snippet=text))
    return Found(hits, after, searched, looking.common)


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
