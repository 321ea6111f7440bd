"""Evidence of a trace: every question, how to undo it, and how complete it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from inventory.canonical import canonical, sha256
from inventory.contract.evidence import Answer, Evidence, Source, UndoStep
from inventory.db.models import Release
from inventory.evidence.gathering import Gathered
from inventory.evidence.questions import QUESTIONS


def evidence(found: Gathered, now: datetime, *, masked: bool) -> Evidence:
    steps = undo(found)
    answers = [*(question(found) for question in QUESTIONS), _undoing(steps)]
    needed = [one for one in answers if one.standing != "not-needed"]
    known = [one for one in needed if one.standing != "missing"]
    proved = [one for one in needed if one.standing == "verified"]
    trace = found.detail.trace
    said = [one.model_dump(mode="json") for one in answers]
    return Evidence(
        as_of=now, trace_id=trace.trace_id, name=trace.root_name, agents=sorted(set(found.agents.values())),
        start=trace.start, duration_ns=trace.duration_ns, outcome=trace.outcome, masked=masked, sealed=trace.sealed,
        completeness=len(known) / len(needed) if needed else 1.0, verified=len(proved) / len(needed) if needed else 1.0,
        answers=answers, undo=steps,
        digest=sha256(canonical([trace.trace_id, said, [one.model_dump(mode="json") for one in steps]])),
    )  # fmt: skip


def undo(found: Gathered) -> list[UndoStep]:
    """What was written, the last first, and the releases that could be gone back from."""
    steps = []
    for span in reversed(found.tools):
        if not found.writes(span):
            continue
        how = found.entry(span).get("tools", {}).get("reversals", {}).get(span.tool, "")
        failed = " (it failed, and may have done its work)" if span.status == "Error" else ""
        steps.append(
            UndoStep(
                what=f"{span.tool}{failed}", how=how, standing="verified" if how else "missing", span_id=span.span_id,
                at=span.start,
            )
        )  # fmt: skip
    return steps + [_rollback(row) for row in found.releases.values()]


def _rollback(row: Release) -> UndoStep:
    if row.rollback_to is None:
        what = f"release {row.number} of {row.agent}"
        return UndoStep(what=what, how="", standing="missing", span_id="", at=None)
    return UndoStep(
        what=f"release {row.number} of {row.agent}",
        how=f"muster releases rollback {row.agent} (back to {row.rollback_to.removeprefix('sha256:')[:12]})",
        standing="verified", span_id="", at=None,
    )  # fmt: skip


def _undoing(steps: Sequence[UndoStep]) -> Answer:
    asks = "How is it undone?"
    written = [one for one in steps if one.span_id]
    if not written:
        text = "Nothing was written, as far as the registry knows which tools write."
        return Answer(question="undo", asks=asks, standing="not-needed", answer=text, sources=[])
    lacking = sorted({one.what.partition(" ")[0] for one in written if one.standing == "missing"})
    sources = [
        Source(kind="span", id=one.span_id, standing=one.standing, says=f"{one.what}: {one.how or 'nobody says how'}",
               at=one.at)
        for one in written[:12]
    ]  # fmt: skip
    if lacking:
        return Answer(
            question="undo", asks=asks, standing="missing", sources=sources, more=max(0, len(written) - 12),
            answer=f"Nobody says how what {', '.join(lacking)} did is undone.",
            missing=[f"declare the reversal of {name} in the agent's entry (tools.reversals)" for name in lacking],
        )  # fmt: skip
    return Answer(
        question="undo", asks=asks, standing="verified", sources=sources, more=max(0, len(written) - 12),
        answer=f"In {len(written)} step{'' if len(written) == 1 else 's'}, the last write first.",
    )  # fmt: skip
