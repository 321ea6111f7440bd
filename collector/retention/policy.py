"""The policy: how long what is kept.

    [default]                         # a class that is left out is kept forever
    content = "30d"                   # what people, models and tools said
    metadata = "400d"                 # spans, their facts and summaries, log records of stored traces
    approvals = "7y"                  # decisions, whatever becomes of their spans
    logs = "90d"                      # other log records
    metrics = "90d"
    rollups = "forever"               # sums by minute and hour

    [[rule]]                          # the first rule that matches and names a class decides
    name = "claims"
    org = "acme"                      # or a list; left out: any. Likewise service, agent, environment
    service = ["claims-api", "claims-mail"]
    content = "18 months"

Without a policy nothing is ever removed. Periods are days, weeks, calendar months, years, or "forever".
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, model_validator

NEVER = 0
"""The border of what is kept forever, ns since the epoch: nothing is older."""

_LONGEST_YEARS = 1000
_WRITTEN = re.compile(r"([0-9]{1,6}) ?(d|days?|w|weeks?|months?|y|years?)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PolicyError(Exception):
    """A policy can't be used; the message names the file, the entry, the field and the remedy."""


class Kind(StrEnum):
    """What has a period of its own."""

    CONTENT = "content"
    METADATA = "metadata"
    APPROVALS = "approvals"
    LOGS = "logs"
    METRICS = "metrics"
    ROLLUPS = "rollups"


@dataclass(frozen=True, slots=True)
class Period:
    """So many days, or calendar months. Neither: forever."""

    text: str
    days: int = 0
    months: int = 0

    @classmethod
    def of(cls, text: object) -> Period:
        """Raises ValueError."""
        if isinstance(text, cls):
            return text
        if text == "forever":
            return cls("forever")
        found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if found is None or int(found[1]) == 0:
            raise ValueError('write a period as "30d", "6 weeks", "18 months", "7y" or "forever"')
        number, unit = int(found[1]), found[2][0]
        years = {"d": number / 365, "w": number / 52, "m": number / 12, "y": number}[unit]
        if years > _LONGEST_YEARS:
            raise ValueError(f'a period is {_LONGEST_YEARS} years at most: write "forever"')
        if unit in "dw":
            return cls(str(text), days=number * (7 if unit == "w" else 1))
        return cls(str(text), months=number * (12 if unit == "y" else 1))

    def border(self, now: datetime) -> int:
        """What is older than this (ns since the epoch) has been kept long enough.

        Months end on their last day: a month before 31 March is 28 February.
        """
        if not self.days and not self.months:
            return NEVER
        if self.days:
            return max(ns(now) - self.days * 86_400 * 10**9, NEVER)
        if now.year * 12 + now.month - 1 - self.months < _EPOCH.year * 12:
            return NEVER
        return ns(_moved(now, -self.months))

    def after(self, moment: datetime) -> datetime:
        """When it is over, if it begins at the moment. Raises ValueError for "forever"."""
        if not self.days and not self.months:
            raise ValueError("what is kept forever has no end")
        return moment + timedelta(days=self.days) if self.days else _moved(moment, self.months)


def _moved(moment: datetime, months: int) -> datetime:
    """The same day of another month, or its last one."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    first = moment.replace(year=year, month=month + 1, day=1)
    length = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(moment.day, length.day))


def ns(moment: datetime) -> int:
    """Nanoseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def moment(nanoseconds: int) -> datetime:
    """The other way, to the microsecond."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


_Period = Annotated[Period, BeforeValidator(Period.of), PlainSerializer(lambda period: period.text)]


def _several(given: object) -> object:
    return [given] if isinstance(given, str) else given


_Names = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Participant:
    """Whose telemetry it is. None: the table doesn't say, so it may be any."""

    org: str
    service: str
    agent: str | None = None
    environment: str | None = None


