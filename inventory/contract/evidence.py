"""The wire of evidence: what can be said of a trace, from which rows, and how well it is known."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from inventory.contract import Count, Moment, TraceId, Wire

Standing = Literal["verified", "claimed", "missing", "not-needed"]
"""verified: Muster's own record says so, or checked it. claimed: the agent says so. missing: nobody says anything.
not-needed: nothing happened of which it would have to be known.
"""
SourceKind = Literal["span", "log", "approval", "release", "agent", "envelope", "seal", "finding"]


class Source(Wire):
    """A row that an answer rests on. `id`: of the span, the approval, the release, the agent."""

    kind: SourceKind
    id: str
    standing: Standing
    says: Annotated[str, Field(description="What it says, in words")]
    at: Moment | None = None


class Answer(Wire):
    """`answer` is a sentence; `missing` says what would have to be sent, or done, to know more."""

    question: Annotated[str, Field(examples=["requester"])]
    asks: Annotated[str, Field(examples=["Who requested it?"])]
    standing: Standing
    answer: str
    sources: list[Source]
    more: Annotated[Count, Field(description="Further rows that say the like")] = 0
    missing: list[str] = []


class UndoStep(Wire):
    """In the order in which it is undone: the last that was done comes first."""

    what: str
    how: Annotated[str, Field(description="Empty: nobody has said how")]
    standing: Standing
    span_id: str
    at: Moment | None


class Evidence(Wire):
    """`completeness`: the share of what is needed that is verified or claimed; `verified` the share that is verified.
    `digest`: SHA-256 of the answers, so that a printed page can be compared with what is known later.
    """

    as_of: Moment
    trace_id: TraceId
    name: str
    agents: list[str]
    start: Moment
    duration_ns: int
    outcome: str
    masked: Annotated[bool, Field(description="Some content may not be seen by whoever asks")]
    sealed: bool
    completeness: float
    verified: float
    answers: list[Answer]
    undo: list[UndoStep]
    digest: str
