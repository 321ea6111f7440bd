"""Kinds of text that people give. None holds U+0000, which no database keeps."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

SLUG = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
PERSON = r"^[A-Za-z0-9._%+@-]{1,200}$"
DIGEST = r"^sha256:[0-9a-f]{64}$"
_ANY = r"^[^\x00]*$"

Slug = Annotated[
    str, Field(pattern=SLUG, description="Lower-case letters, digits and -, 63 at most", examples=["support-drafter"])
]
PersonId = Annotated[
    str,
    Field(pattern=PERSON, description="As the identity provider names them", examples=["alice@example.org"]),
]
Digest = Annotated[str, Field(pattern=DIGEST, examples=["sha256:" + "9f" * 32])]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_ANY)]
Maybe = Annotated[str, StringConstraints(max_length=200, pattern=_ANY)]
Prose = Annotated[str, StringConstraints(max_length=4000, pattern=_ANY)]
Content = Annotated[str, StringConstraints(max_length=1_000_000, pattern=_ANY)]
Url = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^https?://[!-~]+$"),
    Field(examples=["https://runbooks.example.org/support-drafter"]),
]
Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9:._-]{0,62}$", examples=["tier:1"])]


def _rfc3339(value: object) -> object:
    """A number would be taken for seconds since 1970, which nobody means."""
    if not isinstance(value, datetime) and not (
        isinstance(value, str) and re.match(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", value)
    ):
        raise ValueError("it is no RFC 3339 time, such as 2026-03-02T02:00:00Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]


def _written(value: object) -> object:
    """A number would be taken for days since 1970, which nobody means."""
    if not isinstance(value, date) and not (isinstance(value, str) and re.match(r"^\d{4}-\d\d-\d\d$", value)):
        raise ValueError("it is no day, such as 2026-10-01")
    return value


Day = Annotated[date, BeforeValidator(_written)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[int, Field(strict=True)]


class Given(BaseModel):
    """What is sent. A member that doesn't exist is refused, not ignored: it may be a misspelt one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