class Periods(BaseModel):
    """A period for each class that has one."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    content: _Period | None = None
    metadata: _Period | None = None
    approvals: _Period | None = None
    logs: _Period | None = None
    metrics: _Period | None = None
    rollups: _Period | None = None

    def period(self, kind: Kind) -> Period | None:
        found: Period | None = getattr(self, kind.value)
        return found


class Rule(Periods):
    """Periods for some; the first that matches and names the class decides."""

    name: str = ""
    org: _Names | None = None
    service: _Names | None = None
    agent: _Names | None = None
    environment: _Names | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Rule:
        if all(self.period(kind) is None for kind in Kind):
            raise ValueError(f"give a period for one of {', '.join(Kind)}")
        if not any((self.org, self.service, self.agent, self.environment)):
            raise ValueError("say whom it is for (org, service, agent, environment), or put the periods into [default]")
        return self

    def matches(self, whose: Participant) -> bool | None:
        """None: it depends on what isn't known."""
        known = (
            (self.org, whose.org),
            (self.service, whose.service),
            (self.agent, whose.agent),
            (self.environment, whose.environment),
        )
        if any(names and name is not None and name not in names for names, name in known):
            return False
        return None if any(names and name is None for names, name in known) else True


class Policy(BaseModel):
    """Periods by class and participant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: Periods = Periods()
    rule: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _rows_outlive_content(self) -> Policy:
        far = datetime(2100, 1, 1, tzinfo=UTC)
        for name, scope in (("default", self.default), *((rule_name(r, n), r) for n, r in enumerate(self.rule, 1))):
            content = scope.content or self.default.content or Period("forever")
            metadata = scope.metadata or self.default.metadata or Period("forever")
            if (scope.content or scope.metadata) and metadata.border(far) > content.border(far):
                raise ValueError(
                    f"{name}: content is kept longer ({content.text}) than metadata ({metadata.text}), but can't be "
                    "found without its rows: make metadata at least as long"
                )
        return self

    @property
    def id(self) -> str:
        """Names the policy by what it says: a short hash."""
        said = json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:12]

    def border(self, kind: Kind, whose: Participant, now: datetime) -> int:
        """What is older (ns since the epoch) has been kept long enough; the longest of the periods that may apply.

        Rows stay as long as their content, which can't be found without them.
        """
        border = min(period.border(now) for period in self._periods(kind, whose))
        return min(border, self.border(Kind.CONTENT, whose, now)) if kind is Kind.METADATA else border

    def latest(self, kind: Kind, now: datetime) -> int:
        """The border of the shortest period of this class (ns): what is newer is kept whoever's it is."""
        periods = (scope.period(kind) for scope in (self.default, *self.rule))
        return max(period.border(now) if period else NEVER for period in periods)

    def _periods(self, kind: Kind, whose: Participant) -> list[Period]:
        found: list[Period] = []
        for rule in self.rule:
            period = rule.period(kind)
            matches = rule.matches(whose)
            if period is None or matches is False:
                continue
            found.append(period)
            if matches:
                return found
        return [*found, self.default.period(kind) or Period("forever")]


def rule_name(rule: Rule, number: int) -> str:
    """What messages call it."""
    return f"rule {number} ({rule.name})" if rule.name else f"rule {number}"


def load(path: Path) -> Policy:
    """The policy of a file. Raises PolicyError."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: can't be read ({error.strerror}): name another file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: isn't TOML: {error}") from None
    try:
        return Policy.model_validate(said)
    except ValidationError as error:
        raise PolicyError(
            "; ".join(f"{path}: {_words(found['loc'], found['msg'])}" for found in error.errors())
        ) from None


def _words(place: tuple[int | str, ...], message: str) -> str:
    named = [f"{part + 1}" if isinstance(part, int) else part for part in place]
    said = message.removeprefix("Value error, ")
    if said == "Extra inputs are not permitted":
        said = "no such entry: leave it out, or see how it is spelt"
    return f"{' '.join(named)}: {said}" if named else said
