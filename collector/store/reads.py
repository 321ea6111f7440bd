"""What pages and tools read: statements in `reads/`, run with bound parameters.

Times are nanoseconds since the epoch, durations nanoseconds, ids lower-case hex, money `Decimal`. Every read takes a
client of `Store.reader()`, which limits memory and time, and raises

    ReadError
    ├── TooMuch          the engine's limit for one read: ask for less
    └── Unavailable      the engine failed or is gone
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from collector.store import contents

_LIMIT_CODES = frozenset({158, 159, 160, 241, 307, 396})  # rows, time, speed, memory, bytes, result
_INCLUDE = re.compile(r"\{\{(\w+)\}\}")
_CONDITION = re.compile(r"^-- (\w+):?.*\n((?:(?!-- ).*\n?)+)", re.MULTILINE)


class ReadError(Exception):
    """A read failed; the message is for people and quotes no data."""


class TooMuch(ReadError):
    pass


class Unavailable(ReadError):
    pass


@cache
def statement(name: str, conditions: tuple[str, ...] = ()) -> str:
    """The text of `reads/<name>.sql`, with what it includes: `{{other}}` is the text of another.

    `{{conditions_x}}` are those of `reads/conditions_x.sql` that are named here, each after an AND. `attribute_2` is
    the one named `attribute`, with 2 for each # in it.
    """
    return _expanded(_text(name), conditions)


def run(client: Client, name: str, conditions: Collection[str] = (), **parameters: Any) -> list[dict[str, Any]]:
    """The rows of a statement. Raises `ReadError`."""
    try:
        result = client.query(statement(name, tuple(conditions)), parameters=parameters)
    except ClickHouseError as error:
        code, kind = getattr(error, "code", None), getattr(error, "name", None) or type(error).__name__
        if code in _LIMIT_CODES:
            raise TooMuch(f"the engine stopped a read at its limit ({kind})") from error
        raise Unavailable(f"the engine could not answer ({kind})") from error
    return list(result.named_results())


def _expanded(text: str, conditions: tuple[str, ...] = ()) -> str:
    def included(match: re.Match[str]) -> str:
        if match[1] == "text_ids":
            return f"{contents.piece_ids(contents.load().cut('[{value_#:String}]'))}[1]"
        if match[1].startswith("conditions_"):
            return "\n    ".join(f"AND {_condition(match[1], name)}" for name in conditions)
        # What is no file here is filled in by whoever asked for the text.
        return _expanded(_text(match[1]).strip(), conditions) if _file(match[1]).is_file() else match[0]

    return _INCLUDE.sub(included, text)


def _condition(file: str, name: str) -> str:
    known = dict(_CONDITION.findall(_text(file)))
    kind, _, number = name.rpartition("_")
    text = known[name] if name in known else known[kind]
    return _expanded(text.strip()).replace("#", number)


def _text(name: str) -> str:
    return _file(name).read_text()


def _file(name: str) -> Traversable:
    return resources.files(__package__).joinpath("reads", f"{name}.sql")
