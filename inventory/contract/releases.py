"""The wire of releases: what exactly an agent runs, and who let it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from inventory.contract import Moment, Wire
from inventory.contract.words import Content, Digest, Flag, Given, Instant, Maybe, Name, Prose, Slug

PartKind = Literal["prompt", "model", "tool-schema", "corpus", "logic", "policy"]
Status = Literal["proposed", "approved", "rejected"]


class GivenPart(Given):
    """A part with its content; or, of what is kept elsewhere (an image, an index), the digest and where it is."""

    kind: PartKind
    name: Annotated[Name, Field(examples=["system-prompt"])]
    content: Annotated[Content | None, Field(examples=["You answer support questions."])] = None
    digest: Digest | None = None
    uri: Annotated[Maybe, Field(description="Where content is that isn't kept here")] = ""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.content is None) == (self.digest is None):
            raise ValueError("a part has either content or the digest of what is kept elsewhere")
        return self


class Evaluation(Given):
    """A result that was measured before release."""

    name: Annotated[Name, Field(examples=["golden-set-v3"])]
    score: Annotated[float | None, Field(allow_inf_nan=False, strict=True)] = None
    passed: Flag | None = None
    uri: Maybe = ""
    at: Instant | None = None


class Bundle(Given):
    """What a release is made of. Only the parts make its id: the same parts are the same release."""

    parts: Annotated[list[GivenPart], Field(min_length=1, max_length=200)]
    version: Annotated[Maybe, Field(description="A name for people", examples=["2026.11.2"])] = ""
    note: Prose = ""
    rollback_to: Annotated[Digest | None, Field(description="The release to go back to")] = None
    evaluations: Annotated[list[Evaluation], Field(max_length=100)] = []

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        names = [(part.kind, part.name) for part in self.parts]
        if len(names) != len(set(names)):
            raise ValueError("two parts have the same kind and name")
        return self


class Draft(Wire):
    """The next release, while it is edited; the approved one stays live beside it."""

    agent: Slug
    revision: int
    editors: list[str]
    created_at: Moment
    updated_at: Moment
    bundle: Bundle


class Part(Wire):
    """`size`: bytes of the content here; null: it is kept elsewhere."""

    kind: PartKind
    name: str
    digest: Digest
    size: int | None
    uri: str


class Release(Wire):
    """An immutable bundle under its content address. `revision` counts decisions about it and is its ETag."""

    agent: Slug
    id: Digest
    number: int
    version: str
    status: Status
    active: bool
    revision: int
    parts: list[Part]
    note: str
    rollback_to: str | None
    evaluations: list[Evaluation]
    editors: list[str]
    created_at: Moment
    created_by: str
    decided_at: Moment | None
    decided_by: str | None
    reason: str


class ReleasePage(Wire):
    """`next` is the cursor of the following page, null on the last one."""

    releases: list[Release]
    next: str | None = None


class ActiveRelease(Wire):
    """What an agent is to run now. `since` is when it became so."""

    agent: Slug
    release: Release
    since: Moment


class PartContent(Wire):
    """A part's content. Masked without `content:read`."""

    digest: Digest
    content: str | None
    masked: bool = False


class PartChange(Wire):
    """A part in two releases; null: it isn't in that one. `text` is a unified diff, null where content is elsewhere or
    may not be seen.
    """

    kind: PartKind
    name: str
    change: Literal["added", "removed", "changed", "same"]
    before: str | None
    after: str | None
    text: str | None


class Diff(Wire):
    """What leads from one release of an agent to another."""

    agent: Slug
    before: Digest
    after: Digest
    parts: list[PartChange]


class Verdict(Given):
    """What a second person says of a proposed release."""

    decision: Literal["approve", "reject"]
    reason: Prose = ""
