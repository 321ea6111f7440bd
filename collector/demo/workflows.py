"""What a booking becomes: a workflow played on a stage."""

from __future__ import annotations

from random import Random

from collector.demo import pipeline, strays, support
from collector.demo.run import Run
from collector.demo.schedule import Booking, Workflow
from collector.demo.stage import Stage


def perform(stage: Stage, booking: Booking, *, until: int | None = None, patience: float = 1.0) -> int:
    """Plays one trace and returns when it ended (ns). `until` and `patience` bound how long people take."""
    rng = Random(booking.seed)  # noqa: S311
    run = Run(stage, rng, start=booking.start, until=until, patience=patience)
    match booking.workflow:
        case Workflow.SUPPORT:
            support.play(run, booking.incident)
        case Workflow.PIPELINE:
            pipeline.play(run, booking.incident)
        case Workflow.SHADOW:
            strays.scrape(run)
        case Workflow.LEGACY:
            strays.answer(run)
    return run.now
