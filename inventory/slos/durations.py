"""Lengths of time as OpenSLO writes them: a number and one of m, h, d, w."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_WRITTEN = re.compile(r"^([1-9]\d{0,5})([mhdw])$")


def parsed(text: object) -> timedelta:
    """Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    found = _WRITTEN.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is no length of time such as 5m, 6h, 30d or 4w")
    return int(found[1]) * _UNITS[found[2]]


def written(length: timedelta) -> str:
    """In days, hours or minutes: the largest that is whole."""
    for unit, one in (("d", _UNITS["d"]), ("h", _UNITS["h"])):
        if not length % one:
            return f"{length // one}{unit}"
    return f"{length // _UNITS['m']}m"


Duration = Annotated[timedelta, BeforeValidator(parsed, json_schema_input_type=str), PlainSerializer(written, str)]
