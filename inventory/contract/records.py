"""The wire of records: schedules, packages, holds, dispositions, what is under way, the calendar."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from collector.retention.policy import Period
from inventory.contract import Moment, Wire
from inventory.contract.agents import Classification
from inventory.contract.words import Day, Flag, Given, Label, Maybe, Name, PersonId, Prose, Slug

PackageKind = Literal["period", "supplement", "retirement", "request"]
PackageState = Literal["planned", "writing", "sealed", "committed", "empty", "disposed"]
WorkKind = Literal["export", "verify", "restore", "drop", "hold", "lock", "dispose"]
WorkState = Literal["waiting", "running", "done", "failed"]
HoldScope = Literal["organisation", "agent", "package", "trace"]
Cell = Literal["complete", "supplemented", "missing", "failed", "held", "disposed", "open", "empty", "under-way"]
PackageId = Annotated[str, Field(pattern=r"^pkg_[0-9a-f]{16}$", examples=["pkg_0123456789abcdef"])]


def _kept(text: str) -> str:
    if Period.of(text) == Period("forever"):
        raise ValueError("an object is locked until a day: write a period, and disposition permanent")
    return text


Kept = Annotated[
    str,
    AfterValidator(_kept),
    Field(max_length=20, pattern=r"^[0-9]{1,4} ?(d|days?|w|weeks?|months?|y|years?)$", examples=["30 months", "7y"]),
]


class ScheduleSpec(Given):
    """How long records are kept, by which authority. It does nothing until it is enabled."""

    title: Name
    authority: Annotated[Name, Field(examples=["GRS 3.2, item 036"])]
    period: Kept
    cutoff: Annotated[
        Literal["period-end", "retirement"],
        Field(description="From when the period runs: the end of the archived month, or the agent's retirement"),
    ] = "period-end"
    disposition: Annotated[
        Literal["destroy", "transfer", "permanent"], Field(description="Only `destroy` is ever disposed of here")
    ] = "destroy"
    effective_from: Day = date(2000, 1, 1)
    effective_to: Day | None = None
    verified_by: Annotated[PersonId | None, Field(description="Who checked it against its authority")] = None
    enabled: Annotated[Flag, Field(description="Whether ended months are archived by it")] = False
    agents: Annotated[list[Slug], Field(max_length=1000, description="Of these alone; none: of all")] = []
    tags: Annotated[list[Label], Field(max_length=50)] = []
    classifications: list[Classification] = []
    note: Prose = ""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.effective_to is not None and self.effective_to <= self.effective_from:
            raise ValueError("effective_to comes after effective_from")
        if self.enabled and self.verified_by is None:
            raise ValueError("verified_by: name who checked it against its authority before it is enabled")
        return self


class Schedule(Wire):
    id: Slug
    revision: int
    spec: ScheduleSpec
    updated_at: Moment


class ScheduleList(Wire):
    schedules: list[Schedule]


class NewExport(Given):
    """What an agent did in [starts, ends), as it has come in by now, but what is archived and hasn't changed."""

    agent: Slug
    starts: Annotated[Day, Field(examples=["2026-10-01"])]
    ends: Annotated[Day, Field(description="The day after the last one", examples=["2026-11-01"])]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends <= self.starts:
            raise ValueError("ends is the day after the last one: it comes after starts")
        return self


class Package(Wire):
    """An archive of one agent. `rows` and `bytes`: so far."""

    id: PackageId
    agent: Slug
    kind: PackageKind
    starts: date
    ends: date
    number: int
    state: PackageState
    error: str
    cutoff: Moment | None
    target: str
    prefix: str
    schedule: str | None
    disposition: str
    mode: str
    locked_until: Moment | None
    sequence: int | None
    manifest_sha256: str
    fingerprint: str
    rows: int
    rows_expected: int
    bytes: int
    held: bool
    requested_by: str
    created_at: Moment
    committed_at: Moment | None
    verified_at: Moment | None
    verdict: str
    disposed_at: Moment | None
    restored: str


class PackageFile(Wire):
    path: str
    state: str
    sha256: str
    rows: int | None
    expected: int | None
    bytes: int | None
    version: str


class PackageDetail(Package):
    files: list[PackageFile]
    holds: list[Hold]
    certificate: dict[str, Any] | None


class PackagePage(Wire):
    packages: list[Package]
    next: str | None


class Work(Wire):
    """Something that is done to a package. `done` and `total`: rows, or files where there are no rows."""

    id: str
    package: PackageId
    kind: WorkKind
    state: WorkState
    by: str
    asked_at: Moment
    ended_at: Moment | None
    attempts: int
    what: str
    done: int
    total: int
    bytes: int
    error: str
    result: dict[str, Any]


class Exported(Wire):
    package: Package
    work: Work


class NewHold(Given):
    """A legal hold; it wins over every schedule until it is released."""

    number: Annotated[Name, Field(description="Of the legal case", examples=["2026-CV-01187"])]
    scope: HoldScope
    object: Annotated[Maybe, Field(description="The agent's, package's or trace's id")] = ""
    reason: Prose

    @model_validator(mode="after")
    def _whom(self) -> Self:
        if (self.scope == "organisation") != (self.object == ""):
            raise ValueError("object: the id of what is held; none for the whole organisation")
        return self


class Release(Given):
    reason: Annotated[Prose, Field(min_length=1)]


class Hold(Wire):
    id: str
    number: str
    scope: HoldScope
    object: str
    reason: str
    placed_by: str
    placed_at: Moment
    released_by: str | None
    released_at: Moment | None
    release_reason: str


class HoldList(Wire):
    holds: list[Hold]


class NewDisposition(Given):
    """Destroy a package and what is left of its rows, since its time is over. A second person must approve."""

    reason: Annotated[Prose, Field(min_length=1)]


class Disposition(Wire):
    id: str
    package: PackageId
    reason: str
    requested_by: str
    requested_at: Moment
    decided_by: str | None
    decided_at: Moment | None
    approved: bool | None
    verdict: str


class DispositionList(Wire):
    dispositions: list[Disposition]


class Decided(Given):
    approve: Flag
    reason: Prose = ""


class CalendarCell(Wire):
    """A month of an agent. `traces`: sealed ones that are in the store."""

    month: date
    state: Cell
    traces: int
    packages: list[PackageId]
    locked_until: Moment | None
    why: str


class CalendarRow(Wire):
    agent: Slug
    months: list[CalendarCell]


class Calendar(Wire):
    """Months of agents, the oldest first."""

    rows: list[CalendarRow]


class Key(Wire):
    """`fingerprint`: SHA-256 of the public key in DER, hex. `until` empty: it signs now."""

    fingerprint: str
    pem: str
    since: Moment
    until: Moment | None


class KeyList(Wire):
    keys: list[Key]


class Rotate(Given):
    reason: Annotated[Prose, Field(min_length=1)]


PackageDetail.model_rebuild()
