"""Rows as columns, and back: what the code under test says of each counting row and trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from collector.sealing.forest import Spans
from collector.sealing.structure import Structure, structure
from tests.collector.sealing.oracle import Meaning, Row, Whole


def spans(rows: Sequence[Row]) -> Spans:
    return Spans(
        trace=np.array([row.trace for row in rows], np.int64),
        span_id=np.array([row.span_id for row in rows], np.uint64),
        parent_id=np.array([row.parent_id for row in rows], np.uint64),
        start_ns=np.array([row.start for row in rows], np.int64),
        duration_ns=np.array([row.duration for row in rows], np.int64),
        received_ns=np.array([row.received for row in rows], np.int64),
        request=np.array([row.request for row in rows], np.int64),
        agent=np.array([row.agent for row in rows], np.int32),
        is_model_call=np.array([row.call for row in rows], np.bool_),
        has_tokens=np.array([row.tokens for row in rows], np.bool_),
        response_id=np.array([row.response for row in rows], np.int32),
        is_human_wait=np.array([row.wait for row in rows], np.bool_),
    )


def meanings(rows: Sequence[Row], found: Structure) -> dict[tuple[int, int], Meaning]:
    """By trace and span id."""
    said = {}
    for at, row in enumerate(rows):
        if found.first[at]:
            assert (row.trace, row.span_id) not in said
            meaning = Meaning(**{each.name: getattr(found, each.name)[at].item() for each in fields(Meaning)})
            meaning.parent = 0 if meaning.parent < 0 else rows[meaning.parent].span_id
            said[row.trace, row.span_id] = meaning
    return said


def wholes(rows: Sequence[Row], found: Structure) -> list[Whole]:
    """By trace number."""
    all_said = []
    for trace in range(len(found.traces.spans)):
        said = Whole(**{each.name: getattr(found.traces, each.name)[trace].item() for each in fields(Whole)})
        said.root = rows[said.root].span_id
        all_said.append(said)
    return all_said


def understood(*rows: Row) -> tuple[dict[int, Meaning], Whole]:
    """What is said of each span of one trace, by id, and of the trace."""
    found = structure(spans(rows))
    return {span_id: said for (_, span_id), said in meanings(rows, found).items()}, wholes(rows, found)[0]
