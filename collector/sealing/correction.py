"""A new seal of traces against the one before: what is to be written, and what was said is to be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collector.sealing.facts import SEALED, Facts, numbers, traces_of
from collector.sealing.ordering import Bools, Ints, ordered
from collector.sealing.stored import Key, Newest

_MILLISECONDS = pa.timestamp("ms", "UTC")
_TOLD_APART = [name for name in SEALED.names if name not in ("Org", "TraceId", "PriceBook")]
"""A seal that differs in none of these says the same. That it was priced by another book isn't said to anybody."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Rows of `sealed`, in one chunk, for the traces whose number is in `written`."""

    rows: pa.Table
    written: Bools
    gone: Bools
    """Of these traces less is stored than when they were sealed: what was said then stands."""


def correct(facts: Facts, seals: Mapping[Key, Newest], before: pa.Table | None, sealed_at_ms: int) -> Correction:
    """What to write so that these facts count: `before` holds those of the newest seals in `seals`."""
    seal = np.array([seals[key].seal if key in seals else 0 for key in facts.keys], np.int64)
    seen = np.array([seals[key].stored if key in seals else 0 for key in facts.keys], np.int64)
    gone = facts.stored < seen
    written = ~gone
    if before is None or not len(before):
        return Correction(_sealed(facts.rows, facts.trace, seal + 1, 1, sealed_at_ms, written), written, gone)
    trace, order = _placed(before, facts.keys)
    before = before.take(order).combine_chunks()
    written &= _differs(facts, before, trace) | (seal == 0)
    new = _sealed(facts.rows, facts.trace, seal + 1, 1, sealed_at_ms, written)
    taken_back = before.filter(pa.array(written[trace]))
    signed = _signed(_shaped(taken_back), taken_back["Seal"], -1, taken_back["SealedAt"].cast(_MILLISECONDS))
    return Correction(pa.concat_tables([new, signed]).unify_dictionaries().combine_chunks(), written, gone)


def _placed(before: pa.Table, keys: list[Key]) -> tuple[Ints, Ints]:
    """The trace's number of each row, and the rows by trace and span key. Rows of no such trace are left out."""
    code, found = traces_of(before)
    places = {key: number for number, key in enumerate(keys)}
    trace = np.array([places.get(key, -1) for key in found], np.int64)[code]
    here = np.flatnonzero(trace >= 0)
    span_key = numbers(before, "SpanKey")[here]
    order = here[ordered(trace[here], span_key * 2.0**-64, span_key)]
    return trace[order], order


def _differs(facts: Facts, before: pa.Table, trace: Ints) -> Bools:
    """Which traces' facts are not what they were."""
    traces = len(facts.keys)
    differs: Bools = np.bincount(facts.trace, minlength=traces) != np.bincount(trace, minlength=traces)
    now = facts.rows.filter(pa.array(~differs[facts.trace]))
    then = _shaped(before.filter(pa.array(~differs[trace])))
    of = trace[~differs[trace]]
    for name in _TOLD_APART:
        one, other = (_plain(table[name]) for table in (now, then))
        same = pc.fill_null(pc.equal(one, other), False)
        neither = pc.and_(one.is_null(), other.is_null())
        unlike = pc.invert(pc.or_(same, neither)).to_numpy(zero_copy_only=False)
        differs[of[unlike]] = True
    return differs


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _sealed(rows: pa.Table, trace: Ints, seal: Ints, sign: int, at_ms: int, written: Bools) -> pa.Table:
    if not written.all():
        kept = written[trace]
        rows, trace = rows.filter(pa.array(kept)), trace[kept]
    at = pa.array(np.full(len(trace), at_ms)).cast(pa.timestamp("ms")).cast(_MILLISECONDS)
    return _signed(rows, pa.array(seal[trace].astype(np.uint32)), sign, at)


def _signed(rows: pa.Table, seal: pa.Array, sign: int, sealed_at: pa.Array) -> pa.Table:
    return (
        rows.append_column("Seal", seal)
        .append_column("Sign", pa.array(np.full(len(rows), sign, np.int8)))
        .append_column("SealedAt", sealed_at)
    )


def _shaped(before: pa.Table) -> pa.Table:
    """The columns of `SEALED`, of its types."""
    columns = []
    for field in SEALED:
        column = before[field.name]
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        columns.append(column.cast(field.type))
    return pa.table(columns, SEALED)
